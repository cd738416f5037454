"""While a region of AWS is silent hardly anything is asked there, and the other regions are read on time."""

import random
from datetime import UTC, datetime, timedelta

from sqlmodel import select

from bot.mailer.monitoring.monitor import AT_ONCE, Monitor
from bot.mailer.monitoring.poll_schedule import SILENT_AFTER, TRY_EVERY, PollIntervals, RegionBreaker
from storage.database import Database
from storage.models import Incident, Mailer
from storage.states import IncidentKind
from tests.databases import Clock
from tests.unit.alerts.simulation import PlayedMailers, World, live_through, stored

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
MINUTES = 25


def test_a_region_is_silent_after_a_few_looks_in_a_row_whoever_looked() -> None:
    regions = RegionBreaker()
    for _ in range(SILENT_AFTER - 1):
        regions.record_failure("eu-west-1", NOW)
    regions.record_success("eu-west-1")
    for _ in range(SILENT_AFTER):
        assert regions.allows("eu-west-1", NOW)
        regions.record_failure("eu-west-1", NOW)

    assert not regions.allows("eu-west-1", NOW)
    assert regions.allows("us-east-1", NOW)


def test_of_a_silent_region_one_look_in_a_while_tries_whether_it_is_back() -> None:
    regions = RegionBreaker()
    for _ in range(SILENT_AFTER):
        regions.record_failure("eu-west-1", NOW)

    assert [regions.allows("eu-west-1", NOW + TRY_EVERY) for _ in range(3)] == [True, False, False]
    regions.record_success("eu-west-1")
    assert regions.allows("eu-west-1", NOW + TRY_EVERY)


async def test_an_outage_is_one_alert_a_team_costs_few_calls_and_delays_nobody_else(db: Database, clock: Clock) -> None:
    world = World(clock, random.Random(1), faults=0)  # noqa: S311 - the same in every run
    await stored(db, clock(), ["us-east-1"] * 12 + ["eu-west-1"] * 3)
    monitor = Monitor(db, PlayedMailers(db, world), PollIntervals())
    await live_through(db, world, monitor, clock() + timedelta(minutes=1))
    start = clock()
    world.outage = ("us-east-1", start, start + timedelta(days=1))
    world.calls.clear()

    looks = await live_through(db, world, monitor, start + timedelta(minutes=MINUTES))

    async with db.read() as session:
        incidents = list(await session.exec(select(Incident)))
        others = list(await session.exec(select(Mailer.checked_at).where(Mailer.region == "eu-west-1")))
    print(f"silent region: looks {looks}, calls there {world.calls['us-east-1']} in {MINUTES} minutes, mailers 12")
    assert [one.kind for one in incidents] == [IncidentKind.REGION_OUTAGE] * 12
    assert len({one.team_id for one in incidents}) == 12
    assert world.calls["us-east-1"] <= 2 * (12 + MINUTES * 60 / TRY_EVERY.total_seconds())
    assert all(start + timedelta(minutes=MINUTES) - checked_at <= timedelta(minutes=10) for checked_at in others)


async def test_where_more_are_due_than_are_looked_at_together_the_monitor_goes_on_at_once(
    db: Database, clock: Clock
) -> None:
    world = World(clock, random.Random(1), faults=0)  # noqa: S311 - the same in every run
    await stored(db, clock(), ["eu-west-1"] * (AT_ONCE + 1))
    monitor = Monitor(db, PlayedMailers(db, world), PollIntervals())
    woken: list[str] = []
    db.wake = woken.append

    await monitor.tick()
    assert woken == ["monitor"]
    await monitor.tick()
    assert woken == ["monitor"]
    assert world.calls["ses:GetAccount"] == AT_ONCE + 1
