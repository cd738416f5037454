from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from slack_bolt.async_app import AsyncApp
from slack_bolt.oauth.async_oauth_settings import AsyncOAuthSettings
from slack_sdk.errors import SlackApiError
from slack_sdk.oauth.installation_store import FileInstallationStore
from slack_sdk.oauth.state_store import FileOAuthStateStore
from slack_sdk.web.async_client import AsyncWebClient

from tests.playground.slack import SlackPlayground

# slack_sdk asks for the token with aiohttp's BasicAuth, which aiohttp 3.14 calls deprecated
pytestmark = pytest.mark.filterwarnings("ignore:BasicAuth is deprecated:DeprecationWarning")


@dataclass
class Service:
    """A real Bolt app with OAuth, for many workspaces."""

    url: str
    store: FileInstallationStore
    teams: list[str]


@pytest.fixture
async def service(slack: SlackPlayground, tmp_path: Path) -> AsyncIterator[Service]:
    store = FileInstallationStore(base_dir=str(tmp_path / "installations"))
    settings = AsyncOAuthSettings(
        client_id=slack.oauth.client_id,
        client_secret=slack.oauth.client_secret,
        scopes=["chat:write", "commands"],
        installation_store=store,
        state_store=FileOAuthStateStore(expiration_seconds=60, base_dir=str(tmp_path / "states")),
        authorization_url=slack.authorize_url,
        state_validation_enabled=False,  # its cookie is for https only
    )
    app = AsyncApp(
        signing_secret=slack.signing_secret,
        client=AsyncWebClient(base_url=slack.api_url),
        oauth_settings=settings,
    )
    teams: list[str] = []

    @app.command("/mailer")
    async def command(ack: Any, client: AsyncWebClient) -> None:
        await ack()
        teams.append((await client.auth_test())["team_id"])
        slack.world.changed()  # for whoever waits for it

    runner = web.AppRunner(app.web_app("/slack/events"), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    slack.request_url = f"{url}/slack/events"
    slack.oauth.redirect_url = f"{url}/slack/oauth_redirect"
    yield Service(url, store, teams)
    await runner.cleanup()


async def test_an_app_is_installed_in_two_workspaces_and_knows_them_apart(
    slack: SlackPlayground, service: Service
) -> None:
    rival = slack.add_workspace("Rival", installed=False)
    ada, eve = slack.person("Ada", role="owner"), slack.person("Eve", role="owner", workspace=rival)
    for person in (ada, eve):
        page = await person.installs(f"{service.url}/slack/install")
        assert "Thank you" in page
    assert rival.revoked is None
    assert rival.scopes == {"chat:write", "commands"}
    await ada.types(slack.channel("ours", people=[ada]), "/mailer")
    await eve.types(slack.channel("theirs", people=[eve], workspace=rival), "/mailer")
    await slack.settled(lambda: len(slack.calls_of("auth.test")) >= 4 and len(service.teams) == 2)
    assert service.teams == [slack.workspace.id, rival.id]


async def test_a_code_works_once_and_only_with_the_secret(slack: SlackPlayground) -> None:
    ada = slack.person("Ada", role="owner")
    client = AsyncWebClient(base_url=slack.api_url)

    async def error_of(code: str, secret: str) -> str:
        with pytest.raises(SlackApiError) as refusal:
            await client.oauth_v2_access(client_id=slack.oauth.client_id, client_secret=secret, code=code)
        return str(refusal.value.response["error"])

    codes = [str(slack.oauth._allow(ada.user, "commands", "")["code"]) for _ in range(2)]
    assert await error_of(codes[0], "guess") == "bad_client_secret"
    old = slack.bot_token
    answer = await client.oauth_v2_access(
        client_id=slack.oauth.client_id, client_secret=slack.oauth.client_secret, code=codes[0]
    )
    assert answer["access_token"] == slack.bot_token != old
    assert await error_of(codes[0], slack.oauth.client_secret) == "invalid_code"
    assert not any("xoxb" in str(call) or slack.oauth.client_secret in str(call) for call in slack.calls)


async def test_a_guest_cannot_install(slack: SlackPlayground) -> None:
    assert slack.oauth._allow(slack.person("G", role="guest").user, "", "") == {"error": "access_denied"}
