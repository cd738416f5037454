"""A wrong setting ends the start with one sentence that names it, and never with its value."""

import logging
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app import Mailroom
from bot.logs import OURS
from bot.settings import Settings, load
from handlers.cli.commands import main

GOOD = {"SLACK_BOT_TOKEN": "xoxb-1-good", "SLACK_APP_TOKEN": "xapp-1-good"}
BY_OAUTH = {
    "SLACK_CLIENT_ID": "1.2",
    "SLACK_CLIENT_SECRET": "h1dden",
    "PUBLIC_URL": "https://acme.test",
}
HIDDEN = "h1dden"  # part of every value that must not be printed

Start = Callable[..., tuple[int, str]]


@pytest.fixture(autouse=True)
def _nothing_is_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No setting of whoever runs this, and logging as it was afterwards."""
    for name in os.environ:
        if name.lower() in Settings.model_fields or name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    handlers, levels = list(logging.root.handlers), {name: logging.getLogger(name).level for name in (None, *OURS)}
    yield
    logging.root.handlers[:] = handlers
    for logger, level in levels.items():
        logging.getLogger(logger).setLevel(level)


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Start:
    """`python app.py` with these settings: its exit code and what it prints."""

    def run(**settings: str) -> tuple[int, str]:
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        code = main([], Mailroom)
        printed = capsys.readouterr()
        assert printed.out == ""
        return code, printed.err

    return run


@pytest.mark.parametrize(
    ("settings", "names", "mend"),
    [
        ({"SLACK_BOT_TOKEN": ""}, "SLACK_BOT_TOKEN is missing", "OAuth & Permissions"),
        ({"SLACK_BOT_TOKEN": "xoxb-"}, "SLACK_BOT_TOKEN is missing", "OAuth & Permissions"),
        ({"SLACK_APP_TOKEN": "xapp-"}, "SLACK_APP_TOKEN and SLACK_SIGNING_SECRET are both missing", "Socket Mode"),
        ({"SLACK_BOT_TOKEN": "xoxp-h1dden"}, "SLACK_BOT_TOKEN is not a bot token", "begin with xoxb-"),
        ({"SLACK_APP_TOKEN": "xoxb-h1dden"}, "SLACK_APP_TOKEN is not an app-level token", "begin with xapp-"),
        ({"SLACK_APP_TOKEN": ""}, "SLACK_APP_TOKEN and SLACK_SIGNING_SECRET are both missing", "Socket Mode"),
        ({"SLACK_API_URL": "h1dden.test/api"}, "SLACK_API_URL must be", "https"),
        ({"SLACK_API_URL": "http://h1dden.test/api/"}, "SLACK_API_URL must be", "loopback"),
        ({"SLACK_CLIENT_ID": "1.2"}, "SLACK_CLIENT_SECRET is missing", "Basic Information"),
        ({"SLACK_CLIENT_SECRET": "h1dden"}, "SLACK_CLIENT_ID is missing", "Basic Information"),
        ({"SLACK_CLIENT_ID": "1.2", "SLACK_CLIENT_SECRET": "h1dden"}, "PUBLIC_URL is missing", "/slack/install"),
        ({"MAILROOM_WORKSPACES": "T1"}, "MAILROOM_WORKSPACES says who may install", "needs SLACK_CLIENT_ID"),
        ({**BY_OAUTH, "MAILROOM_WORKSPACES": "T1, h1dden"}, "MAILROOM_WORKSPACES must be ids", "T…"),
        ({**BY_OAUTH, "SLACK_BOT_TOKEN": "xoxp-h1dden"}, "SLACK_BOT_TOKEN is not a bot token", "begin with xoxb-"),
        ({"DATABASE_URL": "mysql://me:h1dden@db/x"}, "DATABASE_URL must begin with", "sqlite+aiosqlite:///"),
        ({"DATABASE_URL": "h1dden"}, "DATABASE_URL is not an address", "postgresql+asyncpg://"),
        ({"DATABASE_URL": "sqlite+aiosqlite://"}, "DATABASE_URL must name a file", "PostgreSQL"),
        ({"DATABASE_URL": "postgresql+asyncpg://me:h1dden@db/x"}, "MAILROOM_KEYS is missing", "app.py new-key"),
        ({"MAILROOM_KEYS": "h1dden"}, "MAILROOM_KEYS", "must be 32 bytes"),
        ({"PUBLIC_URL": "http://h1dden.test"}, "PUBLIC_URL must be the https address", "loopback"),
        ({"PUBLIC_URL": "https://h1dden.test/path"}, "PUBLIC_URL must be the https address", "without a path"),
        ({"PUBLIC_URL": "https://me:h1dden@acme.test"}, "PUBLIC_URL must be the https address", "without a path"),
        ({"PUBLIC_URL": "https://[h1dden"}, "PUBLIC_URL must be the https address", "without a path"),
        ({"MAILROOM_ROLE_TEMPLATE_URL": "http://h1dden.test"}, "MAILROOM_ROLE_TEMPLATE_URL must be", "role-template"),
        ({"MAILROOM_OPS_CHANNEL": "#h1dden"}, "MAILROOM_OPS_CHANNEL must be", "T…/C…"),
        ({"MAILROOM_DNS_SERVER": "h1dden"}, "MAILROOM_DNS_SERVER must be", "host:port"),
        ({"PORT": "h1dden"}, "PORT cannot be used", "integer"),
        ({"PORT": "70000"}, "PORT cannot be used", "65535"),
        ({"MAILROOM_POLL_PENDING_SECONDS": "0"}, "MAILROOM_POLL_PENDING_SECONDS cannot be used", "greater than 0"),
        ({"MAILROOM_POLL_REVIEW_SECONDS": "-1"}, "MAILROOM_POLL_REVIEW_SECONDS cannot be used", "greater than 0"),
        ({"MAILROOM_POLL_HEALTHY_SECONDS": "h1dden"}, "MAILROOM_POLL_HEALTHY_SECONDS cannot be used", "number"),
        ({"MAILROOM_SMALL_BROADCAST_LIMIT": "0"}, "MAILROOM_SMALL_BROADCAST_LIMIT cannot be used", "1"),
        ({"MAILROOM_TEST_LIMIT": "51"}, "MAILROOM_TEST_LIMIT cannot be used", "50"),
        ({"MAILROOM_UNDO_SECONDS": "-1"}, "MAILROOM_UNDO_SECONDS cannot be used", "0"),
        ({"MAILROOM_CALL_BYTES": "1000"}, "MAILROOM_CALL_BYTES cannot be used", "200000"),
        ({"LOG_LEVEL": "h1dden"}, "LOG_LEVEL cannot be used", "DEBUG"),
        ({"LOG_FORMAT": "h1dden"}, "LOG_FORMAT cannot be used", "json"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_a_wrong_setting_ends_the_start_with_one_sentence(
    start: Start, settings: dict[str, str], names: str, mend: str
) -> None:
    code, printed = start(**GOOD | settings)

    assert code == 1
    assert printed.startswith("Mailroom cannot start: ")
    assert names in printed
    assert mend in printed
    assert HIDDEN not in printed
    assert printed.count("\n") == 1
    assert "Traceback" not in printed


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (None, "it cannot be read (No such file or directory)"),
        (b"approval_from =", "it is no TOML"),
        (b"\xff", "it is not UTF-8"),
        (b"approval_form = 1000", "it has an unknown key approval_form; known are approval_from, approvals,"),
        (b"approvals = 3", "approvals: Input should be less than or equal to 2"),
        (b"approval_from = 0", "approval_from: Input should be greater than or equal to 1"),
        (b'api_send = "no"', "api_send: Input should be a valid boolean"),
        (b"require_one_click = true", "PUBLIC_URL is missing: MAILROOM_POLICY_FILE wants one-click unsubscribe"),
    ],
    ids=["missing", "toml", "encoding", "unknown key", "too many", "too few", "type", "one click"],
)
def test_a_policy_that_cannot_be_used_ends_the_start(
    start: Start, tmp_path: Path, written: bytes | None, said: str
) -> None:
    if written is not None:
        (tmp_path / "policy-h1dden.toml").write_bytes(written)

    code, printed = start(**GOOD, MAILROOM_POLICY_FILE="policy-h1dden.toml")

    assert code == 1
    assert said in printed
    assert HIDDEN not in printed
    assert printed.count("\n") == 1


def test_a_port_that_is_taken_is_a_sentence_too(start: Start, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        code, printed = start(
            **GOOD,
            SLACK_API_URL="http://127.0.0.1:9/",
            PORT=str(taken.getsockname()[1]),
            DATABASE_URL=f"sqlite+aiosqlite:///{tmp_path}/mailroom.db",
            LOG_LEVEL="ERROR",
        )

    assert code == 1
    assert printed.startswith("Mailroom cannot start: HOST and PORT")
    assert printed.count("\n") == 1


def test_a_secret_may_be_a_file_of_systemd_or_compose(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in GOOD.items():
        (tmp_path / name).write_text(f"{value}\n")
    (tmp_path / "PORT").write_text("4000")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("PORT", "5000")

    settings = load()

    assert settings.slack_bot_token.reveal() == GOOD["SLACK_BOT_TOKEN"]
    assert settings.port == 5000


def test_settings_come_from_a_file_and_the_environment_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    lines = [*(f"{name}={value}" for name, value in GOOD.items()), "PORT=4000", "HOST=0.0.0.0", "AWS_REGION=eu-west-1"]
    (tmp_path / ".env").write_text("\n".join(lines))
    monkeypatch.setenv("PORT", "5000")
    monkeypatch.setenv("HOST", "")  # empty is as not set
    monkeypatch.setenv("AWS_REGION", "eu-north-1")

    settings = load()

    assert (settings.host, settings.port) == ("0.0.0.0", 5000)  # noqa: S104 - as in the file
    assert settings.socket_mode
    assert os.environ["AWS_REGION"] == "eu-north-1"


def test_what_is_printed_of_the_settings_holds_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "SLACK_SIGNING_SECRET", "MAILROOM_KEYS"):
        monkeypatch.setenv(name, f"{GOOD.get(name, '')}-{HIDDEN}")

    settings = Settings()

    assert HIDDEN not in repr(settings)
    assert HIDDEN not in str(settings)
    assert HIDDEN not in settings.model_dump_json()
