"""Messages that change: edited only when they say something else, and within what Slack takes from an app."""

from collections import Counter

from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from bot.alerts.outbox import Notice, announce
from handlers.slack.notifier import EDITS, PROGRESS_EDITS, Notifier
from handlers.slack.views.common import Message, said
from storage.models import Outbox, Team
from tests.flows.world import OVER_HTTP, World


@OVER_HTTP
async def test_a_message_that_says_so_already_is_not_edited(world: World) -> None:
    await world.is_open()
    await world.sends()
    await world.passes(10)
    edits = len(world.slack.calls_of("chat.update"))

    async with world.bot.db.write() as session:
        for row in await session.exec(select(Outbox)):
            row.wanted, row.due_at = row.wanted + 1, world.clock()
    await world.settle()

    assert len(world.slack.calls_of("chat.update")) == edits
    async with world.bot.db.read() as session:
        assert all(row.shown == row.wanted and row.due_at is None for row in await session.exec(select(Outbox)))


@OVER_HTTP
async def test_edits_of_progress_leave_room_for_alerts(world: World) -> None:
    await world.is_open()
    async with world.bot.db.read() as session:
        team = (await session.exec(select(Team))).one()
    said_now = Counter[str]()

    async def draw(_session: AsyncSession, row: Outbox) -> Message:
        said_now[row.kind] += 1
        return said(f"{row.kind} {said_now[row.kind]}")

    notifier = Notifier(world.bot.db, world.clock, world.bot.bolt.client, draw)

    async def tell(kind: Notice) -> int:
        """Announce it, and return how many edits there were so far."""
        async with world.bot.db.write() as session:
            await announce(session, team.id, kind, "something", now=world.clock())
        await notifier.tick()
        return len(world.slack.calls_of("chat.update")) - before

    before = len(world.slack.calls_of("chat.update"))
    for kind in (Notice.BROADCAST, Notice.ALERT):
        await tell(kind)
        world.clock.advance(2)
    for _ in range(EDITS):
        edits = await tell(Notice.BROADCAST)
    assert edits == PROGRESS_EDITS
    for _ in range(EDITS):
        edits = await tell(Notice.ALERT)
    assert edits == EDITS
    world.clock.advance(61)
    await notifier.tick()
    shown = [world.slack.text_of(message) for message in world.slack.messages(world.news)][-2:]
    assert shown == [f"{kind} {said_now[kind]}" for kind in (Notice.BROADCAST, Notice.ALERT)]
