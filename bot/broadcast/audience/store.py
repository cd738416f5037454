"""The members of an audience and the deliveries made of them, written in bulk.

Members are kept in blocks of JSON and unfolded by the database itself, so that a million of them go through this
process once, when they are read. Work on many is cut into short transactions: others write in between.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from datetime import datetime
from itertools import chain, islice
from typing import Any

from sqlalchemy import ColumnElement, TableValuedAlias, collate, literal, text, true
from sqlalchemy import select as select_rows
from sqlmodel import SQLModel, and_, case, col, delete, func, insert, select, update

from bot.broadcast.audience.block_builder import BlockBuilder, Reject
from bot.broadcast.audience.codes import AudienceCode
from bot.broadcast.audience.csv_reader import Rejected, Row
from bot.errors import BotError
from bot.suppression.hidden import hidden_addresses
from storage import Audience, Broadcast, Database, Delivery, DeliveryState, Session, Suppression, UtcDateTime
from storage.audience_blocks import fields_of

_BATCH = 100  # blocks read and stored at once
_DELIVERIES = 5_000  # made in one transaction
_LOOKED_THROUGH = 100_000  # members, for a sample
_ASKED_FOR = 50  # of them, whether they are suppressed

_blocks = SQLModel.metadata.tables["audience_block"]
# As text, since the JSON is made where the rows are read: what is large never lives long, nor holds up the event loop.
_INSERT = text(
    "INSERT INTO audience_block (audience_id, first_seq, addresses, lines, fields) "
    "VALUES (:audience_id, :first_seq, :addresses, :lines, :fields)"
)
_state_type = SQLModel.metadata.tables["delivery"].c.state.type

Progress = Callable[[int], Awaitable[None]]
"""Is told how many rows are read."""


async def no_progress(_rows: int) -> None:
    """Listens to no progress."""


def ignore_rejected(_row: Rejected) -> None:
    """Keeps none of what is left out."""


async def store_audience(
    db: Database,
    audience: Audience,
    rows: Iterable[Row],
    reject: Reject = ignore_rejected,
    progress: Progress = no_progress,
    summary: Callable[[], dict[str, Any]] = dict,
) -> None:
    """Store an upload as it is read, some rows a transaction; nothing of it stays when it cannot be read to its end.

    `summary` is asked, once all is read, how it was. Until then the size that is stored is 0, so that what a crash
    leaves behind can be told (`Audiences.tidy`).

    Raises:
        BotError: what reading the rows raises, and AUDIENCE_NO_RECIPIENTS.
    """
    async with db.write() as session:
        hidden = await hidden_addresses(session, db.people_key, audience.team_id)
        audience.file_name = hidden.within(audience.file_name)
        session.add(Audience(**audience.model_dump()))
    reading = BlockBuilder(audience, reject, hidden)
    try:
        blocks = reading.blocks(rows)
        while batch := await asyncio.to_thread(list, islice(blocks, _BATCH)):
            async with db.write() as session:
                await (await session.connection()).execute(_INSERT, batch)
            await progress(reading.rows)
        _refuse_nobody(audience)
        audience.import_summary = hidden.within(summary())
        async with db.write() as session:
            stored = await session.get_one(Audience, audience.id, with_for_update=True)
            stored.sqlmodel_update(audience)
    except BaseException:
        await forget_audience(db, audience.id)
        raise


async def forget_audience(db: Database, audience_id: str) -> None:
    async with db.write() as session:
        await session.exec(delete(Audience).where(col(Audience.id) == audience_id))


def _refuse_nobody(audience: Audience) -> None:
    if audience.size:
        return
    first = audience.rejected[0] if audience.rejected else None
    why = f": line {first['line']} {first['why']}" if first else ""
    raise BotError(
        AudienceCode.AUDIENCE_NO_RECIPIENTS, f"The file has no address that can be mailed{why}.", field="audience"
    )


def _unfolded(session: Session) -> tuple[TableValuedAlias, ColumnElement[str], ColumnElement[int]]:
    """Return the addresses of a block as rows, with the key of each and its place in the block, from 0."""
    if session.get_bind().dialect.name == "postgresql":
        rows = func.json_array_elements_text(_blocks.c.addresses)
        members = rows.table_valued("value", with_ordinality="n", name="member").render_derived()
        return members, func.lower(collate(members.c.value, "C")), members.c.n - 1
    members = func.json_each(_blocks.c.addresses).table_valued("value", "key", name="member")
    return members, func.lower(members.c.value), members.c.key


async def count_suppressed(session: Session, audience: Audience) -> int:
    """Return how many of the audience are suppressed."""
    members, key, _ = _unfolded(session)
    both = and_(col(Suppression.team_id) == audience.team_id, col(Suppression.address_key) == key)
    counted = select(func.count()).select_from(_blocks).join(members, true()).join(Suppression, both)
    return (await session.exec(counted.where(_blocks.c.audience_id == audience.id))).one()


async def samples_of(
    session: Session, audience: Audience, count: int, fields: Collection[str]
) -> list[tuple[str, list[str]]]:
    """Return address and values of some who are not suppressed: the first ones, and one who lacks a field's value."""
    places = [place for place, column in enumerate(audience.columns) if column in fields]
    first = await first_recipients(session, audience, count)
    if len(first) < count or any(_lacks(values, places) for _, values in first):
        return first
    lacking = await _first_lacking(session, audience, places)
    return [*first[: count - len(lacking)], *lacking]


