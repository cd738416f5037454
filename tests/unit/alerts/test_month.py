"""A month of many mailers between AWS calls of which one in a hundred fails: no false alarm, and no loss missed.

AWS is played where the monitor meets it, at `Ses`: it answers as AWS would, from what is true at that moment.
"""

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

import pytest
from sqlmodel import col, func, select

from bot.alerts.incidents import REMIND_EVERY
from bot.mailer.monitor import Monitor
from bot.mailer.records import Mailers
from bot.mailer.status import PollIntervals
from bot.mailer.vault import Vault
from bot.ses.access import AccessReport, Outcome, Step
from bot.ses.account import AccountFacts, IdentityFacts, ListedIdentity, Ses
from bot.ses.errors import SesError, Trouble
from bot.ses.setup import SetUp
from storage import leases
from storage.database import Database
from storage.models import Incident, Mailer, Poll
from storage.states import IdentityKind, IncidentKind, PollKind
from tests.databases import Clock, Databases
from tests.unit.alerts.rows import identity_row, mailer_row, team_row

MAILERS = 12
DAYS = 30
INTERVAL = timedelta(hours=8)  # longer than in life, for a month to fit into seconds: promises count whole intervals
REGIONS = ("eu-west-1", "us-east-1")
FAULTS = (Trouble.UNAVAILABLE, Trouble.NOT_SENT, Trouble.THROTTLED)
SEND = "ses:SendBulkEmail"


@dataclass
class World:
    """What is true at AWS, and how often it was asked."""

    clock: Clock
    random: random.Random
    dead: dict[str, tuple[datetime, datetime]] = field(default_factory=dict)  # mailer: from when until when
    denied: dict[str, tuple[datetime, datetime]] = field(default_factory=dict)
    outage: tuple[str, datetime, datetime] | None = None
    calls: Counter[str] = field(default_factory=Counter)

    def during(self, spans: dict[str, tuple[datetime, datetime]], mailer: Mailer) -> bool:
        span = spans.get(mailer.id)
        return span is not None and span[0] <= self.clock() < span[1]

    def call(self, mailer: Mailer, action: str) -> None:
        self.calls["all"] += 1
        if self.outage and mailer.region == self.outage[0] and self.outage[1] <= self.clock() < self.outage[2]:
            self.calls["outage"] += 1
            raise SesError(Trouble.UNAVAILABLE, "503", action)
        if self.random.random() < 0.01:
            self.calls["faults"] += 1
            raise SesError(self.random.choice(FAULTS), "Fault", action)
        if self.during(self.dead, mailer):
            raise SesError(Trouble.ACCESS, "UnrecognizedClientException", action)


class PlayedSes:
    def __init__(self, world: World, mailer: Mailer) -> None:
        self._world, self._mailer = world, mailer

    async def account_id(self) -> str:
        self._world.call(self._mailer, "sts:GetCallerIdentity")
        return self._mailer.account_id

    async def account(self) -> AccountFacts:
        self._world.call(self._mailer, "ses:GetAccount")
        return AccountFacts(True, "GRANTED", "", True, "HEALTHY", 1_000, 14, 0, "", "", "", (), "")

    async def identities(self) -> list[ListedIdentity]:
        self._world.call(self._mailer, "ses:ListEmailIdentities")
        return [ListedIdentity("acme.test", IdentityKind.DOMAIN, "SUCCESS", sending_enabled=True)]

    async def identity(self, name: str) -> IdentityFacts:
        self._world.call(self._mailer, "ses:GetEmailIdentity")
        return IdentityFacts(
            name,
            IdentityKind.DOMAIN,
            "SUCCESS",
            verified_for_sending=True,
            error_type="",
            dkim_status="SUCCESS",
            dkim_tokens=(),
            dkim_zone="",
            mail_from_domain="",
            mail_from_status="",
            configuration_set="",
        )


class PlayedMailers(Mailers):
    """Leads to the played AWS instead of the real one."""

    def __init__(self, db: Database, world: World) -> None:
        super().__init__(db, world.clock, cast("Vault", None), pending_seconds=60)
        self._world = world

    def ses(self, mailer: Mailer, *, renewed: bool = False) -> Ses:  # noqa: ARG002 - as in the real one
        return cast("Ses", PlayedSes(self._world, mailer))

    async def recheck(self, mailer: Mailer) -> AccessReport:
        self._world.call(mailer, "sts:GetCallerIdentity")
        missing = self._world.during(self._world.denied, mailer)
        step = Step(SEND, required=True, outcome=Outcome.MISSING if missing else Outcome.OK)
        return AccessReport(mailer.account_id, mailer.principal_arn, False, (step,), SetUp("set", "topic", None, False))


