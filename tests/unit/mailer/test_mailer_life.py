"""Whatever AWS does, whoever clicks, and wherever the process dies: a mailer and its identities move as they may.

A state machine plays it: the real monitor and the real mending on a real database; AWS is played at `Ses`.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, cast

from hypothesis import Phase
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule
from sqlmodel import col, select

from bot.alerts.incidents import open_incidents
from bot.broadcast.identity_dependents import IdentityDependents
from bot.errors import BotError
from bot.mailer.identities.recovery import LEASE, IdentityRecovery
from bot.mailer.monitoring.incident_rules import detect_conditions
from bot.mailer.monitoring.monitor import Monitor
from bot.mailer.monitoring.poll_schedule import PollIntervals
from bot.ses.errors import ErrorKind, SesError
from bot.ses.facts import AccountFacts, IdentityFacts, ListedIdentity
from bot.ses.operations import Ses
from storage import leases
from storage.database import Database
from storage.models import Audit, Identity, Mailer, Team
from storage.states import Access, IdentityKind, IdentityState, PollKind
from tests.databases import Clock, Databases
from tests.unit.alerts.rows import identity_row, mailer_row, team_row
from tests.unit.alerts.simulation import PlayedMailers, World
from tests.unit.machines import DatabaseMachine, play

NAMES = ["a.test", "b.test"]
STATUSES = ["PENDING", "SUCCESS", "FAILED", "TEMPORARY_FAILURE", "NOT_STARTED", "GONE"]
MOVES = {
    (Access.OK, Access.SUSPECT),
    (Access.SUSPECT, Access.OK),
    (Access.SUSPECT, Access.LOST),
    (Access.LOST, Access.OK),
}


class KilledError(Exception):
    """The process dies here: nothing after it is done."""


@dataclass
class AtAws:
    """The account: what is true there, and what becomes of the next calls."""

    statuses: dict[str, str] = field(default_factory=lambda: dict.fromkeys(NAMES, "SUCCESS"))
    key_works: bool = True
    before: list[Exception] = field(default_factory=list)  # errors of the next calls, which then do nothing
    after: list[Exception] = field(default_factory=list)  # of the next ones that change something, and have done it
    deleted: Counter[str] = field(default_factory=Counter)

    def call(self, action: str) -> None:
        if self.before:
            raise self.before.pop()
        if not self.key_works:
            raise SesError(ErrorKind.ACCESS, "UnrecognizedClientException", action)

    def done(self) -> None:
        if self.after:
            raise self.after.pop()


class LivingSes:
    def __init__(self, aws: AtAws) -> None:
        self._aws = aws

    async def account_id(self) -> str:
        self._aws.call("sts:GetCallerIdentity")
        return "111122223333"

    async def account(self) -> AccountFacts:
        self._aws.call("ses:GetAccount")
        return AccountFacts(True, "GRANTED", "", True, "HEALTHY", "NONE", 1_000, 14, 0)

    async def identities(self) -> list[ListedIdentity]:
        self._aws.call("ses:ListEmailIdentities")
        listed = self._aws.statuses.items()
        return [ListedIdentity(name, IdentityKind.DOMAIN, status, status == "SUCCESS") for name, status in listed]

    async def identity(self, name: str) -> IdentityFacts:
        self._aws.call("ses:GetEmailIdentity")
        if name not in self._aws.statuses:
            raise SesError(ErrorKind.NOT_FOUND, "NotFoundException", "ses:GetEmailIdentity")
        status = self._aws.statuses[name]
        sends = status == "SUCCESS"
        mail_from = f"mail.{name}"
        return IdentityFacts(name, IdentityKind.DOMAIN, status, sends, "", status, (), "", mail_from, "", "", True)

    async def find_identity(self, name: str) -> IdentityFacts | None:
        try:
            return await self.identity(name)
        except SesError as error:
            if error.kind is ErrorKind.NOT_FOUND:
                return None
            raise

    async def new_identity(self, name: str) -> IdentityFacts:
        return await self.identity(name)

    async def create_identity(self, name: str, _configuration_set: str = "") -> None:
        self._aws.call("ses:CreateEmailIdentity")
        if name in self._aws.statuses:
            raise SesError(ErrorKind.EXISTS, "AlreadyExistsException", "ses:CreateEmailIdentity")
        self._aws.statuses[name] = "PENDING"
        self._aws.done()

    async def delete_identity(self, name: str) -> None:
        self._aws.call("ses:DeleteEmailIdentity")
        if self._aws.statuses.pop(name, None) is None:
            raise SesError(ErrorKind.NOT_FOUND, "NotFoundException", "ses:DeleteEmailIdentity")
        self._aws.deleted[name] += 1
        self._aws.done()


class LivingMailers(PlayedMailers):
    def __init__(self, db: Database, clock: Clock, aws: AtAws) -> None:
        super().__init__(db, World(clock, random=cast("Any", None)))
        self._aws = aws

    def ses(self, mailer: Mailer, *, renewed: bool = False) -> Ses:  # noqa: ARG002 - as in the real one
        return cast("Ses", LivingSes(self._aws))


FAULTS = st.sampled_from(
    [
        SesError(ErrorKind.UNAVAILABLE, "503", "ses:Any"),
        SesError(ErrorKind.NOT_SENT, "EndpointConnectionError", "ses:Any"),
        SesError(ErrorKind.THROTTLED, "ThrottlingException", "ses:Any"),
        KilledError(),
    ]
)


class MailerLife(DatabaseMachine):
    @initialize()
    def start(self) -> None:
        self.aws = AtAws()
        self.run(self.store())
        self.reborn()
        self.last = self.run(self.stored())

    async def store(self) -> None:
        now = self.clock()
        self.team = team_row("C1", now)
        mailer = mailer_row(self.team, now)
        async with self.db.write() as session:
            for rows in ([self.team], [mailer], [identity_row(mailer, name, now) for name in NAMES]):
                session.add_all(rows)
                await session.flush()
            await leases.schedule(session, PollKind.ACCOUNT, mailer.id, now)

    def reborn(self) -> None:
        """Another process takes over; all that the last one knew is in the database."""
        mailers = LivingMailers(self.db, self.clock, self.aws)
        self.monitor = Monitor(self.db, mailers, PollIntervals())
        self.mending = IdentityRecovery(self.db, mailers, IdentityDependents(undo_seconds=30))

    async def stored(self) -> tuple[Mailer, dict[str, Identity]]:
        async with self.db.read() as session:
            mailer = (await session.exec(select(Mailer))).one()
            return mailer, {row.name: row for row in await session.exec(select(Identity))}

    async def retries(self) -> Counter[str]:
        async with self.db.read() as session:
            return Counter(await session.exec(select(Audit.subject).where(Audit.action == "identity.retry")))

    @rule(name=st.sampled_from(NAMES), status=st.sampled_from(STATUSES), seen=st.booleans())
    def aws_decides(self, name: str, status: str, seen: bool) -> None:
        if self.run(self.stored())[1][name].intent and (status == "FAILED" or name not in self.aws.statuses):
            return  # by us it is deleted and created again; nobody else does that, and to fail once more takes days
        self.aws.statuses.pop(name, None)
        if status != "GONE":
            self.aws.statuses[name] = status
        if seen:
            self.time(600)

    @rule(works=st.booleans())
    def the_key(self, works: bool) -> None:
        self.aws.key_works = works

    @rule(errors=st.lists(FAULTS, min_size=1, max_size=3), late=st.booleans())
    def trouble(self, errors: list[Exception], late: bool) -> None:
        (self.aws.after if late else self.aws.before).extend(errors)

    @rule(seconds=st.sampled_from([30, 60, 600, 3_600]))
    def time(self, seconds: int) -> None:
        self.clock.advance(seconds)
        self.run(self.look())

    async def look(self) -> None:
        await self.monitor.tick()
        await self.monitor.idle()
        await self.mending.tick()

    @rule()
    def another_process(self) -> None:
        self.reborn()

    @rule(name=st.sampled_from(NAMES), clicks=st.integers(1, 4), stale=st.booleans(), breaks=st.none() | FAULTS)
    def fails_and_is_retried(self, name: str, clicks: int, stale: bool, breaks: Exception | None) -> None:
        """As often as not AWS's answer to the delete never comes, or the process dies there."""
        self.aws_decides(name, "FAILED", seen=True)
        self.moves()
        self.aws.after += [breaks] if breaks else []
        self.retry(name, clicks, stale)

    @rule(name=st.sampled_from(NAMES), clicks=st.integers(1, 4), stale=st.booleans())
    def retry(self, name: str, clicks: int, stale: bool) -> None:
        row = self.last[1][name]
        version = row.version - stale
        before = self.run(self.retries())[name]

        async def click() -> None:
            at_once = (self.mending.retry(self.team, row.id, version, f"U{number}") for number in range(clicks))
            for outcome in await asyncio.gather(*at_once, return_exceptions=True):
                if isinstance(outcome, BaseException) and not isinstance(outcome, BotError | KilledError):
                    raise outcome

        self.run(click())
        effects = self.run(self.retries())[name] - before
        may = not stale and not row.intent and row.state in {IdentityState.FAILED, IdentityState.GONE}
        assert effects <= may

    @rule()
    def all_is_well_again(self) -> None:
        """Then nothing is left half done, and what is open is what is wrong."""
        self.aws.before.clear()
        self.aws.after.clear()
        self.aws.key_works = True
        for _ in range(4):
            self.clock.advance(max(LEASE, leases.LONGEST_POLL).total_seconds() + 600)
            self.run(self.look())
            self.moves()
        mailer, rows = self.run(self.stored())
        assert mailer.access is Access.OK
        for name, row in rows.items():
            assert not row.intent
            assert (row.state is IdentityState.GONE) is (name not in self.aws.statuses)
        self.run(self.compare(mailer, rows))

    async def compare(self, mailer: Mailer, rows: dict[str, Identity]) -> None:
        async with self.db.read() as session:
            found = await open_incidents(session, mailer.team_id)
        assert {(one.kind, one.subject) for one in found} == detect_conditions(
            mailer, rows.values(), self.clock()
        ).keys()

    @invariant()
    def moves(self) -> None:
        """No state follows another one that may not come before it."""
        (mailer, rows), (mailer_before, rows_before) = self.run(self.stored()), self.last
        if mailer.access is not mailer_before.access:
            assert (mailer_before.access, mailer.access) in MOVES
        audited = self.run(self.retries())
        for name, row in rows.items():
            before = rows_before[name]
            assert row.version >= before.version
            assert row.attempt - before.attempt in {0, 1}
            assert row.attempt - 1 + bool(row.intent) <= audited[name]
            assert self.aws.deleted[name] <= audited[name]
            if before.intent and row.intent:  # somebody is at it, and what is read may be half the way
                assert row.state is before.state
        self.last = (mailer, rows)

    @invariant()
    def at_most_one_incident_is_open_of_each_thing(self) -> None:
        async def things() -> Counter[Any]:
            async with self.db.read() as session:
                team = (await session.exec(select(Team).where(col(Team.id) == self.team.id))).one()
                return Counter((one.kind, one.subject) for one in await open_incidents(session, team.id))

        assert max(self.run(things()).values(), default=1) == 1


def test_a_mailer_and_its_identities_move_as_they_may(databases: Databases) -> None:
    play(MailerLife, databases, examples=8, steps=15, phases=[Phase.generate])
