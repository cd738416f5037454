"""What events change: states of deliveries, which only move forward, and suppressions. A batch is a few statements.

Events come in any order, twice, and before the answer to the call that caused them: the end is the same whatever the
order. What bounces for now, as an out-of-office answer does, and is delivered, is delivered. An event with the
attempt's tag settles what was in doubt. Only recipients of the broadcast are suppressed.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import bindparam
from sqlalchemy import select as select_columns
from sqlmodel import SQLModel, col

from bot.alerts.outbox import Notice, announce
from bot.broadcast.delivery.account_lease import end_doubts
from bot.broadcast.transitions import WITHOUT_CONTENT
from bot.email_addresses import address_key, is_simulator
from bot.feedback.ses_events import PERMANENT, EventKind, SesEvent
from bot.suppression.recording import Entry, suppress_all
from bot.webhooks.events import OF_DELIVERIES, Item, deliveries_changed
from storage import Broadcast, Chunk, DeliveryState, Mailer, Session, leases

_SAYS: Final = {
    EventKind.SEND: (1, DeliveryState.SENT),
    EventKind.DELIVERY_DELAY: (1, DeliveryState.SENT),
    EventKind.NOT_SPAM: (1, DeliveryState.SENT),
    EventKind.REJECT: (2, DeliveryState.FAILED),
    EventKind.RENDERING_FAILURE: (2, DeliveryState.FAILED),
    EventKind.NOT_TRIED: (3, DeliveryState.SUPPRESSED),
    EventKind.SOFT_BOUNCE: (4, DeliveryState.BOUNCED),
    EventKind.DELIVERY: (5, DeliveryState.DELIVERED),
    EventKind.BOUNCE: (6, DeliveryState.BOUNCED),
    EventKind.COMPLAINT: (7, DeliveryState.COMPLAINED),
}
"""What an event makes of a delivery, in the order in which one outdoes another: so the end is the highest of them."""

_IS_AT: Final = {
    DeliveryState.SENDING: 0,
    DeliveryState.IN_DOUBT: 0,
    **{state: stage for stage, state in _SAYS.values() if state is not DeliveryState.BOUNCED},
}
_NOTES: Final = frozenset({EventKind.SOFT_BOUNCE, EventKind.NOT_SPAM})
_NOTED: Final = frozenset({DeliveryState.SENT, DeliveryState.DELIVERED})
_delivery = SQLModel.metadata.tables["delivery"]
FIND: Final = (
    select_columns(
        *(_delivery.c[name] for name in ("seq", "address", "chunk_id", "message_id", "state", "error", "at"))
    )
    .where(_delivery.c.broadcast_id == bindparam("of"), _delivery.c.address_key.in_(bindparam("keys", expanding=True)))
    .order_by(_delivery.c.seq + 0)  # by its number alone SQLite would walk through the whole broadcast in that order
    .with_for_update()
)
_MOVE: Final = (
    _delivery.update()
    .where(_delivery.c.broadcast_id == bindparam("of"), _delivery.c.seq == bindparam("number"))
    .values({name: bindparam(name) for name in ("state", "message_id", "error", "at")})
)


class _Row(NamedTuple):
    """A delivery that some event is about."""

    seq: int
    address: str
    chunk_id: str | None
    message_id: str | None
    state: DeliveryState
    error: str
    at: datetime

    @property
    def key(self) -> str:
        return address_key(self.address)

    @property
    def stage(self) -> int | None:
        """How far it is (`_SAYS`); None where nothing was handed to SES."""
        if self.state is DeliveryState.BOUNCED:
            return _SAYS[EventKind.BOUNCE if self.error.startswith(PERMANENT) else EventKind.SOFT_BOUNCE][0]
        return _IS_AT.get(self.state)


async def process_events(session: Session, mailer: Mailer, events: Iterable[SesEvent]) -> None:
    """Write down what events say, each once; one about a broadcast of another mailer says nothing."""
    by_key = {f"event:{mailer.id}:{event.key}": event for event in events}
    about: Mapping[str, list[SesEvent]] = defaultdict(list)
    for key in await leases.first_seen(session, by_key):
        about[by_key[key].broadcast_id].append(by_key[key])
    for broadcast_id in sorted(about):
        broadcast = await session.get(Broadcast, broadcast_id, options=WITHOUT_CONTENT)
        if broadcast is not None and broadcast.mailer_id == mailer.id:
            await _record(session, broadcast, about[broadcast_id])


async def _record(session: Session, broadcast: Broadcast, events: Sequence[SesEvent]) -> None:
    about: Mapping[str, list[SesEvent]] = defaultdict(list)
    for event in events:
        about[address_key(event.address)].append(event)
    connection = await session.connection()
    rows = [_Row(*row) for row in await connection.execute(FIND, {"of": broadcast.id, "keys": list(about)})]
    moved = await _move(session, broadcast, rows, about)
    never = [
        Entry(row.address, event.reason)
        for row in rows
        if not is_simulator(row.address)
        for event in about[row.key]
        if event.reason
    ]
    await suppress_all(session, broadcast.team_id, never, source=broadcast.id, now=session.now)
    if moved:
        await announce(session, broadcast.team_id, Notice.BROADCAST, broadcast.id, now=session.now, spaced=True)


async def _move(
    session: Session,
    broadcast: Broadcast,
    rows: Iterable[_Row],
    about: Mapping[str, Sequence[SesEvent]],
) -> bool:
    """Move deliveries as far as the events of their attempts take them; say whether any was."""
    changes: list[dict[str, Any]] = []
    settled: set[str] = set()
    told: Mapping[DeliveryState, list[_Row]] = {state: [] for state in OF_DELIVERIES}
    for before in rows:
        row = before
        for event in about[row.key]:
            if event.attempt == row.chunk_id or _was_restored(row):
                row = _after(row, event, session.now)
        if row is before:
            continue
        values = {name: getattr(row, name) for name in ("state", "message_id", "error", "at")}
        changes.append({"of": broadcast.id, "number": row.seq, **values})
        if row.state in told and row.state is not before.state:
            told[row.state].append(row)
        if row.chunk_id and before.state is DeliveryState.IN_DOUBT:
            settled.add(row.chunk_id)
    if changes:
        await (await session.connection()).execute(_MOVE, changes)
    for state, found in told.items():
        items = [Item(row.address, {"error": row.error}, broadcast.id) for row in found]
        await deliveries_changed(session, broadcast, state, items)
    for chunk_id in sorted(settled):
        await end_doubts(session, col(Chunk.id) == chunk_id)
    return bool(changes)


def _was_restored(row: _Row) -> bool:
    """Whether the call that mailed it, if any did, is known to SES alone: it came after the copy of the database."""
    return row.chunk_id is None and row.state is DeliveryState.IN_DOUBT


def _after(row: _Row, event: SesEvent, now: datetime) -> _Row:
    """Return what a delivery is after an event of its attempt; the same row where that changes nothing."""
    stage, state = _SAYS[event.kind]
    if state is DeliveryState.SENT and row.state is DeliveryState.SENDING:
        return row  # the answer to the call says it too
    if row.stage is None:
        return row
    if stage > row.stage:
        note = row.error if row.state is not DeliveryState.IN_DOUBT and state is DeliveryState.DELIVERED else ""
        return row._replace(state=state, message_id=event.message_id, error=event.text or note, at=now)
    if event.kind in _NOTES and row.state in _NOTED and not row.error:
        return row._replace(error=event.text)
    return row
