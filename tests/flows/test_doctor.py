"""`python app.py doctor`: what it looks at, and what it says to do. It changes nothing."""

import os
from pathlib import Path
from typing import Any

import pytest

from app import Mailroom
from bot.settings import Settings
from handlers.cli.commands import examine, main
from handlers.slack.manifest import manifest
from storage.sealing import KeyRing, Secret
from tests.databases import Clock
from tests.flows.world import OVER_HTTP, OVER_SOCKET_MODE, World
from tests.playground.aws import AwsPlayground
from tests.playground.aws.faults import How
from tests.playground.slack import SlackPlayground

NAMES = ["settings", "policy", "database", "sealing keys", "Slack", "Socket Mode", "clock", "AWS", "mailers", "restore"]


async def looked(settings: Settings, **changes: Any) -> dict[str, str]:
    """What is said of each thing, with its mark."""
    findings = await examine(settings.model_copy(update=changes))
    return {one.name: str(one)[:3].strip() + " " + one.said for one in findings}


@OVER_SOCKET_MODE
async def test_a_bot_that_is_set_up_is_well_and_nothing_is_changed(world: World) -> None:
    await world.is_connected()
    before = await world.everything_stored()

    found = await looked(world.bot.settings)

    assert list(found) == NAMES
    assert all(said.startswith("ok ") for said in found.values()), found
    assert "every scope of the manifest" in found["Slack"]
    world.slack.workspace.scopes.discard("users:read.email")
    poorer = (await looked(world.bot.settings))["Slack"]
    assert poorer.startswith("ok ")
    assert "without users:read.email (the person's own address in Mail me one)" in poorer
    assert "SES answers in eu-west-1; no principal of its own" in found["AWS"]
    assert found["mailers"] == "ok 1 connected"
    assert await world.everything_stored() == before


@OVER_SOCKET_MODE
async def test_each_thing_that_is_wrong_is_named_with_what_mends_it(world: World) -> None:
    key = await world.is_connected()
    world.aws.revoke(key)
    await world.passes(600)
    await world.passes(30)
    world.slack.world.workspaces[world.news.workspace.id].scopes.discard("files:read")
    world.aws.fail("ses:GetAccount", How.REFUSE, times=None)

    found = await looked(
        world.bot.settings,
        slack_app_token=Secret("xapp-wrong"),
        mailroom_keys=KeyRing.generate().export(),
        public_url="https://mail.acme.test",
    )

    wrong = {name: said for name, said in found.items() if said.startswith("BAD ")}
    assert list(wrong) == ["settings", "sealing keys", "Slack", "Socket Mode", "AWS", "mailers"]
    for name, words in {
        "settings": "Set MAILROOM_PROXIES",
        "sealing keys": "MAILROOM_KEYS lacks the key",
        "Slack": "without the scopes files:read",
        "Socket Mode": "Slack refuses SLACK_APP_TOKEN (invalid_auth)",
        "AWS": "SES does not answer in eu-west-1",
        "mailers": "1 of 1 have lost access",
    }.items():
        assert words in found[name]
    assert key.secret_access_key not in str(found)


@OVER_SOCKET_MODE
async def test_before_the_first_start_nothing_is_made(
    tmp_path: Path, aws: AwsPlayground, clock: Clock, empty_database_url: str
) -> None:
    del aws
    async with SlackPlayground(clock, manifest=manifest()) as slack:
        settings = Settings(
            _env_file=None,
            slack_bot_token=Secret(slack.bot_token),
            slack_app_token=Secret(slack.app_token),
            slack_api_url=slack.api_url,
            database_url=f"sqlite+aiosqlite:///{tmp_path}/mailroom.db",
        )
        found = await looked(settings)

        assert all(said.startswith("ok ") for said in found.values()), found
        assert "the first start makes" in found["database"] + found["sealing keys"]
        assert os.listdir(tmp_path) == []  # noqa: PTH208 - made by nobody but us
        keys = KeyRing.generate().export()
        on_a_server = await looked(settings, database_url=empty_database_url, mailroom_keys=keys)
        assert all(said.startswith("ok ") for said in on_a_server.values()), on_a_server
        assert "with nothing in it yet" in on_a_server["database"]
        (tmp_path / "mailroom.db").touch()
        assert "Put its copy back" in (await looked(settings))["sealing keys"]


@OVER_HTTP
async def test_a_database_that_cannot_be_used_is_named(world: World, tmp_path: Path) -> None:
    (tmp_path / "mailroom.db").write_bytes(b"not a database" * 100)

    found = await looked(world.bot.settings, database_url=f"sqlite+aiosqlite:///{tmp_path}/mailroom.db")

    assert found["database"].startswith("BAD The database at DATABASE_URL cannot be used")
    assert found["mailers"] == "BAD the same as sealing keys above"


def test_without_settings_it_says_which_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SLACK_BOT_TOKEN", raising=False)

    assert main(["doctor"], Mailroom) == 1
    assert "SLACK_BOT_TOKEN is missing" in capsys.readouterr().err
