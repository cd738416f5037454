"""Each command that docs/operations.md names is run, on a Mailroom with settings and a database of its own."""

import re
import shlex
from pathlib import Path

import pytest

from app import Mailroom
from handlers.cli.commands import main
from storage.sealing import KeyRing

PAGE = (Path(__file__).parents[3] / "docs" / "operations.md").read_text()
ORDER = ("new-key", "manifest", "migrate", "rotate-keys", "fleet", "audit", "backup", "restore")
ELSEWHERE = ("", "doctor")
"""The bot itself (make chaos runs it) and its doctor, which need a Slack and an AWS: tests/flows/test_doctor.py."""


def _commands(folder: Path) -> list[list[str]]:
    """The arguments of each, in an order in which they can be run, with files and addresses in the place of names."""
    lines = {line.partition("  ")[0] for line in re.findall(r"python app\.py\b([^`|\n]*)", PAGE)}
    found = [shlex.split(_filled(line, folder)) for line in sorted(lines)]
    return sorted((each for each in found if (each or [""])[0] not in ELSEWHERE), key=lambda each: ORDER.index(each[0]))


def _filled(line: str, folder: Path) -> str:
    for named, given in (
        ("FILE", f"{folder}/mailroom.copy"),
        ("/backups/", f"{folder}/"),
        ("PUBLIC_URL", "https://mail.example.com"),
        ("<your host>", "mail.example.com"),
    ):
        line = line.replace(named, given)
    return line


def test_every_command_of_operations_can_be_run_as_it_stands_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "SLACK_BOT_TOKEN": "xoxb-1",
        "SLACK_APP_TOKEN": "xapp-1",
        "MAILROOM_KEYS": KeyRing.generate().export().reveal(),
        "DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path}/mailroom.db",
    }.items():
        monkeypatch.setenv(name, value)
    commands = _commands(tmp_path)
    assert {each[0] for each in commands} == set(ORDER)

    for command in commands:
        assert main(command, Mailroom) == 0, (command, capsys.readouterr())

    said = capsys.readouterr().out
    assert "https://mail.example.com/slack/events" in said
    assert (tmp_path / "mailroom.copy").stat().st_mode & 0o777 == 0o600
