"""Many workspaces: each installs the app by OAuth, has its own token and its own teams, and can go and come back."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from sqlmodel import select
from yarl import URL

from bot.alerts.outbox import Notice, announce
from bot.errors import BotError
from bot.observations import Observation
from handlers.slack.oauth.live_installation import LiveInstallation
from storage.models import Installation, Team
from storage.sealing import Secret
from tests.databases import Clock
from tests.flows.test_doctor import looked
from tests.flows.world import OVER_HTTP, OVER_SOCKET_MODE, World, open_world
from tests.playground.aws import AwsPlayground
from tests.playground.slack import Channel, Person, Workspace
from tests.playground.slack.world import Message

# slack_sdk asks for the token with aiohttp's BasicAuth, which aiohttp 3.14 calls deprecated
pytestmark = pytest.mark.filterwarnings("ignore:BasicAuth is deprecated:DeprecationWarning")

BY_OAUTH: dict[str, Any] = {
    "slack_client_id": "1111111111.2222222222",
    "slack_client_secret": Secret("playground-client-secret"),
    "public_url": "https://mail.acme.test",
}
NOTHING = "Nothing was installed"


class Install:
    """The two addresses, as a browser comes to them through whatever stands in front of Mailroom."""

    def __init__(self, world: World) -> None:
        self._here = URL(f"http://127.0.0.1:{world.bot.http.port}")

    async def begins(self, who: Person, browser: aiohttp.ClientSession, **choices: Any) -> str:
        """Go to Slack and allow it there; where the browser is sent then."""
        return await who.allows(browser, f"{self._here}/slack/install", **choices)

    async def comes_back(self, browser: aiohttp.ClientSession, back: str) -> tuple[int, str]:
        assert back.startswith("https://mail.acme.test/slack/oauth_redirect?")
        async with browser.get(self._here.join(URL(back).relative())) as shown:
            return shown.status, await shown.text()

    def browser(self) -> aiohttp.ClientSession:
        return Person.browser(str(self._here))

    async def __call__(self, who: Person, **choices: Any) -> tuple[int, str]:
        """Install it, all the way; the status and the text of the last page."""
        async with self.browser() as browser:
            return await self.comes_back(browser, await self.begins(who, browser, **choices))


@pytest.fixture
async def many(aws: AwsPlayground, database_url: str, database_kind: str, clock: Clock) -> AsyncIterator[World]:
    """A Mailroom for many workspaces, that is in none so far."""
    socket_mode = database_kind == "postgresql"
    async with open_world(
        aws, database_url, clock, socket_mode=socket_mode, slack_bot_token=Secret(""), **BY_OAUTH
    ) as world:
        world.slack.workspace.revoked = "account_inactive"
        yield world


def texts(world: World, channel: Channel, workspace: Workspace) -> list[str]:
    """What the app said in a channel with this workspace's token."""
    said: list[Message] = [each for each in world.slack.messages(channel) if each.workspace is workspace]
    return [world.slack.text_of(message) for message in said]


async def teams_of(world: World) -> list[Team]:
    async with world.bot.db.read() as session:
        return list(await session.exec(select(Team).order_by(Team.slack_team_id)))


