"""Three workspaces that share a channel, one of them in an organization: what comes from one has no effect on another.

Each listener has its control: the same request from the right workspace has its effect.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any
from zlib import crc32

import pytest
from sqlmodel import SQLModel, col, select

from handlers.slack.dispatch.registration import Registered
from handlers.slack.ids import Ref
from storage.models import Team
from tests.databases import Clock
from tests.flows.test_installing import BY_OAUTH, Install
from tests.flows.test_permissions import (
    ADMINS_ONLY,
    REFUSED,
    UNEXPECTED,
    Reach,
    Somebody,
    answers,
    asked_for,
    button_in_modal,
    is_home,
    record_of,
    there_is_one_of_everything,
)
from tests.flows.test_workspace import NOT_THERE
from tests.flows.world import OVER_HTTP, World, open_world
from tests.playground.aws import AwsPlayground
from tests.playground.slack import InvalidAck, Person, Workspace
from tests.playground.slack.world import Json

# slack_sdk asks for the token with aiohttp's BasicAuth, which aiohttp 3.14 calls deprecated
pytestmark = pytest.mark.filterwarnings("ignore:BasicAuth is deprecated:DeprecationWarning")

NOTHING_HAPPENED = (*REFUSED.values(), ADMINS_ONLY, UNEXPECTED, NOT_THERE)
Rows = dict[str, list[str]]
Walk = list[tuple[Registered, Ref]]


class Three:
    """Acme, Rival and East, of an Enterprise Grid, have #news together. Ada, Rita and Olga are their admins."""

    def __init__(
        self,
        world: World,
        ours: Team,
        theirs: Sequence[Team],
        others: tuple[Workspace, Workspace],
        people: list[Person],
    ) -> None:
        self.world, self.ours = world, ours
        self.rival, self.east = others
        self._others = {team.id for team in theirs} | {workspace.id for workspace in others}
        self._others |= {workspace.enterprise_id for workspace in others if workspace.enterprise_id}
        self.ada, self.strangers = Somebody("admin", world.ada), [Somebody("admin", person) for person in people]
        self.kept: dict[str, list[dict[str, Any]]] = {}

    async def of_acme(self) -> Rows:
        """Every row but those of the others' own teams and installations."""
        rows = await self.world.everything_stored()
        return {
            table: [row for row in found if not any(other in row for other in self._others)]
            for table, found in rows.items()
        }

    async def keep(self) -> None:
        """Remember every row as it is now."""
        async with self.world.bot.db.read() as session:
            connection = await session.connection()
            for table in SQLModel.metadata.sorted_tables:
                found = (await connection.execute(table.select())).mappings()
                self.kept[table.name] = [dict(row) for row in found]

    async def put_back(self) -> None:
        """Let what a control has changed be as it was, for the next listener."""
        async with self.world.bot.db.write() as session:
            connection = await session.connection()
            for table in reversed(SQLModel.metadata.sorted_tables):
                await connection.execute(table.delete())
            for table in SQLModel.metadata.sorted_tables:
                if self.kept[table.name]:
                    await connection.execute(table.insert(), self.kept[table.name])


@pytest.fixture
async def three(aws: AwsPlayground, database_url: str, clock: Clock) -> AsyncIterator[Three]:
    async with open_world(aws, database_url, clock, **BY_OAUTH) as world:
        slack = world.slack
        ours = await there_is_one_of_everything(world, world.bob)
        rival = slack.add_workspace("Rival", installed=False)
        grid = slack.add_organization("Grid")
        east = slack.add_workspace("East", organization=grid, installed=False)
        rita = slack.person("Rita", role="admin", workspace=rival)
        olga = slack.person("Olga", role="owner", workspace=east)
        await Install(world)(rita)
        await Install(world)(olga, organization=grid)
        await slack.add_to(grid, east)
        for workspace, person in ((rival, rita), (east, olga)):
            await slack.share(world.news, workspace, person)
            await person.types(world.news, "/mailer")
            await person.sees(world.news, "Not connected yet")
        for person in (world.ada, rita, olga):
            await person.opens_home()
        await world.settle()
        async with world.bot.db.read() as session:
            others = select(Team).where(col(Team.slack_team_id).in_([rival.id, east.id]))
            theirs = (await session.exec(others)).all()
        assert len(theirs) == 2
        made = Three(world, ours, theirs, (rival, east), [rita, olga])
        await made.keep()
        yield made


