"""Collects SES's events, from each team's queue or by SNS."""

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from sqlmodel import col, select

from bot.feedback.event_processor import process_events
from bot.feedback.missing_events import detect_missing_events
from bot.feedback.reputation_enforcement import enforce
from bot.feedback.ses_events import EventKind, parse
from bot.leased_poller import LeasedPoller
from bot.mailer.credential_store import CredentialStore
from bot.mailer.monitoring.feedback_health import event_received
from bot.mailer.monitoring.feedback_route import FeedbackRoute, is_awaited, route_of
from bot.ses import event_queue
from bot.ses.errors import ErrorKind, SesError
from storage import Broadcast, BroadcastState, Database, Mailer, PollKind, Session, leases

log = logging.getLogger(__name__)

AT_ONCE: Final = 8
"""Mailers whose queues are looked into."""

CALLS_AT_ONCE: Final = 8
"""For one mailer, where there is much: a broadcast of 500 a second makes 1,000 events, and a call brings ten."""

THREADS: Final = AT_ONCE + CALLS_AT_ONCE
"""For these calls alone, so that long polls never keep another call waiting."""

WAIT_SECONDS = 5
ROUNDS = 100
EVENTS_COME_FOR: Final = timedelta(hours=72)
_SOON: Final = timedelta(seconds=5)
_LATER: Final = timedelta(seconds=60)
_HOT: Final = timedelta(hours=1)
_JUDGED_EVERY: Final = timedelta(seconds=5)

_HURTS = frozenset({EventKind.BOUNCE, EventKind.COMPLAINT})
_LIVE = (BroadcastState.SENDING, BroadcastState.PAUSED)