@OVER_HTTP
async def test_two_workspaces_install_it_share_a_channel_and_each_has_its_own_team_and_token(many: World) -> None:
    world, install = many, Install(many)
    rival = world.slack.add_workspace("Rival & Co", installed=False)
    rita = world.slack.person("Rita", role="admin", workspace=rival)
    await world.ada.types(world.news, "/mailer")
    await world.ada.sees(world.news, "is not installed in this workspace")

    status, page = await install(world.ada)
    assert status == 200
    assert "Mailroom is installed in Acme" in page
    assert "Mailroom is installed in Rival &amp; Co" in (await install(rita))[1]
    asked = len(world.slack.calls_of("auth.test"))
    await world.slack.share(world.news, rival, rita)
    assert "Mailroom in #news" in (await world.asks(world.ada, "/mailer", "Mailroom in #news")).text
    await rita.types(world.news, "/mailer")
    await rita.sees(world.news, "Mailroom in #news")
    assert len(world.slack.calls_of("auth.test")) == asked  # no call for an interaction but what it is about

    ours, theirs = sorted(await teams_of(world), key=lambda team: team.slack_team_id != world.slack.workspace.id)
    assert (ours.channel_id, theirs.channel_id) == (world.news.id, world.news.id)
    assert (ours.slack_team_id, theirs.slack_team_id) == (world.slack.workspace.id, rival.id)
    await world.slack.rename(world.news, "fresh")  # of which Slack tells one of them
    await world.settle()
    assert [team.name for team in await teams_of(world)] == ["fresh", "fresh"]
    async with world.bot.db.write() as session:
        for team in (ours, theirs):
            await announce(session, team.id, Notice.SHARED, team.id, now=world.clock(), episode="1")
    await world.settle()
    assert len(texts(world, world.news, world.slack.workspace)) == 1
    assert len(texts(world, world.news, rival)) == 1

    assert (await looked(world.bot.settings))["Slack"] == "ok 2 installations, with tokens that Slack takes"
    rival.revoked = "token_revoked"
    assert "1 of 2 installations cannot be used as they are. Rival & Co:" in (await looked(world.bot.settings))["Slack"]


@OVER_SOCKET_MODE
async def test_a_workspace_that_removes_it_is_left_alone_and_a_new_install_brings_all_back(many: World) -> None:
    world, install = many, Install(many)
    await install(world.ada)
    await world.is_connected()
    await world.slack.uninstall()
    late = world.slack.payloads.event({"type": "app_uninstalled"}, world.slack.workspace)
    world.clock.advance(1)
    calls, asked = len(world.slack.calls), len(world.aws.calls)
    await world.passes(24 * 3600)
    assert world.slack.calls[calls:] == []
    assert len(world.aws.calls) == asked
    async with world.bot.db.read() as session:
        assert (await session.exec(select(Installation.bot_token))).one() is None

    assert (await install(world.ada))[0] == 200
    assert await world.slack.delivery.send_event(late)  # what Slack has to say of the one before
    await world.settle()
    assert [team.reachable for team in await teams_of(world)] == [True]
    assert "1111-2222-3333" in (await world.asks(world.ada, "/mailer", "Mailroom in #news")).text


@OVER_HTTP
async def test_an_install_counts_once_in_the_browser_that_began_it_and_only_where_slack_says_yes(many: World) -> None:
    world, install = many, Install(many)
    async with install.browser() as browser, install.browser() as another:
        back = await install.begins(world.ada, browser)
        assert (await install.comes_back(another, back))[0] == 400
        forged = URL(back).update_query(state="A" * 60)
        assert (await install.comes_back(browser, str(forged)))[0] == 400
        kept = {cookie.key: cookie.value for cookie in browser.cookie_jar}
        assert [name for name in kept if not name.startswith("__Host-")] == []
        assert (await install.comes_back(browser, back))[0] == 200
        browser.cookie_jar.update_cookies(kept, URL(f"http://127.0.0.1:{world.bot.http.port}"))
        status, page = await install.comes_back(browser, back)
        assert (status, NOTHING in page, "it has been finished already" in page) == (401, True, True)
        late = await install.begins(world.ada, browser)
        world.clock.advance(601)
        asked = len(world.slack.calls_of("oauth.v2.access"))
        assert (await install.comes_back(browser, late))[0] == 401
        assert len(world.slack.calls_of("oauth.v2.access")) == asked  # it is refused before Slack is
    status, page = await install(world.ada, answer="no")
    assert (status, "Somebody said no in Slack" in page) == (200, True)
    world.slack.fail("oauth.v2.access")
    assert (await install(world.ada))[0] == 401
    world.slack.refuse("oauth.v2.access", times=2)
    status, page = await install(world.ada)
    assert (status, "Slack did not answer" in page) == (502, True)
    async with world.bot.db.read() as session:
        assert len((await session.exec(select(Installation.id))).all()) == 1


