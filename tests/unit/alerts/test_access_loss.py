"""A refusal is confirmed before it counts, and what is missing is cleared only by a look that can see it."""

import random
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from bot.mailer.monitoring.facts import CONFIRM_AFTER, apply_refusal
from bot.mailer.monitoring.monitor import Monitor
from bot.mailer.monitoring.poll_schedule import PollIntervals
from bot.ses.errors import ErrorKind, SesError
from storage import leases
from storage.database import Database
from storage.models import Mailer, Poll
from storage.states import Access, PollKind
from tests.databases import Clock
from tests.unit.alerts.simulation import SEND, PlayedMailers, World, stored

YEAR = timedelta(days=365)
Look = Callable[[PollKind, float], Awaitable[Mailer]]


@pytest.fixture
def world(clock: Clock) -> World:
    return World(clock, random.Random(1), faults=0)  # noqa: S311 - nothing fails by chance


@pytest.fixture
async def mailer(db: Database, clock: Clock) -> Mailer:
    return (await stored(db, clock(), ["eu-west-1"]))[0]


@pytest.fixture
def look(db: Database, clock: Clock, world: World, mailer: Mailer) -> Look:
    monitor = Monitor(db, PlayedMailers(db, world), PollIntervals())

    async def look_after(kind: PollKind, seconds: float) -> Mailer:
        """Look once, after so many seconds, and return the mailer."""
        now = clock.advance(seconds)
        async with db.write() as session:
            await leases.schedule(session, kind, mailer.id, now)
            other = PollKind.ACCOUNT if kind is PollKind.ACCESS_CHECK else PollKind.ACCESS_CHECK
            await leases.schedule(session, other, mailer.id, now + YEAR, postpone=True)
        await monitor.tick()
        async with db.read() as session:
            return await session.get_one(Mailer, mailer.id)

    return look_after


async def test_a_second_refusal_that_comes_too_soon_confirms_nothing(
    clock: Clock, world: World, mailer: Mailer, look: Look
) -> None:
    world.dead = {mailer.id: (clock(), clock() + YEAR)}
    first = await look(PollKind.ACCOUNT, 1)
    since = clock()
    assert first.access is Access.SUSPECT
    assert (await look(PollKind.ACCOUNT, 5)).access is Access.SUSPECT

    lost = await look(PollKind.ACCOUNT, CONFIRM_AFTER.total_seconds())

    assert (lost.access, lost.access_since, lost.access_error) == (Access.LOST, since, "UnrecognizedClientException")


@pytest.mark.parametrize(("interval", "soon"), [(timedelta(seconds=10), 10), (timedelta(seconds=600), 30)])
async def test_a_refusal_is_confirmed_after_30_seconds_or_one_interval_where_that_is_shorter(
    db: Database, clock: Clock, world: World, mailer: Mailer, interval: timedelta, soon: float
) -> None:
    world.dead = {mailer.id: (clock(), clock() + YEAR)}
    async with db.write() as session:
        await leases.schedule(session, PollKind.ACCESS_CHECK, mailer.id, clock())
        await leases.schedule(session, PollKind.ACCOUNT, mailer.id, clock() + YEAR, postpone=True)

    await Monitor(db, PlayedMailers(db, world), PollIntervals(healthy=interval)).tick()

    async with db.read() as session:
        assert (await session.get_one(Mailer, mailer.id)).access is Access.SUSPECT
        poll = await session.get_one(Poll, (PollKind.ACCOUNT, mailer.id))
    assert poll.due_at == clock() + timedelta(seconds=soon)


async def test_a_key_younger_than_five_minutes_is_tried_again_before_its_loss_is_announced(
    db: Database, clock: Clock, world: World, mailer: Mailer, look: Look
) -> None:
    async with db.write() as session:
        row = await session.get_one(Mailer, mailer.id, with_for_update=True)
        row.credentials_at = clock()
        session.add(row)
    world.dead = {mailer.id: (clock(), clock() + YEAR)}
    for seconds in (1, 30, 30, 200):
        assert (await look(PollKind.ACCOUNT, seconds)).access is Access.SUSPECT

    assert (await look(PollKind.ACCOUNT, 40)).access is Access.LOST


async def test_of_a_suspect_another_call_is_made_first(clock: Clock, world: World, mailer: Mailer, look: Look) -> None:
    world.dead = {mailer.id: (clock(), clock() + timedelta(seconds=10))}
    await look(PollKind.ACCOUNT, 1)
    world.calls.clear()

    assert (await look(PollKind.ACCOUNT, 30)).access is Access.OK
    assert world.calls["sts:GetCallerIdentity"] == 1


async def test_a_missing_action_is_confirmed_and_cleared_by_the_check_alone(
    clock: Clock, world: World, mailer: Mailer, look: Look
) -> None:
    world.denied = {mailer.id: (clock(), clock() + timedelta(hours=1))}
    assert (await look(PollKind.ACCESS_CHECK, 1)).access is Access.SUSPECT
    assert (await look(PollKind.ACCOUNT, 20)).access is Access.SUSPECT
    lost = await look(PollKind.ACCESS_CHECK, 20)
    assert (lost.access, lost.access_action) == (Access.LOST, SEND)

    assert (await look(PollKind.ACCOUNT, 3_600)).access is Access.LOST
    mended = await look(PollKind.ACCESS_CHECK, 1)
    assert (mended.access, mended.access_action, mended.access_checked_at) == (Access.OK, "", clock())


async def test_a_denied_send_has_every_permission_looked_at(
    db: Database, clock: Clock, mailer: Mailer, look: Look
) -> None:
    async with db.write() as session:  # as the engine writes it down
        row = await session.get_one(Mailer, mailer.id, with_for_update=True)
        denied = SesError(ErrorKind.MISSING_ACTION, "AccessDeniedException", SEND)
        assert apply_refusal(row, Access.SUSPECT, denied, clock()) is PollKind.ACCESS_CHECK
        session.add(row)

    assert (await look(PollKind.ACCESS_CHECK, 30)).access is Access.OK


async def test_silence_is_no_refusal_however_long_it_lasts(clock: Clock, world: World, look: Look) -> None:
    world.outage = ("eu-west-1", clock(), clock() + YEAR)
    began = clock.advance(1)
    for _ in range(30):
        seen = await look(PollKind.ACCOUNT, 0)
        clock.advance(60)

    assert (seen.access, seen.unanswered_since) == (Access.OK, began)
