"""Polls every mailer at AWS at adaptive, jittered intervals, and stores what it says.

Access loss is confirmed before it counts: the first failure makes a mailer suspect, a second, different call decides.
Throttling, the network and outages are never loss.
"""

import asyncio
import contextlib
import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from bot.leased_poller import LeasedPoller
from bot.mailer.aws_errors import explain
from bot.mailer.mailers import Mailers
from bot.mailer.monitoring.facts import (
    CONFIRM_AFTER,
    apply_access,
    apply_refusal,
    apply_report,
    lacks_action,
    managed_of,
    next_walk,
    record_account,
    record_identity,
    record_listing,
)
from bot.mailer.monitoring.feedback_health import schedule_probe
from bot.mailer.monitoring.feedback_route import QUEUE_SETTLES, route_of
from bot.mailer.monitoring.incident_rules import reconcile_incidents
from bot.mailer.monitoring.poll_fast_path import MailerSnapshot, is_unchanged, known_of, touch
from bot.mailer.monitoring.poll_schedule import PollIntervals, RegionBreaker
from bot.ses.errors import ErrorKind, SesError
from bot.ses.facts import AccountFacts, IdentityFacts, ListedIdentity
from bot.ses.operations import Ses
from bot.ses.permission_check import AccessReport
from bot.ses.provisioning import Provisioned
from storage import Access, Database, Identity, IdentityState, Mailer, PollKind, Session, Team, audit, leases

log = logging.getLogger(__name__)

AT_ONCE = 20
PATIENCE = 5.0  # seconds that a tick waits for its polls: those of a region that hangs must not hold up the others
ASK_AGAIN = timedelta(seconds=60)  # where AWS did not answer at all
YOUNG = 5  # intervals of what is pending, minutes as a rule: new credentials are not known everywhere at AWS yet
JITTER = 0.15  # of an interval, always downwards: promises count whole intervals
IN_FULL = 20  # identities that are read one by one in one look: AWS allows about one such call a second

_SILENCE = frozenset({ErrorKind.UNAVAILABLE, ErrorKind.NOT_SENT})


@dataclass(frozen=True, slots=True)
class _Seen:
    """What one poll found."""

    account: AccountFacts
    listed: list[ListedIdentity]
    in_full: dict[str, IdentityFacts | None]  # managed identities that wait


_Result = _Seen | AccessReport | SesError
_Due = tuple[leases.Claim, MailerSnapshot | None]


class _OvertakenError(Exception):
    """Another poll was asked for, or another process took over: this one may have been too early."""


