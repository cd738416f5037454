"""The rows of an audience and of a broadcast's deliveries, written in bulk."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import literal
from sqlmodel import SQLModel, and_, case, col, delete, func, insert, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from bot.broadcast.audience import Member, Rejected, RejectReason
from bot.errors import BotError
from bot.mailer.names import counts_toward_quota
from storage.database import Database
from storage.models import Audience, AudienceMember, Broadcast, Delivery, Suppression, UtcDateTime
from storage.states import DeliveryState

_BATCH = 2_000  # rows a transaction: others write in between
_REJECTED_KEPT = 100
SAMPLES = 3

_members = SQLModel.metadata.tables["audience_member"]
_state_type = SQLModel.metadata.tables["delivery"].c.state.type


@dataclass(slots=True)
class Stored:
    """What became of an upload."""

    audience: Audience
    first: list[Member] = field(default_factory=list)
    toward_quota: int = 0  # members that count toward the daily quota

    def take(self, row: Member | Rejected) -> dict[str, Any] | None:
        """Count one row; return the member to store, where it is one."""
        audience = self.audience
        if isinstance(row, Rejected):
            if row.reason is RejectReason.DUPLICATE:
                audience.duplicates += 1
            else:
                audience.invalid += 1
            if len(audience.rejected) < _REJECTED_KEPT:
                audience.rejected.append({"line": row.line, "value": row.value, "why": row.why})
            return None
        audience.size += 1
        self.toward_quota += counts_toward_quota(row.address)
        if len(self.first) < SAMPLES:
            self.first.append(row)
        return {
            "audience_id": audience.id,
            "seq": audience.size,
            "line": row.line,
            "address": row.address,
            "address_key": row.address_key,
            "fields": row.fields,
        }


async def store_audience(
    db: Database, team_id: str, columns: Sequence[str], rows: Iterable[Member | Rejected], by: str, now: datetime
) -> Stored:
    """Store an upload as it is read, a batch a transaction; nothing of it stays when it cannot be read to its end.

    Raises:
        BotError: what reading the rows raises, and AUDIENCE_NO_RECIPIENTS.
    """
    audience = Audience(team_id=team_id, columns=list(columns), created_by=by, created_at=now)
    stored = Stored(audience)
    async with db.write() as session:
        session.add(audience)
    try:
        await _store(db, stored, iter(rows))
    except BaseException:
        await forget_audience(db, audience.id)
        raise
    return stored


async def _store(db: Database, stored: Stored, rows: Iterator[Member | Rejected]) -> None:
    while batch := await asyncio.to_thread(_next_batch, rows, stored):
        members = [member for member in batch if member]
        async with db.write() as session:
            if members:
                await (await session.connection()).execute(_members.insert(), members)
    if not stored.audience.size:
        raise _nobody(stored.audience)
    async with db.write() as session:
        await session.merge(stored.audience)


async def forget_audience(db: Database, audience_id: str) -> None:
    async with db.write() as session:
        await session.exec(delete(Audience).where(col(Audience.id) == audience_id))


def _next_batch(rows: Iterator[Member | Rejected], stored: Stored) -> list[dict[str, Any] | None]:
    """Read and count a batch, in a thread: parsing a million rows takes seconds."""
    return [stored.take(row) for row in islice(rows, _BATCH)]


def _nobody(audience: Audience) -> BotError:
    first = audience.rejected[0] if audience.rejected else None
    why = f": line {first['line']} {first['why']}" if first else ""
    return BotError("AUDIENCE_NO_RECIPIENTS", f"The file has no address that can be mailed{why}.", field="audience")


async def count_suppressed(session: AsyncSession, audience: Audience) -> int:
    """Return how many of the audience the team never mails again."""
    both = and_(Suppression.team_id == audience.team_id, Suppression.address_key == AudienceMember.address_key)
    counted = select(func.count()).select_from(AudienceMember).join(Suppression, both)
    return (await session.exec(counted.where(AudienceMember.audience_id == audience.id))).one()


async def create_deliveries(session: AsyncSession, broadcast: Broadcast, now: datetime) -> None:
    """Make one delivery for each member; those suppressed by now are so from the start."""
    both = and_(Suppression.team_id == broadcast.team_id, Suppression.address_key == AudienceMember.address_key)
    is_new = col(Suppression.id).is_(None)
    pending, suppressed = (literal(state, _state_type) for state in (DeliveryState.PENDING, DeliveryState.SUPPRESSED))
    members = (
        _members.outerjoin(Suppression, both)
        .select()
        .where(_members.c.audience_id == broadcast.audience_id)
        .with_only_columns(
            literal(broadcast.id),
            *(_members.c[name] for name in ("seq", "address", "address_key")),
            case((is_new, pending), else_=suppressed),
            literal(""),
            literal(now, UtcDateTime),
        )
    )
    columns = ["broadcast_id", "seq", "address", "address_key", "state", "error", "at"]
    await session.exec(insert(Delivery).from_select(columns, members))


async def cancel_pending(session: AsyncSession, broadcast: Broadcast, now: datetime) -> None:
    """Cancel what is not under way; the caller has the broadcast locked, so that nothing is claimed meanwhile."""
    pending = update(Delivery).where(
        col(Delivery.broadcast_id) == broadcast.id, col(Delivery.state) == DeliveryState.PENDING
    )
    await session.exec(pending.values(state=DeliveryState.CANCELLED, at=now))


async def count_pending(session: AsyncSession, broadcast_id: str) -> int:
    counted = select(func.count()).where(Delivery.broadcast_id == broadcast_id, Delivery.state == DeliveryState.PENDING)
    return (await session.exec(counted)).one()
