"""A month of many mailers between AWS calls of which one in a hundred fails: no false alarm, and no loss missed."""

import random
from datetime import timedelta

import pytest
from sqlmodel import select

from bot.mailer.facts import ACCESS_CHECK_EVERY
from bot.mailer.monitor import Monitor
from bot.mailer.status import PollIntervals
from storage.database import Database
from storage.models import Incident
from storage.states import IncidentKind
from tests.databases import Clock, Databases
from tests.unit.alerts.played import PlayedMailers, Span, World, live_through, stored

DAYS = 30
INTERVAL = timedelta(hours=12)  # longer than in life, for a month to fit into seconds: promises count whole intervals
MAILERS = 10


@pytest.mark.timeout(300)
async def test_a_month_of_faults_raises_no_false_alarm_and_misses_no_loss(databases: Databases) -> None:
    clock = Clock()
    db = Database(await databases.create("sqlite"), clock=clock)
    await db.start()
    world = World(clock, random.Random(20261124))  # noqa: S311 - the same faults in every run
    start, end = clock(), clock() + timedelta(days=DAYS)
    mailers = await stored(db, start, ["eu-west-1"] * MAILERS)

    def sometime(days: float, hours: float) -> Span:
        begins = start + timedelta(days=days + world.random.random())
        return begins, begins + timedelta(hours=hours)

    world.dead = {mailer.id: sometime(3 + number, 30) for number, mailer in enumerate(mailers[:5])}
    world.denied = {mailer.id: sometime(2 + number, 80) for number, mailer in enumerate(mailers[5:7])}
    monitor = Monitor(db, clock, PlayedMailers(db, world), PollIntervals(healthy=INTERVAL))

    looks = await live_through(db, world, monitor, end)

    async with db.read() as session:
        incidents = list(await session.exec(select(Incident)))
    await db.stop()
    lost = [one for one in incidents if one.kind is IncidentKind.ACCESS_LOST]
    true = [one for one in lost if is_true(one, world)]
    late = [(one.opened_at - (world.dead | world.denied)[str(one.mailer_id)][0]) / INTERVAL for one in true]
    dead = [delay for one, delay in zip(true, late, strict=True) if one.mailer_id in world.dead]
    print(
        f"month: mailers {MAILERS}, looks {looks}, calls {world.calls['all']}, faults {world.calls['faults']}, "
        f"losses {len(world.dead) + len(world.denied)}, alerted {len(true)}, dead keys after {max(dead):.2f} intervals "
        f"at most, false alarms {len(incidents) - len(true)}"
    )
    assert world.calls["faults"] > 5
    assert {one.mailer_id for one in true} == world.dead.keys() | world.denied.keys()
    assert len(true) == len(lost) == len(world.dead) + len(world.denied)
    assert max(dead) <= 2
    # An action that no look needs is found by the daily check, and where that fails by the next one.
    assert max(late) * INTERVAL <= ACCESS_CHECK_EVERY + INTERVAL + timedelta(minutes=1)
    assert len(incidents) == len(true)
    assert all(one.resolved_at is not None for one in incidents)


def is_true(one: Incident, world: World) -> bool:
    span = (world.dead | world.denied).get(str(one.mailer_id))
    return span is not None and span[0] <= one.opened_at < span[1]
