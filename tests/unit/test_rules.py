"""What the project's own checks catch, and what stands in one place only: planted, to see that it would be caught."""

import re
import socket
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKED = re.compile(r"^([\w.-]+)==(\S+)((?:.*\\\n)*.*)", re.MULTILINE)
PLANTED = {
    "S602": "subprocess.run(text, shell=True)",
    "S608": "db.execute(f'DELETE FROM team WHERE id = {text}')",
    "S113": "requests.get(text)",
    "S301": "pickle.loads(text)",
    "S307": "eval(text)",
    "S501": "requests.get(text, timeout=1, verify=False)",
    "S506": "yaml.load(text)",
    "T201": "print(text)",
    "BLE001": "try:\n    text()\nexcept Exception:\n    pass",
}


def test_unsafe_code_does_not_pass_the_check() -> None:
    imports = "import pickle\nimport subprocess\nimport requests\nimport yaml\n"
    command = [sys.executable, "-m", "ruff", "check", "--output-format=concise", "--stdin-filename=bot/planted.py", "-"]
    code = imports + "\n".join(PLANTED.values())
    found = subprocess.run(command, input=code, cwd=ROOT, capture_output=True, text=True, check=False).stdout  # noqa: S603 - our own

    assert [rule for rule in PLANTED if f" {rule} " not in found] == []


SECRET = re.compile(
    r"(?!AKIA(?:IOSFODNN7EXAMPLE|0{16}|A{16}))AKIA[A-Z0-9]{16}|xox[abeoprs]-[0-9A-Za-z-]{20,}|xapp-[0-9A-Za-z-]{20,}"
    r"|BEGIN [A-Z ]*PRIVATE KEY|\bmr_[\w-]{40,}"
)
OF_THE_PLAYGROUND = {"tests/flows/old_database.json"}  # a key and a token that open nothing outside its test
PLANTED_SECRETS = ["AKIA" + "Z7Q2" * 4, "xoxb-" + "1234567890-" * 3, "xapp-1-" + "A0B1C2" * 4, "mr_" + "aB3" * 14]


def test_no_secret_is_committed() -> None:
    texts = {
        str(path.relative_to(ROOT)): path.read_bytes().decode(errors="ignore")
        for path in ROOT.rglob("*.*")
        if path.suffix in {".py", ".md", ".yml", ".toml", ".txt", ".json", ".csv", ".ts"}
        and not {"node_modules", "__pycache__"} & {*path.parts}
        and not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
    }

    assert [secret for secret in PLANTED_SECRETS if not SECRET.search(f"token = {secret}")] == []
    assert len(texts) > 300
    assert {name for name, text in texts.items() if SECRET.search(text)} <= OF_THE_PLAYGROUND


def test_text_that_slack_reads_for_markup_is_made_in_one_place() -> None:
    holders = {
        str(path.relative_to(ROOT))
        for folder in ("bot", "handlers")
        for path in (ROOT / folder).rglob("*.py")
        if re.search(r"""MarkdownTextObject|["']mrkdwn["']""", path.read_text())
    }

    assert holders == {"handlers/slack/views/blocks.py"}


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_everything_that_is_installed_is_locked_by_hash_and_new_enough(name: str) -> None:
    locked = {match[1].lower(): (match[2], match[3]) for match in LOCKED.finditer((ROOT / name).read_text())}

    assert [package for package, (_, rest) in locked.items() if "--hash=sha256:" not in rest] == []
    for wanted in map(Requirement, PROJECT["project"]["dependencies"]):
        assert wanted.specifier.contains(locked[wanted.name.lower()][0]), wanted
        assert wanted.specifier.contains(version(wanted.name)), wanted


def test_no_test_reaches_beyond_this_machine() -> None:
    for kind, address in ((socket.SOCK_STREAM, ("192.0.2.1", 443)), (socket.SOCK_DGRAM, ("192.0.2.1", 53))):
        with (
            socket.socket(socket.AF_INET, kind) as outside,
            pytest.raises(RuntimeError, match=r"reached for 192\.0\.2\.1"),
        ):
            outside.connect(address)
