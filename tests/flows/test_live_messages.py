"""Messages that change: edited only when they say something else, and within what Slack takes from an app."""

import asyncio
from collections import Counter
from collections.abc import Callable
from itertools import count

import pytest
from sqlmodel import select

from bot.alerts.outbox import BETWEEN_DRAWINGS, Notice, announce, redraw
from handlers.slack.outbound.notifier import EDITS, LEASE, PROGRESS_EDITS, UNDER_WAY, Notifier
from handlers.slack.views.blocks import Message, text_message
from storage.database import Session
from storage.models import Broadcast, Outbox, Team
from tests.flows.world import OVER_HTTP, OVER_SOCKET_MODE, World
from tests.playground.slack.faults import Fault


def notifier_of(world: World, text: Callable[[Outbox], str]) -> Notifier:
    async def draw(_session: Session, row: Outbox) -> Message:
        return text_message(text(row))

    return Notifier(world.bot.db, world.bot.slack.workspaces.client, draw)


async def outbox(world: World) -> list[Outbox]:
    async with world.bot.db.read() as session:
        return list(await session.exec(select(Outbox)))


async def want(world: World, row: Outbox) -> None:
    """Have the message drawn again."""
    async with world.bot.db.write() as session:
        await redraw(session, [row.record_id], [Notice(row.kind)], world.clock())


@OVER_HTTP
@pytest.mark.long
async def test_a_message_that_says_so_already_is_not_edited(world: World) -> None:
    await world.is_open()
    await world.sends()
    await world.passes(10)
    edits = len(world.slack.calls_of("chat.update"))

    async with world.bot.db.write() as session:
        for row in await session.exec(select(Outbox).with_for_update()):
            row.wanted, row.due_at = row.wanted + 1, world.clock()
    await world.settle()

    assert len(world.slack.calls_of("chat.update")) == edits
    async with world.bot.db.read() as session:
        assert all(row.shown == row.wanted and row.due_at is None for row in await session.exec(select(Outbox)))


@OVER_HTTP
async def test_notices_go_out_one_each_tick_of_a_second_that_comes_a_little_early(world: World) -> None:
    await world.is_open()
    async with world.bot.db.write() as session:
        team = (await session.exec(select(Team))).one()
        for number in range(4):
            await announce(session, team.id, Notice.APPLIED, f"one-{number}", now=world.clock())
    notifier = notifier_of(world, lambda row: row.record_id)
    before = len(world.slack.messages(world.news))

    for _ in range(4):
        world.clock.advance(0.95)
        await notifier.tick()

    assert len(world.slack.messages(world.news)) == before + 4


@OVER_HTTP
async def test_edits_of_progress_leave_room_for_alerts(world: World) -> None:
    await world.is_open()
    async with world.bot.db.read() as session:
        team = (await session.exec(select(Team))).one()
    said_now = Counter[str]()

    def draw(row: Outbox) -> str:
        said_now[row.kind] += 1
        return f"{row.kind} {said_now[row.kind]}"

    notifier = notifier_of(world, draw)

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


@OVER_HTTP
async def test_progress_that_goes_on_while_it_is_drawn_is_not_drawn_again_at_once(world: World) -> None:
    await world.is_open()
    message = await world.sends()
    edits = len(world.slack.calls_of("chat.update"))
    on_its_way = world.slack.delay("chat.update")
    numbers = count()
    notifier = notifier_of(world, lambda _row: f"{next(numbers)} delivered")

    async def goes_on() -> None:
        async with world.bot.db.write() as session:
            broadcast = (await session.exec(select(Broadcast))).one()
            await announce(session, broadcast.team_id, Notice.BROADCAST, broadcast.id, now=world.clock(), spaced=True)

    await goes_on()
    world.clock.advance(BETWEEN_DRAWINGS[Notice.BROADCAST].total_seconds())
    drawing = asyncio.create_task(notifier.tick())
    await on_its_way.held.wait()
    await goes_on()
    on_its_way.arrive.set()
    await drawing

    await notifier.tick()
    assert len(world.slack.calls_of("chat.update")) == edits + 1
    world.clock.advance(BETWEEN_DRAWINGS[Notice.BROADCAST].total_seconds())
    await notifier.tick()
    assert len(world.slack.calls_of("chat.update")) == edits + 2
    assert message.text == "1 delivered"


def newest(world: World) -> str:
    return world.slack.text_of(world.slack.messages(world.news)[-1])


async def crossed(world: World) -> tuple[Fault, asyncio.Task[None], Notifier]:
    """Have a replica lose its claim while its edit is on its way, and another one say what is newer.

    Return the edit on its way, the replica's work, and the other one.
    """
    await world.is_connected()
    (said_last,) = await outbox(world)
    slow, quick = (notifier_of(world, lambda row: f"version {row.wanted}") for _ in range(2))
    late = world.slack.delay("chat.update")
    await want(world, said_last)
    work = asyncio.create_task(slow.tick())
    await late.held.wait()
    world.clock.advance(LEASE.total_seconds())
    await want(world, said_last)
    await quick.tick()
    assert newest(world) == "version 3"
    return late, work, quick


async def is_put_right(world: World, quick: Notifier) -> None:
    assert newest(world) == "version 2"
    world.clock.advance(UNDER_WAY.total_seconds())
    await quick.tick()
    assert newest(world) == "version 3"


@OVER_SOCKET_MODE
async def test_an_edit_that_overtakes_a_newer_one_is_put_right(world: World) -> None:
    late, work, quick = await crossed(world)
    late.arrive.set()
    await work
    await is_put_right(world, quick)


@OVER_SOCKET_MODE
async def test_an_edit_of_somebody_who_died_meanwhile_does_not_stay(world: World) -> None:
    late, work, quick = await crossed(world)
    work.cancel()
    edits = len(world.slack.calls_of("chat.update"))
    late.arrive.set()
    await world.slack.settled(lambda: len(world.slack.calls_of("chat.update")) > edits)
    await is_put_right(world, quick)
    (row,) = await outbox(world)
    assert (row.due_at, row.shown, row.claims) == (None, 3, 0)


@OVER_HTTP
async def test_who_stalls_before_an_edit_leaves_it_to_others(world: World) -> None:
    await world.is_connected()
    (said_last,) = await outbox(world)
    edits = len(world.slack.calls_of("chat.update"))

    def stall(_row: Outbox) -> str:
        world.clock.advance(LEASE.total_seconds())
        return "too late"

    await want(world, said_last)
    await notifier_of(world, stall).tick()
    assert len(world.slack.calls_of("chat.update")) == edits
    await notifier_of(world, lambda _row: "in time").tick()
    assert world.slack.text_of(world.slack.messages(world.news)[-1]) == "in time"
