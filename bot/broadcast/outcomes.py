"""What events change: states of deliveries, which only move forward, and suppressions. A batch is a few statements.

Events come in any order, twice, and before the answer to the call that caused them: the end is the same whatever the
order. An event with the attempt's tag settles what was in doubt. Nobody is suppressed but a recipient of the broadcast.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import bindparam
from sqlmodel import SQLModel, col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from bot.alerts.outbox import Notice, announce
from bot.broadcast.events import Event, EventKind
from bot.broadcast.moves import WITHOUT_CONTENT
from bot.broadcast.result import TOLD_EVERY
from bot.broadcast.suppressions import suppress_all
from bot.mailer.names import address_key, is_simulator
from storage import leases
from storage.models import Broadcast, Chunk, Delivery, Mailer
from storage.states import ChunkState, DeliveryState, SuppressionReason

_UNDER_WAY = frozenset({DeliveryState.SENDING, DeliveryState.SENT, DeliveryState.IN_DOUBT})
_MOVES: Final = {
    EventKind.SEND: (DeliveryState.SENT, frozenset({DeliveryState.IN_DOUBT})),
    EventKind.DELIVERY_DELAY: (DeliveryState.SENT, frozenset({DeliveryState.IN_DOUBT})),
    EventKind.DELIVERY: (DeliveryState.DELIVERED, _UNDER_WAY),
    EventKind.BOUNCE: (DeliveryState.BOUNCED, _UNDER_WAY | {DeliveryState.DELIVERED}),
    EventKind.COMPLAINT: (
        DeliveryState.COMPLAINED,
        _UNDER_WAY | {DeliveryState.DELIVERED, DeliveryState.BOUNCED},
    ),
    EventKind.REJECT: (DeliveryState.FAILED, _UNDER_WAY),
    EventKind.RENDERING_FAILURE: (DeliveryState.FAILED, _UNDER_WAY),
}
_delivery = SQLModel.metadata.tables["delivery"]
_moved = (
    _delivery.update()
    .where(_delivery.c.broadcast_id == bindparam("of"), _delivery.c.seq == bindparam("number"))
    .values({name: bindparam(name) for name in ("state", "message_id", "error", "at")})
)


class _Row(NamedTuple):
    """A delivery that some event is about."""

    seq: int
    address: str
    chunk_id: str | None
    state: DeliveryState

    @property
    def key(self) -> str:
        return address_key(self.address)


async def record(session: AsyncSession, mailer: Mailer, events: Iterable[Event], now: datetime) -> None:
    """Write down what events say, each once; one about a broadcast of another mailer says nothing."""
    by_key = {f"event:{mailer.id}:{event.key}": event for event in events}
    about: Mapping[str, list[Event]] = defaultdict(list)
    for key in await leases.first_seen(session, by_key, now):
        about[by_key[key].broadcast_id].append(by_key[key])
    for broadcast_id in sorted(about):
        broadcast = await session.get(Broadcast, broadcast_id, options=WITHOUT_CONTENT)
        if broadcast is not None and broadcast.mailer_id == mailer.id:
            await _record(session, broadcast, about[broadcast_id], now)


async def _record(session: AsyncSession, broadcast: Broadcast, events: Sequence[Event], now: datetime) -> None:
    about: Mapping[str, list[Event]] = defaultdict(list)
    for event in events:
        about[address_key(event.address)].append(event)
    found = await session.exec(
        select(Delivery.seq, Delivery.address, Delivery.chunk_id, Delivery.state)
        .where(Delivery.broadcast_id == broadcast.id, col(Delivery.address_key).in_(about))
        .order_by(col(Delivery.seq))
        .with_for_update()
    )
    rows = [_Row(*row) for row in found]
    moved = await _move(session, broadcast, rows, about, now)
    never = [
        (row.address, reason)
        for row in rows
        if not is_simulator(row.address)
        for event in about[row.key]
        if (reason := _never_again(event))
    ]
    await suppress_all(session, broadcast.team_id, never, source=broadcast.id, now=now)
    if moved:
        await announce(session, broadcast.team_id, Notice.BROADCAST, broadcast.id, now=now, not_within=TOLD_EVERY)


async def _move(
    session: AsyncSession,
    broadcast: Broadcast,
    rows: Iterable[_Row],
    about: Mapping[str, Sequence[Event]],
    now: datetime,
) -> bool:
    """Move deliveries as far as the events of their attempts take them; say whether any was."""
    changes: list[dict[str, Any]] = []
    settled: set[str] = set()
    for row in rows:
        state, last = row.state, None
        for event in about[row.key]:
            to, from_ = _MOVES[event.kind]
            if event.attempt == row.chunk_id and state in from_:
                state, last = to, event
        if last is None:
            continue
        values = {"state": state, "message_id": last.message_id, "error": last.text, "at": now}
        changes.append({"of": broadcast.id, "number": row.seq, **values})
        if row.chunk_id and row.state is DeliveryState.IN_DOUBT:
            settled.add(row.chunk_id)
    if changes:
        await (await session.connection()).execute(_moved, changes)
    for chunk_id in sorted(settled):
        await _settle(session, chunk_id, now)
    return bool(changes)


def _never_again(event: Event) -> SuppressionReason | None:
    if event.kind is EventKind.COMPLAINT:
        return SuppressionReason.COMPLAINT
    if event.kind is EventKind.BOUNCE and event.permanent:
        return SuppressionReason.BOUNCE
    return None


async def _settle(session: AsyncSession, chunk_id: str, now: datetime) -> None:
    """End a chunk in doubt of which nothing is in doubt any more."""
    doubtful = select(Delivery.seq).where(Delivery.chunk_id == chunk_id, Delivery.state == DeliveryState.IN_DOUBT)
    ended = update(Chunk).where(col(Chunk.id) == chunk_id, col(Chunk.state) == ChunkState.IN_DOUBT, ~doubtful.exists())
    await session.exec(ended.values(state=ChunkState.DONE, finished_at=now))
