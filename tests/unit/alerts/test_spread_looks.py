"""Mailers that are due at the same moment are looked at some at a time, and at moments of their own from then on."""

import random
from datetime import datetime

from sqlmodel import select

from bot.mailer.monitoring.monitor import AT_ONCE, Monitor
from bot.mailer.monitoring.poll_schedule import PollIntervals
from storage import leases
from storage.database import Database
from storage.models import Poll
from storage.states import PollKind
from tests.databases import Clock
from tests.unit.alerts.simulation import PlayedMailers, World, stored


async def test_many_that_are_due_together_are_due_apart_after_that(db: Database, clock: Clock) -> None:
    mailers = await stored(db, clock(), ["eu-west-1"] * 3 * AT_ONCE)
    world = World(clock, random.Random(1), faults=0)  # noqa: S311 - nothing fails by chance
    monitor = Monitor(db, PlayedMailers(db, world), PollIntervals())
    now = clock.advance(1)
    async with db.write() as session:
        for mailer in mailers:
            await leases.schedule(session, PollKind.ACCOUNT, mailer.id, now)

    async def later() -> list[datetime]:
        async with db.read() as session:
            due = await session.exec(select(Poll.due_at).where(Poll.kind == PollKind.ACCOUNT))
            return sorted(each for each in due if each > now)

    await monitor.tick()
    assert len(await later()) <= AT_ONCE
    for _ in range(10):
        await monitor.tick()
    due = await later()

    assert len(due) == len(mailers)
    most_in_a_second = max(sum(0 <= (each - first).total_seconds() < 1 for each in due) for first in due)
    assert most_in_a_second <= AT_ONCE / 2
