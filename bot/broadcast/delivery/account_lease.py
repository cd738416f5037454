"""Holding an AWS account: one sender at a time, and what a sender that died has left in doubt."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import ColumnElement
from sqlmodel import col, select, update

from bot.alerts.outbox import Notice, announce
from bot.broadcast.pauses import RECHECK_EVERY, resume_cleared
from bot.mailer.readiness.overview import Overviews
from storage import (
    Broadcast,
    BroadcastState,
    Chunk,
    ChunkState,
    Delivery,
    DeliveryState,
    Mailer,
    SendingAccount,
    Session,
    leases,
)

LEASE: Final = timedelta(seconds=60)
"""Longer than a turn of the sender takes: a call of at most 23 s, a rest of at most 10 s, two transactions."""

_NO_ANSWER = "The sender stopped before it had Amazon SES's answer."


@dataclass(frozen=True, slots=True)
class AccountLease:
    """A sending account that is ours while its fence is this one."""

    id: str
    account_id: str
    region: str
    fence: int


async def acquire(session: Session, account: SendingAccount, owner: str) -> AccountLease | None:
    """Take an account that nobody holds; every call that an earlier holder left open is in doubt from then on."""
    fence = await leases.acquire(session, account.id, owner, lease=LEASE)
    if fence is None:
        return None
    held = AccountLease(account.id, account.account_id, account.region, fence)
    await mark_in_doubt(session, held.id, below=fence)
    return held


async def mark_in_doubt(session: Session, account: str, *, below: int) -> None:
    """Put every call in doubt that was begun under a lower fence and has no result."""
    calling = (Chunk.sending_account_id == account, Chunk.state == ChunkState.CALLING, Chunk.fence < below)
    found = (
        await session.exec(select(Chunk.id, Chunk.broadcast_id, Broadcast.team_id).join(Broadcast).where(*calling))
    ).all()
    if not found:
        return
    chunks = [chunk for chunk, _, _ in found]
    ended = update(Chunk).where(col(Chunk.id).in_(chunks), col(Chunk.state) == ChunkState.CALLING)
    await session.exec(ended.values(state=ChunkState.IN_DOUBT, finished_at=session.now, error=_NO_ANSWER))
    open_ones = update(Delivery).where(col(Delivery.chunk_id).in_(chunks), col(Delivery.state) == DeliveryState.SENDING)
    await session.exec(open_ones.values(state=DeliveryState.IN_DOUBT, error=_NO_ANSWER, at=session.now))
    for broadcast, team in {(broadcast, team) for _, broadcast, team in found}:
        await announce(session, team, Notice.BROADCAST, broadcast, now=session.now)


async def end_doubts(session: Session, chunks: ColumnElement[bool]) -> None:
    """End those of the chunks in doubt of which nothing is in doubt any more."""
    doubtful = select(Delivery.seq).where(Delivery.chunk_id == Chunk.id, Delivery.state == DeliveryState.IN_DOUBT)
    ended = update(Chunk).where(chunks, col(Chunk.state) == ChunkState.IN_DOUBT, ~doubtful.exists())
    values = ended.values(state=ChunkState.DONE, finished_at=session.now)
    await session.exec(values, execution_options={"synchronize_session": False})


async def release(session: Session, held: AccountLease, overviews: Overviews) -> None:
    """Give the account back, with the time at which there is something to do again."""
    ours = (col(SendingAccount.id) == held.id, col(SendingAccount.fence) == held.fence)
    if (await session.exec(select(SendingAccount.id).where(*ours).with_for_update())).first() is None:
        return
    later = await resume_cleared(session, held.account_id, held.region, overviews)
    sending = (
        select(Broadcast.id)
        .join(Mailer, col(Mailer.id) == Broadcast.mailer_id)
        .where(
            Mailer.account_id == held.account_id,
            Mailer.region == held.region,
            Broadcast.state == BroadcastState.SENDING,
        )
    )
    work_at = (
        session.now
        if (await session.exec(sending.limit(1))).first()
        else session.now + RECHECK_EVERY
        if later
        else None
    )
    await session.exec(update(SendingAccount).where(*ours).values(owner="", lease_until=None, work_at=work_at))