def _lacks(values: Sequence[str], places: Iterable[int]) -> bool:
    return any(not values[place].strip() for place in places if place < len(values))


async def _first_lacking(session: Session, audience: Audience, places: Sequence[int]) -> list[tuple[str, list[str]]]:
    """Return the first who lacks a value and may be mailed, if there is one among the first of a long list."""
    blocks = select_rows(_blocks.c.addresses, _blocks.c.fields).where(_blocks.c.audience_id == audience.id)
    connection, asked = await session.connection(), 0
    for after in range(0, min(audience.size, _LOOKED_THROUGH) if places else 0, _DELIVERIES):
        here = blocks.where(_blocks.c.first_seq.between(after + 1, after + _DELIVERIES)).order_by(_blocks.c.first_seq)
        rows = chain.from_iterable(zip(*block, strict=True) for block in await connection.execute(here))
        for address, values in (row for row in rows if _lacks(row[1], places)):
            if not await _is_suppressed(session, audience.team_id, address):
                return [(address, values)]
            asked += 1
            if asked == _ASKED_FOR:
                return []
    return []


async def _is_suppressed(session: Session, team_id: str, address: str) -> bool:
    this = (col(Suppression.team_id) == team_id, col(Suppression.address_key) == address.lower())
    return (await session.exec(select(Suppression.id).where(*this))).first() is not None


async def first_recipients(session: Session, audience: Audience, count: int) -> list[tuple[str, list[str]]]:
    """Return address and values of the first ones that the team may mail."""
    members, key, place = _unfolded(session)
    both = and_(col(Suppression.team_id) == audience.team_id, col(Suppression.address_key) == key)
    seq = _blocks.c.first_seq + place
    rows = select_rows(seq, members.c.value).select_from(_blocks).join(members, true()).outerjoin(Suppression, both)
    connection, addresses = await session.connection(), dict[int, str]()
    for after in range(0, audience.size, _DELIVERIES):
        here = (_blocks.c.audience_id == audience.id, _blocks.c.first_seq.between(after + 1, after + _DELIVERIES))
        more = rows.where(*here, col(Suppression.id).is_(None)).order_by(seq).limit(count - len(addresses))
        addresses |= {found[0]: found[1] for found in await connection.execute(more)}
        if len(addresses) == count:
            break
    values = await connection.run_sync(fields_of, audience.id, addresses)
    return [(address, values[seq]) for seq, address in addresses.items()]


async def create_deliveries(session: Session, broadcast: Broadcast, now: datetime) -> bool:
    """Make the next deliveries, one for each member, and return whether that was the last of them.

    Those suppressed by now are so from the start. The caller has the broadcast locked.
    """
    made = (await session.exec(select(func.max(Delivery.seq)).where(Delivery.broadcast_id == broadcast.id))).one() or 0
    members, key, place = _unfolded(session)
    both = and_(col(Suppression.team_id) == broadcast.team_id, col(Suppression.address_key) == key)
    is_new = col(Suppression.id).is_(None)
    pending, suppressed = (literal(state, _state_type) for state in (DeliveryState.PENDING, DeliveryState.SUPPRESSED))
    rows = (
        select_rows(
            literal(broadcast.id),
            _blocks.c.first_seq + place,
            members.c.value,
            key,
            case((is_new, pending), else_=suppressed),
            literal(""),
            literal(now, UtcDateTime),
            literal(0),
        )
        .select_from(_blocks)
        .join(members, true())
        .outerjoin(Suppression, both)
        .where(
            _blocks.c.audience_id == broadcast.audience_id,
            _blocks.c.first_seq > made,
            _blocks.c.first_seq <= made + _DELIVERIES,
        )
    )
    columns = ["broadcast_id", "seq", "address", "address_key", "state", "error", "at", "retries"]
    result = await session.exec(insert(Delivery).from_select(columns, rows))
    if made < broadcast.size and not result.rowcount:
        raise RuntimeError("an audience has fewer members than its size")
    return made + result.rowcount >= broadcast.size


async def cancel_pending(session: Session, broadcast: Broadcast) -> None:
    """Cancel what is not under way; the caller has the broadcast locked, so that nothing is claimed meanwhile."""
    pending = update(Delivery).where(
        col(Delivery.broadcast_id) == broadcast.id, col(Delivery.state) == DeliveryState.PENDING
    )
    await session.exec(pending.values(state=DeliveryState.CANCELLED, at=session.now))


async def count_pending(session: Session, broadcast_id: str) -> int:
    counted = select(func.count()).where(Delivery.broadcast_id == broadcast_id, Delivery.state == DeliveryState.PENDING)
    return (await session.exec(counted)).one()


async def is_any(
    session: Session, broadcast_id: str, states: Collection[DeliveryState], *where: ColumnElement[bool] | bool
) -> bool:
    """Whether anybody of the broadcast is in one of these states, and so."""
    found = select(Delivery.seq).where(Delivery.broadcast_id == broadcast_id, col(Delivery.state).in_(states), *where)
    return (await session.exec(found.limit(1))).first() is not None
