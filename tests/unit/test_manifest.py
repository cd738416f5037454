"""manifest.yml and the code ask for the same: commands, events, scopes; and both ways of starting find the manifest."""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from slack_sdk.web.async_client import AsyncWebClient

import app
from bot.settings import Settings
from handlers.cli.commands import main
from handlers.slack.dispatch.registration import Registered
from handlers.slack.manifest import manifest
from storage.sealing import Secret

ROOT = Path(__file__).parents[2]
SCOPES_OF = {  # https://docs.slack.dev/reference/methods; a channel may be public or private
    "apps_connections_open": set(),  # of the bot token: it needs an app token with a scope of its own
    "apps_uninstall": set(),
    "auth_teams_list": set(),
    "auth_test": set(),
    "canvases_access_set": {"canvases:write"},
    "canvases_create": {"canvases:write"},
    "canvases_delete": {"canvases:write"},
    "canvases_getContent": {"canvases:read"},
    "chat_getPermalink": set(),
    "chat_delete": {"chat:write"},
    "chat_postEphemeral": {"chat:write"},
    "chat_postMessage": {"chat:write"},
    "chat_update": {"chat:write"},
    "conversations_info": {"channels:read", "groups:read"},
    "conversations_join": {"channels:join"},
    "conversations_members": {"channels:read", "groups:read"},
    "conversations_open": {"im:write"},
    "emoji_list": {"emoji:read"},
    "files_completeUploadExternal": {"files:write"},
    "files_delete": {"files:write"},
    "files_getUploadURLExternal": {"files:write"},
    "files_info": {"files:read"},
    "oauth_v2_access": set(),
    "usergroups_list": {"usergroups:read"},
    "users_conversations": {"channels:read", "groups:read"},
    "users_info": {"users:read", "users:read.email"},  # the second for the address
    "views_open": set(),
    "views_publish": set(),
    "views_push": set(),
    "views_update": set(),
}
SCOPES_OF_EVENT = {  # https://docs.slack.dev/reference/events
    "app_home_opened": set(),
    "app_uninstalled": set(),
    "team_access_": set(),
    "tokens_revoked": set(),
    "channel_": {"channels:read"},
    "group_": {"groups:read"},
    "member_": {"channels:read", "groups:read"},
    "user_": {"users:read"},
}


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory) -> list[Registered]:
    """What a Mailroom that is built, and not started, listens to."""
    folder = tmp_path_factory.mktemp("mailroom")
    settings = Settings(
        _env_file=None,
        slack_bot_token=Secret("xoxb-1"),
        slack_signing_secret=Secret("secret"),
        database_url=f"sqlite+aiosqlite:///{folder}/mailroom.db",
    )
    built = app.Mailroom(settings)
    built.services.clients.close()
    built.services.polling_clients.close()
    return built.slack.listeners.registered


def bot_scopes() -> set[str]:
    return set(manifest()["oauth_config"]["scopes"]["bot"])


def events() -> set[str]:
    return set(manifest()["settings"]["event_subscriptions"]["bot_events"])


def methods_called() -> set[str]:
    """Every method of Slack's Web API that the product's code names."""
    known = {name for name in dir(AsyncWebClient) if re.fullmatch(r"[a-z]+_\w+", name) and name != "api_call"}
    files = [ROOT / "app.py", *(ROOT / "handlers" / "slack").rglob("*.py")]
    nodes = (node for file in files for node in ast.walk(ast.parse(file.read_text())))
    return {node.attr for node in nodes if isinstance(node, ast.Attribute) and node.attr in known}


def test_every_command_is_in_the_manifest_and_every_one_in_the_manifest_is_answered(
    registered: list[Registered],
) -> None:
    answered = {listener.id.split()[0] for listener in registered if listener.kind == "command"}

    assert answered == {command["command"] for command in manifest()["features"]["slash_commands"]}


def test_every_event_is_in_the_manifest_and_every_one_in_the_manifest_is_heard(registered: list[Registered]) -> None:
    assert {listener.id for listener in registered if listener.kind == "event"} == events()


def test_every_shortcut_is_in_the_manifest_and_every_one_in_the_manifest_is_answered(
    registered: list[Registered],
) -> None:
    shortcuts = {shortcut["callback_id"] for shortcut in manifest()["features"].get("shortcuts", [])}

    assert {listener.id for listener in registered if listener.kind == "shortcut"} == shortcuts


def test_the_scopes_are_those_that_methods_events_and_commands_need_and_no_others() -> None:
    called = methods_called()
    assert "chat_postMessage" in called
    assert called <= SCOPES_OF.keys(), f"which scopes does {called - SCOPES_OF.keys()} need?"

    needed = {"commands"}.union(*(SCOPES_OF[method] for method in called))
    for event in events():
        (scopes,) = [scopes for prefix, scopes in SCOPES_OF_EVENT.items() if event.startswith(prefix)]
        needed |= scopes

    assert bot_scopes() == needed