class Monitor(LeasedPoller[_Due]):
    def __init__(self, db: Database, mailers: Mailers, intervals: PollIntervals) -> None:
        super().__init__(db, at_once=AT_ONCE, patience=PATIENCE)
        self._mailers = mailers
        self._intervals = intervals
        self._regions = RegionBreaker()

    async def refresh(self, mailer: Mailer) -> None:
        """Poll one mailer now, because its facts are too old to send on.

        Raises:
            BotError: AWS did not answer.
        """
        try:
            async with self._db.read() as session:
                managed: Sequence[Identity] = await managed_of(session, mailer.id)
            seen = await self._look(self._mailers.ses(mailer), managed)
        except SesError as error:
            raise explain(error) from error
        async with self._db.write() as session:
            row = await self._mailers.lock(session, mailer.id)
            managed = await self._record(session, row, seen)
            await reconcile_incidents(session, row, managed, session.now)

    async def check_events(self, team: Team, by: str) -> None:
        """Have the walk through every permission made now, which puts back what is missing; a mail to see follows it.

        Raises:
            BotError: NO_MAILER or ACCESS_LOST.
        """
        mailer = await self._mailers.require_access(team)
        async with self._db.write() as session:
            row = await self._mailers.lock(session, mailer.id)
            await leases.schedule(session, PollKind.ACCESS_CHECK, row.id, session.now)
            audit.record(session, team.id, by, "events.check", session.now, row.account_id)

    async def _claim(self, limit: int) -> Sequence[_Due]:
        """Claim mailers that are due; where more may be due, tick again at once."""
        claims = await self._claim_polls([PollKind.ACCOUNT, PollKind.ACCESS_CHECK], limit)
        if len(claims) == limit:
            self._db.wake("monitor")
        if not claims:
            return []
        async with self._db.read() as session:
            known = await known_of(session, [claim.subject_id for claim in claims])
        return [(claim, known.get(claim.subject_id)) for claim in claims]

    async def _work(self, claimed: _Due) -> None:
        claim, known = claimed
        if known is None:
            async with self._db.write() as session:
                await leases.drop(session, claim.kind, claim.subject_id)
            return
        result, now = await self._ask(claim.kind, known.mailer, known.managed), self._db.now()
        if isinstance(result, _Seen) and is_unchanged(known, result.account, result.listed, now):
            due_at = now + self._pause(known.mailer, known.managed, None)
            await self._db.run(partial(touch, claim=claim, known=known, now=now, due_at=due_at))
            return
        with contextlib.suppress(_OvertakenError):
            await self._keep(claim, known.mailer, result)

    async def _keep(self, claim: leases.Claim, mailer: Mailer, result: _Result) -> None:
        async with self._db.write() as session:
            row = await session.get(Mailer, mailer.id, with_for_update=True)
            if row is None or row.version != mailer.version:  # reconnected or deleted meanwhile: this was the old key
                return
            managed = await self._take(session, claim.kind, row, result)
            await reconcile_incidents(session, row, managed, session.now)
            passed = result.set_up if isinstance(result, AccessReport) and result.passed else None
            if not await leases.finish(session, claim, session.now + self._pause(row, managed, passed)):
                raise _OvertakenError  # and nothing of this look is kept

    def _pause(self, mailer: Mailer, managed: Sequence[Identity], passed: Provisioned | None) -> timedelta:
        """Say when to look again; `passed` is what a walk through every permission found, with nothing refused."""
        pause = self._interval(mailer, managed)
        if mailer.access is Access.SUSPECT:
            pause = min(pause, CONFIRM_AFTER)
        elif passed is not None:
            pause = next_walk(passed)
        elif mailer.unanswered_since:
            pause = min(pause, ASK_AGAIN)
        return pause * random.uniform(1 - JITTER, 1)  # noqa: S311 - spreads load, hides nothing

    def _interval(self, mailer: Mailer, managed: Sequence[Identity]) -> timedelta:
        return self._intervals.after(mailer.production, [row.state for row in managed])

    async def _ask(self, kind: PollKind, mailer: Mailer, managed: Sequence[Identity]) -> _Result:
        now = self._db.now()
        if not self._regions.allows(mailer.region, now):
            return SesError(ErrorKind.UNAVAILABLE, "SilentRegion", "")
        result: _Result
        try:
            if kind is PollKind.ACCESS_CHECK:
                result = await self._mailers.recheck(mailer)
            else:
                ses = self._mailers.ses(mailer, renewed=True)
                if mailer.access is Access.SUSPECT:
                    await ses.account_id()  # the second, different call
                result = await self._look(ses, managed)
        except SesError as error:
            result = error
        if isinstance(result, SesError) and result.kind in _SILENCE:
            self._regions.record_failure(mailer.region, now)
        else:
            self._regions.record_success(mailer.region)
        return result

    async def _look(self, ses: Ses, managed: Sequence[Identity]) -> _Seen:
        account, listed = await asyncio.gather(ses.account(), ses.identities())
        states = {entry.name: entry.verification_status for entry in listed}
        changing = [
            row.name
            for row in managed
            if row.state is IdentityState.PENDING or states.get(row.name) not in {None, row.verification_status}
        ]
        some = random.sample(changing, min(len(changing), IN_FULL))
        return _Seen(account, listed, {name: await ses.find_identity(name) for name in some})

    async def _take(self, session: Session, kind: PollKind, mailer: Mailer, result: _Result) -> Sequence[Identity]:
        if isinstance(result, _Seen):
            return await self._record(session, mailer, result)
        managed = await managed_of(session, mailer.id)
        if isinstance(result, SesError) and result.kind in _SILENCE:
            mailer.unanswered_since = mailer.unanswered_since or session.now
        else:
            mailer.unanswered_since = None
        if isinstance(result, AccessReport):
            await self._judge(session, kind, mailer, managed, result)
        elif result.is_access_loss:
            await self._refused(session, kind, mailer, managed, result)
        else:
            log.info("a poll got no answer: %s %s", result.kind, result.code)
        session.add(mailer)
        return managed

    async def _judge(
        self, session: Session, kind: PollKind, mailer: Mailer, managed: Sequence[Identity], report: AccessReport
    ) -> None:
        if report.missing:
            error = SesError(ErrorKind.MISSING_ACTION, "AccessDenied", ", ".join(report.missing))
            await self._refused(session, kind, mailer, managed, error)
        elif report.set_up is not None and report.passed:
            if mailer.access is not Access.OK:  # a waiting caller needs facts that are newer than the refusal
                await leases.schedule(session, PollKind.ACCOUNT, mailer.id, session.now)
            before = route_of(mailer)
            apply_report(mailer, report, report.set_up, session.now, self._mailers.endpoint_of(mailer.connection))
            if mailer.missing_events or route_of(mailer) is not before:
                await schedule_probe(session, mailer, session.now + QUEUE_SETTLES)
            for job in (PollKind.FORWARDING, PollKind.SENDER_RULES):
                await leases.schedule(session, job, mailer.id, session.now)

    async def _refused(
        self, session: Session, kind: PollKind, mailer: Mailer, managed: Sequence[Identity], error: SesError
    ) -> None:
        """Handle a refusal: the first one, the second one, or one too early to count."""
        wait = min(self._interval(mailer, managed), CONFIRM_AFTER)
        if mailer.access is Access.OK:
            confirms = apply_refusal(mailer, Access.SUSPECT, error, session.now)
            if confirms is not kind:
                await leases.schedule(session, confirms, mailer.id, session.now + wait)
        elif mailer.access is Access.LOST or (
            session.now - mailer.access_since >= wait * (1 - JITTER) and not self._is_young(mailer, session.now)
        ):
            apply_refusal(mailer, Access.LOST, error, session.now)

    async def _record(self, session: Session, mailer: Mailer, seen: _Seen) -> Sequence[Identity]:
        mailer.unanswered_since = None
        if not lacks_action(mailer):
            apply_access(mailer, Access.OK, session.now)
        await record_account(session, mailer, seen.account)
        managed = await record_listing(session, mailer, seen.listed, session.now)
        for row in managed:
            if row.name in seen.in_full:
                await record_identity(session, row, seen.in_full[row.name])
        return managed

    def _is_young(self, mailer: Mailer, now: datetime) -> bool:
        return now - mailer.credentials_at < YOUNG * self._intervals.pending
