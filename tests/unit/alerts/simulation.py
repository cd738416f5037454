"""AWS as the monitor meets it, at `Ses`: it answers as AWS would, from what is true at that moment."""

import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import cast

from sqlmodel import col, func, select

from bot.mailer.credential_store import CredentialStore
from bot.mailer.mailers import Mailers
from bot.mailer.monitoring.monitor import Monitor
from bot.ses.errors import ErrorKind, SesError
from bot.ses.facts import AccountFacts, IdentityFacts, ListedIdentity
from bot.ses.operations import Ses
from bot.ses.permission_check import AccessReport, ActionCheck, Outcome
from bot.ses.provisioning import Provisioned
from storage.database import Database
from storage.models import Mailer, Poll
from storage.states import IdentityKind, PollKind
from tests.databases import Clock
from tests.unit.alerts.rows import identity_row, mailer_row, team_row

FAULTS = (ErrorKind.UNAVAILABLE, ErrorKind.NOT_SENT, ErrorKind.THROTTLED)
SEND = "ses:SendBulkEmail"
LOOKS = (PollKind.ACCOUNT, PollKind.ACCESS_CHECK)
Span = tuple[datetime, datetime]


@dataclass
class World:
    """What is true at AWS, and how often it was asked."""

    clock: Clock
    random: random.Random
    faults: float = 0.01  # share of calls that fail for no reason
    dead: dict[str, Span] = field(default_factory=dict)  # mailer: from when until when
    denied: dict[str, Span] = field(default_factory=dict)
    outage: tuple[str, datetime, datetime] | None = None  # region, from when until when
    calls: Counter[str] = field(default_factory=Counter)
    fails_next: set[str] = field(default_factory=set)  # mailers of which the next call fails
    passed_over: int = 0  # looks that would have found nothing new

    def differs(self, mailer: Mailer, at: datetime) -> bool:
        """Whether a look at that time finds a loss."""
        spans = (self.dead.get(mailer.id), self.denied.get(mailer.id))
        return any(span is not None and span[0] <= at < span[1] for span in spans)

    def during(self, spans: dict[str, Span], mailer: Mailer) -> bool:
        span = spans.get(mailer.id)
        return span is not None and span[0] <= self.clock() < span[1]

    def call(self, mailer: Mailer, action: str) -> None:
        self.calls["all"] += 1
        self.calls[mailer.region] += 1
        self.calls[action] += 1
        if self.outage and mailer.region == self.outage[0] and self.outage[1] <= self.clock() < self.outage[2]:
            raise SesError(ErrorKind.UNAVAILABLE, "503", action)
        if mailer.id in self.fails_next or self.random.random() < self.faults:
            self.fails_next.discard(mailer.id)
            self.calls["faults"] += 1
            raise SesError(self.random.choice(FAULTS), "Fault", action)
        if self.during(self.dead, mailer):
            raise SesError(ErrorKind.ACCESS, "UnrecognizedClientException", action)


class PlayedSes:
    def __init__(self, world: World, mailer: Mailer) -> None:
        self._world, self._mailer = world, mailer

    async def account_id(self) -> str:
        self._world.call(self._mailer, "sts:GetCallerIdentity")
        return self._mailer.account_id

    async def account(self) -> AccountFacts:
        self._world.call(self._mailer, "ses:GetAccount")
        return AccountFacts(True, "GRANTED", "", True, "HEALTHY", "NONE", 1_000, 14, 0)

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
            feedback_forwarding=True,
        )


class PlayedMailers(Mailers):
    """Leads to the played AWS instead of the real one."""

    def __init__(self, db: Database, world: World) -> None:
        super().__init__(db, cast("CredentialStore", None), pending_seconds=60)
        self._world = world

    def ses(self, mailer: Mailer, *, renewed: bool = False) -> Ses:  # noqa: ARG002 - as in the real one
        return cast("Ses", PlayedSes(self._world, mailer))

    async def recheck(self, mailer: Mailer) -> AccessReport:
        self._world.call(mailer, "sts:GetCallerIdentity")
        missing = self._world.during(self._world.denied, mailer)
        step = ActionCheck(SEND, required=True, outcome=Outcome.MISSING if missing else Outcome.OK)
        return AccessReport(
            mailer.account_id, mailer.principal_arn, False, (step,), Provisioned("set", "topic", None, False)
        )


async def stored(db: Database, now: datetime, regions: Iterable[str]) -> list[Mailer]:
    """Store a mailer with one verified identity in each of these regions, to be looked at from now on."""
    teams, mailers, others = [], [], []
    for number, region in enumerate(regions):
        teams.append(team_row(f"C{number}", now))
        mailers.append(mailer_row(teams[-1], now, region=region))
        check_at = now + timedelta(hours=1 + number % 23)
        others += [
            identity_row(mailers[-1], "acme.test", now, verification_status="SUCCESS"),
            Poll(kind=PollKind.ACCOUNT, subject_id=mailers[-1].id, due_at=now),
            Poll(kind=PollKind.ACCESS_CHECK, subject_id=mailers[-1].id, due_at=check_at),
        ]
    async with db.write() as session:
        for rows in (teams, mailers, others):
            session.add_all(rows)
            await session.flush()
    return mailers


async def live_through(db: Database, world: World, monitor: Monitor, end: datetime) -> int:
    """Jump from one look to the next until the end; return how many there were."""
    looks = 0
    while True:
        async with db.read() as session:
            due = (await session.exec(select(func.min(col(Poll.due_at))).where(col(Poll.kind).in_(LOOKS)))).one()
        if due >= end:
            return looks
        world.clock.advance(max(0.0, (due - world.clock()).total_seconds()))
        await monitor.tick()
        looks += 1