async def stored(db: Database, now: datetime) -> list[Mailer]:
    mailers = []
    async with db.write() as session:
        for number in range(MAILERS):
            team = team_row(f"C{number}", now)
            session.add(team)
            await session.flush()
            mailer = mailer_row(team, now, region=REGIONS[number % 2])
            session.add(mailer)
            await session.flush()
            session.add(identity_row(mailer, "acme.test", now, verification_status="SUCCESS"))
            for kind, days in ((PollKind.ACCOUNT, 0.0), (PollKind.ACCESS_CHECK, number / MAILERS)):
                await leases.schedule(session, kind, mailer.id, now + timedelta(days=days))
            mailers.append(mailer)
    return mailers


async def live_through(db: Database, world: World, monitor: Monitor, end: datetime) -> int:
    """Jump from one look to the next until the end; return how many there were."""
    looks = 0
    while True:
        async with db.read() as session:
            due = (await session.exec(select(func.min(col(Poll.due_at))))).one()
        if due >= end:
            return looks
        world.clock.advance(max(0.0, (due - world.clock()).total_seconds()))
        await monitor.tick()
        looks += 1


@pytest.mark.timeout(300)
async def test_a_month_of_faults_raises_no_false_alarm_and_misses_no_loss(databases: Databases) -> None:
    clock = Clock()
    db = Database(await databases.create("sqlite"), clock=clock)
    await db.start()
    world = World(clock, random.Random(20261124))  # noqa: S311 - the same faults in every run
    start, end = clock(), clock() + timedelta(days=DAYS)
    mailers = await stored(db, start)

    def sometime(days: float, hours: float) -> tuple[datetime, datetime]:
        begins = start + timedelta(days=days + world.random.random())
        return begins, begins + timedelta(hours=hours)

    world.dead = {mailer.id: sometime(3 + number, 30) for number, mailer in enumerate(mailers[:6])}
    world.denied = {mailer.id: sometime(2 + number, 80) for number, mailer in enumerate(mailers[6:9])}
    world.outage = (REGIONS[1], *sometime(20, 3))
    monitor = Monitor(db, clock, PlayedMailers(db, world), PollIntervals(healthy=INTERVAL))

    looks = await live_through(db, world, monitor, end)

    async with db.read() as session:
        incidents = list(await session.exec(select(Incident)))
        owners = {mailer.id: mailer.region for mailer in await session.exec(select(Mailer))}
    await db.stop()
    lost = [one for one in incidents if one.kind is IncidentKind.ACCESS_LOST]
    true = [one for one in lost if is_true(one, world)]
    late = [(one.opened_at - (world.dead | world.denied)[str(one.mailer_id)][0]) / INTERVAL for one in true]
    dead = [delay for one, delay in zip(true, late, strict=True) if one.mailer_id in world.dead]
    silent = [one for one in incidents if one.kind is IncidentKind.REGION_OUTAGE]
    print(
        f"month: mailers {MAILERS}, looks {looks}, calls {world.calls['all']}, faults {world.calls['faults']}, "
        f"losses {len(world.dead) + len(world.denied)}, alerted {len(true)}, dead keys after {max(dead):.2f} intervals "
        f"at most, false alarms {len(incidents) - len(true) - len(silent)}, teams told of the outage {len(silent)} of "
        f"{MAILERS // 2}, calls during it {world.calls['outage']}"
    )
    assert world.calls["faults"] > 10
    assert {one.mailer_id for one in true} == world.dead.keys() | world.denied.keys()
    assert len(true) == len(lost) == len(world.dead) + len(world.denied)
    assert max(dead) <= 2
    assert max(late) * INTERVAL <= REMIND_EVERY + timedelta(minutes=1)  # an action that no look needs: the daily check
    assert {owners[str(one.mailer_id)] for one in silent} == {REGIONS[1]}
    assert len({one.mailer_id for one in silent}) == len(silent)
    assert len(incidents) == len(true) + len(silent)
    assert all(one.resolved_at is not None for one in incidents)


def is_true(one: Incident, world: World) -> bool:
    spans: dict[str, Any] = world.dead | world.denied
    span = spans.get(str(one.mailer_id))
    return span is not None and span[0] <= one.opened_at < span[1]
