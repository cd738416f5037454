"""What comes back: SES's events, collected from each team's queue, become states of deliveries and suppressions.

Events come in any order, twice, and before the answer to the call that caused them. A state only moves forward, so
the end is the same whatever the order. An event with the attempt's tag settles what was in doubt.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Final

from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from bot.alerts.outbox import Notice, announce
from bot.broadcast.events import Event, EventKind, parse
from bot.broadcast.reputation import judge
from bot.broadcast.result import TOLD_EVERY
from bot.broadcast.suppressions import suppress
from bot.mailer.names import address_key, is_simulator
from bot.mailer.vault import Vault
from bot.ses import queue
from bot.ses.errors import SesError
from storage import leases
from storage.database import Database
from storage.models import Broadcast, Chunk, Delivery, Mailer
from storage.states import BroadcastState, ChunkState, DeliveryState, PollKind, SuppressionReason

log = logging.getLogger(__name__)

AT_ONCE: Final = 8
"""Long polls under way, in threads of their own."""

WAIT_SECONDS = 5
ROUNDS = 100
EVENTS_COME_FOR: Final = timedelta(hours=72)
_SOON: Final = timedelta(seconds=5)
_LATER: Final = timedelta(seconds=60)
_HOT: Final = timedelta(hours=1)

_UNDER_WAY = frozenset({DeliveryState.SENDING, DeliveryState.SENT, DeliveryState.IN_DOUBT})
_MOVES: Final = {
    EventKind.SEND: (DeliveryState.SENT, frozenset({DeliveryState.IN_DOUBT})),
    EventKind.DELIVERY: (DeliveryState.DELIVERED, _UNDER_WAY),
    EventKind.BOUNCE: (DeliveryState.BOUNCED, _UNDER_WAY | {DeliveryState.DELIVERED}),
    EventKind.COMPLAINT: (
        DeliveryState.COMPLAINED,
        _UNDER_WAY | {DeliveryState.DELIVERED, DeliveryState.BOUNCED},
    ),
    EventKind.REJECT: (DeliveryState.FAILED, _UNDER_WAY),
    EventKind.RENDERING_FAILURE: (DeliveryState.FAILED, _UNDER_WAY),
}
_HURTS = frozenset({EventKind.BOUNCE, EventKind.COMPLAINT})
_LIVE = (BroadcastState.SENDING, BroadcastState.PAUSED)


class Feedback:
    """Collects for the mailers that sent within 72 hours.

    Args: `vault` opens the way to AWS with clients of its own, so that long polls never keep another call waiting;
    `wait_seconds` is how long one poll waits for the first event.
    """

    def __init__(
        self, db: Database, clock: Callable[[], datetime], vault: Vault, *, wait_seconds: int = WAIT_SECONDS
    ) -> None:
        self._wait_seconds = wait_seconds
        self._db = db
        self._clock = clock
        self._vault = vault

    async def tick(self) -> None:
        """Collect from every queue that is due."""
        async with self._db.write() as session:
            claims = await leases.claim_due(
                session, [PollKind.FEEDBACK], now=self._clock(), lease=leases.LONGEST_POLL, limit=AT_ONCE
            )
        for outcome in await asyncio.gather(*map(self._collect, claims), return_exceptions=True):
            if isinstance(outcome, BaseException):  # it is due again when its lease ends
                log.error("events could not be collected", exc_info=outcome)

    async def _collect(self, claim: leases.Claim) -> None:
        async with self._db.read() as session:
            mailer = await session.get(Mailer, claim.subject_id)
            last = await _last_sent(session, claim.subject_id, self._clock()) if mailer else None
        if mailer is None or mailer.queue_url is None or last is None:
            async with self._db.write() as session:
                await leases.drop(session, PollKind.FEEDBACK, claim.subject_id)
            return
        pause = _SOON if self._clock() - last < _HOT else _LATER
        try:
            await self._empty(mailer, mailer.queue_url)
        except SesError as error:
            log.info("the queue of mailer %s gave nothing: %s", mailer.id, error.code)
            pause = _LATER
        async with self._db.write() as session:
            await leases.finish(session, claim, self._clock() + pause)

    async def _empty(self, mailer: Mailer, queue_url: str) -> None:
        session = self._vault.session(mailer)
        for _ in range(ROUNDS):
            messages = await queue.receive(session, queue_url, wait_seconds=self._wait_seconds)
            if not messages:
                return
            events = [event for message in messages if (event := parse(message.body, mailer.topic_arn))]
            async with self._db.write() as writing:
                for event in events:
                    await record(writing, mailer, event, self._clock())
            if any(event.kind in _HURTS for event in events):
                await judge(self._db, mailer.id, self._clock())
            await queue.delete(session, queue_url, messages)


async def record(session: AsyncSession, mailer: Mailer, event: Event, now: datetime) -> None:
    """Write down what an event says, once; an event about a broadcast of another mailer says nothing."""
    if not await leases.seen_once(session, f"event:{mailer.id}:{event.key}", now):
        return
    broadcast = await session.get(Broadcast, event.broadcast_id)
    if broadcast is None or broadcast.mailer_id != mailer.id:
        return
    keys = [address_key(address) for address in event.addresses]
    state, before = _MOVES[event.kind]
    moved = update(Delivery).where(
        col(Delivery.broadcast_id) == broadcast.id,
        col(Delivery.address_key).in_(keys),
        col(Delivery.chunk_id) == event.attempt,
        col(Delivery.state).in_(before),
    )
    values = {"state": state, "message_id": event.message_id, "error": event.text, "at": now}
    changed = (await session.exec(moved.values(**values))).rowcount
    if reason := _never_again(event):
        await _suppress(session, broadcast, event.addresses, reason, now)
    if changed:
        await _settle(session, event.attempt, now)
        await announce(session, broadcast.team_id, Notice.BROADCAST, broadcast.id, now=now, not_within=TOLD_EVERY)


def _never_again(event: Event) -> SuppressionReason | None:
    if event.kind is EventKind.COMPLAINT:
        return SuppressionReason.COMPLAINT
    if event.kind is EventKind.BOUNCE and event.permanent:
        return SuppressionReason.BOUNCE
    return None


async def _suppress(
    session: AsyncSession, broadcast: Broadcast, addresses: Iterable[str], reason: SuppressionReason, now: datetime
) -> None:
    for address in addresses:
        if not is_simulator(address):
            await suppress(session, broadcast.team_id, address, reason, source=broadcast.id, now=now)


async def _settle(session: AsyncSession, chunk_id: str, now: datetime) -> None:
    """End a chunk in doubt of which nothing is in doubt any more."""
    doubtful = select(Delivery.seq).where(Delivery.chunk_id == chunk_id, Delivery.state == DeliveryState.IN_DOUBT)
    ended = update(Chunk).where(col(Chunk.id) == chunk_id, col(Chunk.state) == ChunkState.IN_DOUBT, ~doubtful.exists())
    await session.exec(ended.values(state=ChunkState.DONE, finished_at=now))


async def _last_sent(session: AsyncSession, mailer_id: str, now: datetime) -> datetime | None:
    """Return when this mailer last sent, if events may still come."""
    live = select(Broadcast.id).where(Broadcast.mailer_id == mailer_id, col(Broadcast.state).in_(_LIVE)).limit(1)
    if (await session.exec(live)).first():
        return now
    since = now - EVENTS_COME_FOR
    ended = select(Broadcast.finished_at).where(Broadcast.mailer_id == mailer_id, col(Broadcast.finished_at) > since)
    return (await session.exec(ended.order_by(col(Broadcast.finished_at).desc()).limit(1))).first()
