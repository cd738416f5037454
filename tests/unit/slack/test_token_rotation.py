"""Tokens that end: one process renews each, the others read; a renewal that fails is tried again until the end."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
from slack_sdk.errors import SlackApiError

from bot.settings import Settings
from bot.teams.installations import RENEWAL, Access, Grant, Installations
from handlers.slack.oauth.token_rotation import EARLY, TokenRotation
from storage.database import Database
from storage.key_rotation import check_keys, rotate
from storage.sealing import KeyRing, Secret
from tests.databases import Clock
from tests.playground.slack import SlackPlayground

# slack_sdk asks for the token with aiohttp's BasicAuth, which aiohttp 3.14 calls deprecated
pytestmark = [
    pytest.mark.both_databases,
    pytest.mark.filterwarnings("ignore:BasicAuth is deprecated:DeprecationWarning"),
]

OLD, NEW = b"1" * 32, b"2" * 32


@dataclass
class Station:
    """One installation, that a Slack made whose tokens end, and what two processes have of it."""

    slack: SlackPlayground
    db: Database
    clock: Clock
    settings: Settings
    installations: Installations

    def process(self) -> TokenRotation:
        return TokenRotation(self.settings, self.installations, self.clock, self.clock.sleep)

    async def stored(self) -> Access | None:
        return await self.installations.find(self.slack.workspace.id)

    async def now(self) -> Access:
        access = await self.stored()
        assert access is not None
        return access

    @property
    def renewals(self) -> int:
        return len(self.slack.calls_of("oauth.v2.access")) - 1


@pytest.fixture
async def station(db: Database, clock: Clock) -> AsyncIterator[Station]:
    async with SlackPlayground(clock) as slack:
        slack.oauth.rotation = True
        settings = Settings(
            _env_file=None,
            slack_api_url=slack.api_url,
            slack_client_id=slack.oauth.client_id,
            slack_client_secret=Secret(slack.oauth.client_secret),
        )
        installations = Installations(db, KeyRing({"old": OLD}))
        owner = slack.person("Ada", role="owner")
        given = slack.oauth.access(
            {
                "client_id": slack.oauth.client_id,
                "client_secret": slack.oauth.client_secret,
                "code": slack.oauth._allow(owner.user, "chat:write", "")["code"],
            },
            "",
        )
        slack.api.record("oauth.v2.access", {}, {"ok": True})
        grant = Grant(
            workspace=slack.workspace.id,
            enterprise="",
            bot_user_id=given["bot_user_id"],
            token=Secret(given["access_token"]),
            scopes=given["scope"],
            installed_by=owner.id,
            refresh_token=Secret(given["refresh_token"]),
            expires_at=clock() + timedelta(seconds=given["expires_in"]),
        )
        await installations.save(grant)
        yield Station(slack, db, clock, settings, installations)


async def test_two_processes_renew_a_token_once_before_it_ends_and_both_go_on(station: Station) -> None:
    one, two = station.process(), station.process()
    first = await station.now()
    station.clock.advance(12 * 3600 - EARLY.total_seconds() - 1)
    await one.tick()
    assert station.renewals == 0

    station.clock.advance(1)
    held = station.slack.delay("oauth.v2.access")
    winner = asyncio.create_task(one.tick())
    await held.held.wait()
    await two.tick()
    current = await two.current(first)
    assert current is first  # it has not ended, so nobody waits
    held.arrive.set()
    await winner

    assert station.renewals == 1
    second = await station.now()
    assert second.token.reveal() == station.slack.bot_token != first.token.reveal()
    assert second.expires_at == station.clock() + timedelta(hours=12)
    assert await two.current(second) == second


async def test_where_it_has_ended_the_other_process_waits_for_the_new_one_and_not_for_ever(station: Station) -> None:
    one, two = station.process(), station.process()
    ended = await station.now()
    station.clock.advance(13 * 3600)

    held = station.slack.delay("oauth.v2.access")
    winner = asyncio.create_task(one.current(ended))
    await held.held.wait()
    with pytest.raises(SlackApiError) as refusal:
        await two.current(ended)
    assert refusal.value.response.data["error"] == "token_expired"
    held.arrive.set()
    renewed = await winner
    assert renewed is not None
    assert await two.current(ended) == renewed
    assert station.renewals == 1


async def test_a_process_that_dies_over_it_is_followed_by_another_after_its_time(station: Station) -> None:
    ended = await station.now()
    station.clock.advance(11 * 3600)
    assert await station.installations.claim_renewal(ended)  # and that was the last of it
    await station.process().tick()
    assert station.renewals == 0

    station.clock.advance(RENEWAL.total_seconds())
    await station.process().tick()
    assert station.renewals == 1


async def test_what_slack_refuses_is_tried_again_until_the_end_and_then_it_is_installed_no_more(
    station: Station, caplog: pytest.LogCaptureFixture
) -> None:
    station.clock.advance(11 * 3600)
    station.slack.fail("oauth.v2.access", error="invalid_refresh_token", times=2)
    await station.process().tick()
    assert await station.stored() is not None

    station.clock.advance(3600)
    assert await station.process().current(await station.now()) is None
    assert await station.stored() is None
    assert "install the app again" in caplog.text
    assert "xox" not in caplog.text


async def test_new_tokens_are_kept_where_the_sealing_key_is_changed_meanwhile(station: Station) -> None:
    keys = KeyRing({"new": NEW, "old": OLD})
    await check_keys(station.db, KeyRing({"old": OLD}))
    station.clock.advance(11 * 3600)
    held = station.slack.delay("oauth.v2.access")
    renewing = asyncio.create_task(station.process().tick())
    await held.held.wait()
    assert await rotate(station.db, keys) >= 2  # both tokens are reached
    held.arrive.set()
    await renewing

    station.installations = Installations(station.db, keys)
    assert (await station.now()).token.reveal() == station.slack.bot_token
