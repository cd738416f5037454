"""A month of many mailers, between AWS calls of which one in a hundred fails: no false alarm, and no loss missed.

`python -m tests.month` plays a thousand mailers that are looked at every hour, and prints counts. It is the real
monitor on a real database; only AWS is played, at `Ses`. A look that finds all as it was changes nothing, so those are
drawn and counted, and not run. What runs is every look that meets a fault, a loss or its end, and what follows from it.
"""

import asyncio
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import select

from bot.mailer.monitoring.facts import ACCESS_CHECK_EVERY
from bot.mailer.monitoring.monitor import Monitor
from bot.mailer.monitoring.poll_schedule import PollIntervals
from bot.ses.provisioning import Provisioned
from storage.database import Database
from storage.models import Identity, Incident, Mailer
from storage.states import Access, IncidentKind
from tests.databases import Clock, Databases
from tests.unit.alerts.simulation import PlayedMailers, Span, World, live_through, stored

MONTH = timedelta(days=30)
INTERVALS = PollIntervals(healthy=timedelta(hours=1))
CALLS_A_LOOK = 2
DEAD, DENIED = 0.1, 0.05  # shares of the mailers whose key dies, and whose policy loses an action


@dataclass(frozen=True, slots=True)
class Month:
    """What came of it."""

    mailers: int
    looks: int
    played: int  # of the looks, those that ran
    calls: int
    faults: int
    losses: int
    alerted: int
    within_two: int  # of those alerted: keys within two intervals, actions within two intervals after their daily check
    false_alarms: int
    open: int
    seconds: float

    def __str__(self) -> str:
        return (
            f"month: mailers {self.mailers:,}, looks {self.looks:,} (run {self.played:,}), calls {self.calls:,}, "
            f"faults {self.faults:,}, losses {self.losses:,}, alerted {self.alerted:,}, within two intervals "
            f"{self.within_two:,}, false alarms {self.false_alarms:,}, left open {self.open:,}; {self.seconds:.0f} s"
        )


class Eventful(Monitor):
    """The monitor, which passes over looks that are going to find all as it was."""

    def __init__(self, db: Database, world: World, until: datetime) -> None:
        super().__init__(db, PlayedMailers(db, world), INTERVALS)
        self._world = world
        self._until = until

    def _pause(self, mailer: Mailer, managed: Sequence[Identity], passed: Provisioned | None) -> timedelta:
        world, now = self._world, self._world.clock()
        pause = super()._pause(mailer, managed, passed)
        if mailer.access is not Access.OK or mailer.unanswered_since:
            return pause
        self._regions.record_success(mailer.region)  # as the looks that are passed over have found
        calls = 1 if passed else CALLS_A_LOOK
        clean = (1 - world.faults) ** calls
        while now + pause < self._until and not world.differs(mailer, now + pause):
            if world.random.random() >= clean:
                world.fails_next.add(mailer.id)
                break
            world.passed_over += 1
            world.calls["all"] += calls
            pause += super()._pause(mailer, managed, passed)
        return pause


async def play(url: str, mailers: int, *, seed: int = 20261124) -> Month:
    """Play the month on an empty, migrated database."""
    began = time.perf_counter()
    random.seed(seed)
    clock = Clock()
    db = Database(url, clock=clock)
    await db.start()
    world = World(clock, random.Random(seed))  # noqa: S311 - the same faults in every run
    start, end = clock(), clock() + MONTH
    rows = await stored(db, start, ["eu-west-1"] * mailers)
    dead, denied = max(1, round(DEAD * mailers)), max(1, round(DENIED * mailers))

    def sometime(hours: float) -> Span:
        begins = start + (MONTH - timedelta(hours=hours + 30)) * world.random.random()
        return begins, begins + timedelta(hours=hours)

    world.dead = {mailer.id: sometime(30) for mailer in rows[:dead]}
    world.denied = {mailer.id: sometime(80) for mailer in rows[dead : dead + denied]}
    played = await live_through(db, world, Eventful(db, world, end), end)
    async with db.read() as session:
        incidents = list(await session.exec(select(Incident)))
    await db.stop()
    true = [one for one in incidents if _is_true(one, world)]
    return Month(
        mailers=mailers,
        looks=played + world.passed_over,
        played=played,
        calls=world.calls["all"],
        faults=world.calls["faults"],
        losses=dead + denied,
        alerted=len({one.mailer_id for one in true}),
        within_two=sum(_is_in_time(one, world) for one in true),
        false_alarms=len(incidents) - len({one.mailer_id for one in true}),
        open=sum(one.resolved_at is None for one in incidents),
        seconds=time.perf_counter() - began,
    )


def _is_true(one: Incident, world: World) -> bool:
    span = (world.dead | world.denied).get(str(one.mailer_id))
    return one.kind is IncidentKind.ACCESS_LOST and span is not None and span[0] <= one.opened_at < span[1]


def _is_in_time(one: Incident, world: World) -> bool:
    """An action that no look needs is found by the daily check, and where that fails by the next one."""
    begins = (world.dead | world.denied)[str(one.mailer_id)][0]
    first_look = timedelta() if one.mailer_id in world.dead else ACCESS_CHECK_EVERY
    return one.opened_at - begins <= first_look + 2 * INTERVALS.healthy


async def main(mailers: int) -> None:
    with Databases() as databases:
        print(await play(await databases.create("sqlite"), mailers))


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000))