class EventCollector(LeasedPoller[leases.Claim]):
    """Collects for the mailers that sent within 72 hours.

    Args: `credential_store` has clients of its own, so that long polls keep no other call waiting;
    `wait_seconds` is how long one poll waits for the first event.
    """

    def __init__(
        self,
        db: Database,
        credential_store: CredentialStore,
        *,
        wait_seconds: int = WAIT_SECONDS,
    ) -> None:
        super().__init__(db, at_once=AT_ONCE)
        self._wait_seconds = wait_seconds
        self._credential_store = credential_store

    async def ingest(self, mailer: Mailer, bodies: Iterable[str]) -> None:
        """Store what SNS's messages from the mailer's topic say, whichever route they took.

        One that cannot be written down is passed over, so that it neither keeps the others back nor comes for ever.
        """
        bodies = list(bodies)
        try:
            await self._take_in(mailer, bodies)
        except Exception:  # noqa: BLE001 - whatever it is, the messages are looked at one by one
            for body in bodies:
                await self._take_alone(mailer, body)

    async def _claim(self, limit: int) -> list[leases.Claim]:
        return await self._claim_polls([PollKind.REPUTATION, PollKind.FEEDBACK], limit)

    async def _work(self, claimed: leases.Claim) -> None:
        if claimed.kind is PollKind.REPUTATION:
            await self._judge(claimed)
        else:
            await self._collect(claimed)

    async def _take_alone(self, mailer: Mailer, body: str) -> None:
        try:
            with contextlib.suppress(Exception):
                return await self._take_in(mailer, [body])
            # A database that was away may be back by now: only what fails while it is well is the message's own fault.
            await self._note(mailer, "tried again", body)
            await self._take_in(mailer, [body])
        except Exception:
            await self._note(mailer, "passed over", body)  # where it is away, this fails too: the message comes again
            log.exception("a message from the topic of mailer %s cannot be written down and is passed over", mailer.id)

    async def _note(self, mailer: Mailer, what: str, body: str) -> None:
        digest = hashlib.sha256(body.encode(errors="replace")).hexdigest()
        async with self._db.write() as session:
            await leases.mark_processed(session, f"{what}:{mailer.id}:{digest}")

    async def _take_in(self, mailer: Mailer, bodies: Iterable[str]) -> None:
        events = [event for body in bodies if (event := parse(body, mailer.topic_arn))]
        if not events:
            return
        now = self._db.now()
        hurts = any(event.kind in _HURTS for event in events)
        async with self._db.write() as session:
            await process_events(session, mailer, events)
            if hurts:
                await _want_judgement(session, mailer.id)
        await event_received(self._db, mailer, now)
        if hurts:
            for claim in await self._claim_polls([PollKind.REPUTATION], AT_ONCE):
                await self._judge(claim)

    async def _collect(self, claim: leases.Claim) -> None:
        async with self._db.read() as session:
            mailer = await session.get(Mailer, claim.subject_id)
            last = await _last_sent(session, mailer) if mailer else None
        if mailer is None or last is None or (route_of(mailer) is FeedbackRoute.NONE and not mailer.last_event_at):
            async with self._db.write() as session:
                await leases.end(session, claim)
            return
        pause = _SOON if mailer.queue_url and self._db.now() - last < _HOT else _LATER
        refused = None
        try:
            if mailer.queue_url:
                await self._empty(mailer, mailer.queue_url)
        except SesError as error:
            log.info("the queue of mailer %s gave nothing: %s", mailer.id, error.code)
            refused, pause = error, _LATER
        async with self._db.write() as session:
            if refused is None:
                await detect_missing_events(session, mailer.id)
            elif refused.kind is ErrorKind.MISSING_ACTION:
                await leases.schedule(session, PollKind.ACCESS_CHECK, mailer.id, session.now)
            await leases.finish(session, claim, session.now + pause)

    async def _empty(self, mailer: Mailer, queue_url: str) -> None:
        session = self._credential_store.open_session(mailer)
        at_once, wait = 1, self._wait_seconds
        for _ in range(ROUNDS):
            receiving = (event_queue.receive(session, queue_url, wait_seconds=wait) for _ in range(at_once))
            batches = [batch for batch in await asyncio.gather(*receiving) if batch]
            messages = [message for batch in batches for message in batch]
            if not messages:
                return
            await self.ingest(mailer, [message.body for message in messages])
            await asyncio.gather(*(event_queue.delete(session, queue_url, batch) for batch in batches))
            there_is_more = len(messages) == at_once * event_queue.MOST_AT_ONCE
            at_once, wait = (min(2 * at_once, CALLS_AT_ONCE), 0) if there_is_more else (1, self._wait_seconds)

    async def _judge(self, claim: leases.Claim) -> None:
        await enforce(self._db, claim.subject_id, self._db.now())
        async with self._db.write() as session:
            await leases.end(session, claim)


async def _want_judgement(session: Session, mailer_id: str) -> None:
    """Ask for a check of the mailer's reputation, but not every time: it counts a day's mails."""
    last = (await session.exec(select(Mailer.reputation_at).where(Mailer.id == mailer_id))).first()
    due_at = max(session.now, last + _JUDGED_EVERY) if last else session.now
    await leases.schedule(session, PollKind.REPUTATION, mailer_id, due_at)


async def _last_sent(session: Session, mailer: Mailer) -> datetime | None:
    """Return when this mailer last sent, while events may still come or are missing."""
    live = select(Broadcast.id).where(Broadcast.mailer_id == mailer.id, col(Broadcast.state).in_(_LIVE)).limit(1)
    if (await session.exec(live)).first():
        return session.now
    since = session.now - EVENTS_COME_FOR
    ended = select(Broadcast.finished_at).where(Broadcast.mailer_id == mailer.id, col(Broadcast.finished_at) > since)
    last = (await session.exec(ended.order_by(col(Broadcast.finished_at).desc()).limit(1))).first()
    tested = mailer.probed_at if is_awaited(mailer) else None
    return max(filter(None, (last, tested, mailer.missing_events_since)), default=None)
