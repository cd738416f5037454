"""Mails the SES simulator and waits for the event, so that a team knows that bounces are seen before it has any.

Such a mail counts neither toward the quota nor toward reputation (SES developer guide, "mailbox simulator").
"""

import logging
from datetime import datetime, timedelta
from typing import Final

from bot.mailer.mailers import Mailers
from bot.mailer.monitoring.feedback_health import report_missing_events
from bot.mailer.monitoring.feedback_route import EVENTS_COME_WITHIN, QUEUE_SETTLES, FeedbackRoute, heard_since, route_of
from bot.mailer.readiness.facts import fact_of
from bot.ses.errors import ErrorKind, SesError
from bot.ses.operations import Ses
from bot.ses.sns_messages import subscribe
from storage import Access, Database, Mailer, PollKind, Sending, leases

log = logging.getLogger(__name__)

TRIES: Final = 2
"""Mails without an event that make an alert: one may get lost."""

_IDENTITY_COMES: Final = timedelta(seconds=60)
_AT_ITS_PACE: Final = timedelta(seconds=15)  # the account's rate may be one mail a second, and others want it, too
_LATER: Final = timedelta(minutes=10)
_TOO_FAST = frozenset({ErrorKind.RATE, ErrorKind.THROTTLED})
_MAY_SEND = frozenset({Sending.ENABLED, Sending.PROBATION})


class FeedbackProbe:
    """A job (periodic_jobs.py), from the moment a mailer is connected until an event has come, or none does."""

    def __init__(self, db: Database, mailers: Mailers) -> None:
        self._db = db
        self._mailers = mailers

    async def __call__(self, claim: leases.Claim, mailer: Mailer) -> None:
        now = self._db.now()
        probed_at = mailer.probed_at
        if route_of(mailer) is FeedbackRoute.NONE or (probed_at and heard_since(mailer, probed_at)):
            async with self._db.write() as session:
                await leases.end(session, claim)
        elif probed_at and now - probed_at < EVENTS_COME_WITHIN:
            await self._again(claim, probed_at + EVENTS_COME_WITHIN)
        elif now < mailer.connected_at + QUEUE_SETTLES:
            await self._again(claim, mailer.connected_at + QUEUE_SETTLES)
        elif mailer.unanswered_probes >= TRIES:
            await self._give_up(claim, now)
        elif mailer.access is not Access.OK or mailer.sending not in _MAY_SEND:
            await self._again(claim, now + _LATER)
        elif (sender := await self._sender(mailer)) is None:
            await self._again(claim, now + _IDENTITY_COMES)
        else:
            await self._mail(claim, mailer, sender)

    async def _sender(self, mailer: Mailer) -> str | None:
        """Return an address that may send, of a managed identity where one may."""
        names = [row.name for row in await self._mailers.identities(mailer) if fact_of(row).sends]
        if not names:
            return None
        return names[0] if "@" in names[0] else f"mailroom@{names[0]}"

    async def _mail(self, claim: leases.Claim, mailer: Mailer, sender: str) -> None:
        now = self._db.now()
        session = self._mailers.open_session(mailer)
        try:
            if route_of(mailer) is FeedbackRoute.ENDPOINT:  # which SNS asks to confirm, unless it has
                await subscribe(session, mailer.topic_arn, mailer.endpoint)
            await Ses(session).mail_simulator(sender, mailer.configuration_set)
        except SesError as error:
            log.info("mailer %s could not mail the simulator: %s %s", mailer.id, error.kind, error.code)
            await self._again(claim, now + (_AT_ITS_PACE if error.kind in _TOO_FAST else _LATER))
            return
        async with self._db.write() as writing:
            row = await writing.get(Mailer, mailer.id, with_for_update=True)
            if row is not None and await leases.finish(writing, claim, now + EVENTS_COME_WITHIN):
                row.probed_at, row.unanswered_probes = now, row.unanswered_probes + 1
                writing.add(row)
                await leases.schedule(writing, PollKind.FEEDBACK, row.id, now)

    async def _give_up(self, claim: leases.Claim, now: datetime) -> None:
        async with self._db.write() as session:
            row = await session.get(Mailer, claim.subject_id, with_for_update=True)
            if row is not None and row.probed_at and await leases.end(session, claim):
                await report_missing_events(session, row, row.unanswered_probes, row.probed_at, now)

    async def _again(self, claim: leases.Claim, at: datetime) -> None:
        async with self._db.write() as session:
            await leases.finish(session, claim, at)