@OVER_HTTP
async def test_only_listed_workspaces_may_install_it(aws: AwsPlayground, database_url: str, clock: Clock) -> None:
    listed: dict[str, Any] = {"mailroom_workspaces": "T0000000001, E0000000099"}
    async with open_world(aws, database_url, clock, **BY_OAUTH, **listed) as world:  # with SLACK_BOT_TOKEN, as before
        rival = world.slack.add_workspace("Rival", installed=False)
        rita = world.slack.person("Rita", role="admin", workspace=rival)
        status, page = await Install(world)(rita)
        assert (status, "WORKSPACE_REFUSED" in page, rival.id in page) == (403, True, True)
        assert rival.revoked == "account_inactive"  # given back
        assert (await world.asks(world.ada, "/mailer", "Mailroom in #news")).text
        assert (await Install(world)(world.ada))[0] == 200
        async with world.bot.db.read() as session:
            kept = (await session.exec(select(Installation))).all()
        assert [(row.slack_team_id, row.installed_by) for row in kept] == [(world.slack.workspace.id, world.ada.id)]


@OVER_HTTP
async def test_an_organization_installs_it_once_and_it_works_where_it_is_added(many: World) -> None:
    world, slack = many, many.slack
    grid = slack.add_organization("Grid")
    east, west = (slack.add_workspace(name, organization=grid, installed=False) for name in ("East", "West"))
    olga = slack.person("Olga", role="owner", workspace=east)
    wanda = slack.person("Wanda", role="admin", workspace=west)
    wanda.user.also_in.add(east.id)
    sales = slack.channel("sales", people=[olga, wanda], workspace=east)
    shop = slack.channel("shop", people=[wanda], workspace=west)

    _, page = await Install(world)(olga, organization=grid)
    assert f"manage/{grid.id}/integrations/profile/{slack.world.app_id}/workspaces/add" in page
    await olga.types(sales, "/mailer")
    await olga.sees(sales, "is not installed in this workspace")
    await slack.add_to(grid, east)
    await olga.types(sales, "/mailer admins")
    await (await olga.modal("Team admins")).close()
    await wanda.types(sales, "/mailer admins")  # she is an admin in West, and a member here
    await wanda.sees(sales, "Only team admins can do this")
    grid.added.append(west)  # of which no event came
    world.clock.advance(61)
    await wanda.types(shop, "/mailer admins")
    await wanda.modal("Team admins")

    async def reached() -> dict[str, bool]:
        await world.settle()
        return {team.name: team.reachable for team in await teams_of(world)}

    await slack.take_from(grid, east)
    assert await reached() == {"sales": False, "shop": True}
    await slack.add_to(grid, east)
    assert await reached() == {"sales": True, "shop": True}
    home = await olga.opens_home(east)
    assert "#sales" in home.text
    assert "#shop" not in home.text
    await slack.uninstall(grid)
    assert await reached() == {"sales": False, "shop": False}
    await Install(world)(olga, organization=grid)
    await slack.add_to(grid, east)
    assert await reached() == {"sales": True, "shop": False}


@OVER_HTTP
async def test_the_doctor_tries_the_installation_that_is_named(many: World) -> None:
    world, slack = many, many.slack
    installations = world.bot.services.installations

    async def tried(workspace: str = "") -> dict[str, str]:
        said: list[Observation] = []
        live = LiveInstallation(world.bot.settings, installations, world.clock, workspace)
        client = await live.client(said.append)
        assert (await client.auth_test())["ok"]
        assert [str(one) for one in said if not one.as_expected] == []
        return {one.name: one.answered for one in said}

    with pytest.raises(BotError, match="There are: none"):
        await tried()
    slack.oauth.rotation = True
    await Install(world)(world.ada)
    before = await installations.find(slack.workspace.id)
    seen = await tried()
    after = await installations.find(slack.workspace.id)
    assert seen["oauth.v2.access, a new token"] == "given"
    assert seen["auth.test, with the token before"] == "ok"
    assert before is not None
    assert after is not None
    assert after.token != before.token

    slack.oauth.rotation = False
    grid = slack.add_organization("Grid")
    east = slack.add_workspace("East", organization=grid, installed=False)
    olga = slack.person("Olga", role="owner", workspace=east)
    await Install(world)(olga, organization=grid)
    await slack.add_to(grid, east)
    with pytest.raises(BotError, match="Which installation"):
        await tried()
    assert await tried(east.id) == {
        "oauth.v2.access, rotation": "off",
        "auth.test, is_enterprise_install": "True",
        "auth.test, the workspace or organization": "the one installed",
        "auth.teams.list": "the workspace is listed",
    }