def test_scopes_are_quoted_since_a_colon_means_something_in_yaml() -> None:
    text = (ROOT / "manifest.yml").read_text()
    block = text[text.index("    bot:\n") : text.index("\nsettings:")]

    assert len(re.findall(r'^      - "[a-z:.]+"$', block, re.MULTILINE)) == len(bot_scopes())


def test_the_texts_fit_what_slack_allows() -> None:
    """https://docs.slack.dev/reference/app-manifest"""
    shown: dict[str, Any] = manifest()["display_information"]

    assert len(shown["name"]) <= 35
    assert len(shown["description"]) <= 140
    assert 174 <= len(shown["long_description"]) <= 4000
    for command in manifest()["features"]["slash_commands"]:
        assert len(command["command"]) <= 32
        assert len(command["description"]) <= 2000
        assert len(command["usage_hint"]) <= 1000


def test_the_words_of_a_command_are_in_its_usage_hint(registered: list[Registered]) -> None:
    for command in manifest()["features"]["slash_commands"]:
        offered = set(re.findall(r"\w+", command["usage_hint"]))
        words = {listener.id.partition(" ")[2] for listener in registered if listener.id.startswith(command["command"])}
        assert offered <= words, command["command"]


@pytest.mark.parametrize("socket_mode", [False, True])
def test_at_an_address_it_says_where_slack_sends_to_and_where_an_install_comes_back(
    capsys: pytest.CaptureFixture[str], socket_mode: bool
) -> None:
    arguments = ["manifest", "--url", "https://mail.acme.test", *(["--socket-mode"] if socket_mode else [])]
    assert main(arguments, app.Mailroom) == 0
    made = json.loads(capsys.readouterr().out)
    assert made.pop("oauth_config") == manifest()["oauth_config"] | {
        "redirect_urls": ["https://mail.acme.test/slack/oauth_redirect"]
    }
    events = "https://mail.acme.test/slack/events"
    addresses = [command.pop("url", "") for command in made["features"]["slash_commands"]]
    addresses += [made["settings"][part].pop("request_url", "") for part in ("interactivity", "event_subscriptions")]
    assert set(addresses) == ({""} if socket_mode else {events})
    assert made["settings"]["socket_mode_enabled"] is socket_mode
    made["settings"]["socket_mode_enabled"] = True
    assert made == {name: part for name, part in manifest().items() if name != "oauth_config"}


def test_an_address_that_slack_would_not_take_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["manifest", "--url", "http://mail.acme.test/path"], app.Mailroom) == 1
    assert "--url must be the https address" in capsys.readouterr().err


def test_the_manifest_command_and_the_hook_of_the_slack_cli_print_it_as_json() -> None:
    hooks = json.loads((ROOT / ".slack" / "hooks.json").read_text())
    assert hooks["config"]["sdk-managed-connection-enabled"] is True
    assert hooks["config"]["watch"]["manifest"]["paths"] == ["manifest.yml"]
    _, *arguments = hooks["hooks"]["get-manifest"].split()
    printed = subprocess.run(  # noqa: S603 - a command of this repository
        [sys.executable, *arguments], cwd=ROOT, capture_output=True, check=True, text=True
    )

    assert json.loads(printed.stdout) == manifest()


def test_slack_run_starts_the_bot_with_the_tokens_of_the_app_that_it_has_installed() -> None:
    """As the CLI does it: split at spaces, nothing appended, its two variables in the environment."""
    start = json.loads((ROOT / ".slack" / "hooks.json").read_text())["hooks"]["start"]
    python, *arguments = start.split()
    assert python == ".venv/bin/python"
    own = {name: value for name, value in os.environ.items() if name not in {"SLACK_BOT_TOKEN", "SLACK_APP_TOKEN"}}
    of_cli = {"SLACK_CLI_XOXB": "xoxb-1-dev", "SLACK_CLI_XAPP": "xapp-1-dev"}

    def said(**settings: str) -> str:
        ran = subprocess.run(  # noqa: S603 - a command of this repository
            [sys.executable, *arguments], cwd=ROOT, env=own | settings, capture_output=True, check=False, text=True
        )
        assert ran.returncode == 1
        return ran.stderr

    nowhere = {"DATABASE_URL": "mysql://nowhere"}  # looked at once the tokens are
    assert said(**nowhere).startswith("Mailroom cannot start: SLACK_BOT_TOKEN is missing")
    assert said(**nowhere, **of_cli).startswith("Mailroom cannot start: DATABASE_URL")