@OVER_HTTP
async def test_what_a_person_does_in_one_workspace_has_no_effect_in_another_and_each_listener_has_its_control(
    three: Three, request: pytest.FixtureRequest
) -> None:
    """In `make test` a third of the listeners, in the long one all."""
    all_of_them = request.config.getoption("--long")
    world, stored = three.world, await three.of_acme()

    async def without_control(listeners: Walk, reach: Reach | None = None) -> Walk:
        """Rita and Olga come to each, and nothing happens; those where nothing happens when Ada comes, either."""
        said, asked = world.slack.messages(world.news), len(world.aws.calls)
        for listener, ref in listeners:
            world.clock.advance(1)  # Slack answers so many questions a minute
            for read in await answers(world, listener, three.strangers, ref, reach):
                if listener.kind in {"button", "form", "choice"} and not is_home(listener):
                    assert NOT_THERE in read, (listener, read)
        assert await three.of_acme() == stored
        assert len(world.aws.calls) == asked
        assert world.slack.messages(world.news) == said
        return [walked for walked in listeners if not await has_effect(three, stored, *walked, reach)]

    walked = [each for each in asked_for(world) if all_of_them or crc32(each.id.encode()) % 3 == 0]
    left = await without_control([(each, await record_of(world, each, three.ours)) for each in walked])
    buttons = [(listener, ref) for listener, ref in left if listener.kind == "button"]
    in_modals = await without_control(buttons, button_in_modal)  # some are there alone
    assert [listener.id for listener, _ in in_modals] == []
    assert [listener.id for listener, _ in left if listener.kind != "button"] == []


async def has_effect(three: Three, stored: Rows, listener: Registered, ref: Ref, reach: Reach | None) -> bool:
    """Whether something is stored, asked of AWS, or answered, where the same comes from Ada; and put it back."""
    world, asked = three.world, len(three.world.aws.calls)
    world.clock.advance(1)
    try:
        (read,) = await answers(world, listener, [three.ada], ref, reach)
    except InvalidAck:  # the form again, with a time of this empty one that no form of ours can have
        read = "an answer"
    changed = await three.of_acme() != stored
    if changed:
        await three.put_back()
    answered = bool(read) and not any(text in read for text in NOTHING_HAPPENED)
    return changed or len(world.aws.calls) > asked or answered


def about(name: str, channel_id: str, bot_user_id: str) -> Json:
    """The inner event of what Slack tells of itself, about this channel."""
    if name.endswith("_rename"):
        return {"type": name, "channel": {"id": channel_id, "name": "fresh", "created": 1}}
    if name == "channel_id_changed":
        return {"type": name, "old_channel_id": channel_id, "new_channel_id": "C0FRESH"}
    if name in {"member_joined_channel", "member_left_channel"}:
        return {"type": name, "channel": channel_id, "user": bot_user_id}
    if name == "tokens_revoked":
        return {"type": name, "tokens": {"oauth": [], "bot": [bot_user_id]}}
    return {"type": name, "channel": channel_id}


@OVER_HTTP
async def test_what_slack_tells_of_one_workspace_has_no_effect_in_another_and_each_event_has_its_control(
    three: Three,
) -> None:
    world, slack = three.world, three.world.slack
    east = three.east
    grid = east.organization
    assert grid is not None
    west = slack.add_workspace("West", organization=grid, installed=False)

    async def of_person() -> bool:
        """Whether Slack is asked anew who somebody is."""
        known = len(slack.calls_of("users.info"))
        await world.asks(world.ada, "/mailer", "Mailroom in #news")
        return len(slack.calls_of("users.info")) > known

    async def tells_of_ada(workspace: Workspace) -> None:
        await slack.event({"type": "user_change", "user": {"id": world.ada.id}}, workspace)

    async def tells(name: str, workspace: Workspace) -> None:
        await slack.event(about(name, world.news.id, workspace.bot_user_id), workspace)

    await of_person()
    await tells_of_ada(three.rival)  # what an organization tells holds for wherever the person is: it is asked anew
    assert not await of_person()
    await tells_of_ada(slack.workspace)
    assert await of_person()
    stored = await three.of_acme()
    await three.keep()

    organizations: dict[str, Callable[[], Awaitable[None]]] = {
        "team_access_granted": lambda: slack.add_to(grid, west),
        "team_access_revoked": lambda: slack.take_from(grid, east),
    }
    without = []
    names = [each.id for each in world.bot.slack.listeners.registered if each.permission is None]
    for name in sorted(set(names) - {"user_change"}):
        for other in (three.rival,) if name in organizations else (three.rival, east):  # East's has a say in it
            if name in organizations:
                await slack.event({"type": name, "team_ids": [slack.workspace.id]}, other)
            else:
                await tells(name, other)
            assert await three.of_acme() == stored, (name, other.name)
            await three.put_back()

        before = await world.everything_stored()
        await (organizations[name]() if name in organizations else tells(name, slack.workspace))
        now = (await world.everything_stored(), before) if name in organizations else (await three.of_acme(), stored)
        if now[0] == now[1]:
            without.append(name)
        await three.put_back()
    assert without == []
