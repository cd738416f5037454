"""A broadcast goes from one state to another: one place that counts its version up, audits it and tells the channel.

The row is locked by the caller. Locks are taken in one order everywhere, the sending account before the broadcast, so
that nobody waits in a circle.
"""

from collections.abc import Iterable
from datetime import datetime

from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from bot.alerts.outbox import Notice, announce
from storage import audit
from storage.models import Broadcast, SendingAccount
from storage.states import BroadcastState, PauseReason

MAILROOM = "mailroom"  # the actor of what nobody asked for
ENDED = frozenset({BroadcastState.DONE, BroadcastState.CANCELLED, BroadcastState.STOPPED})


async def move(
    session: AsyncSession,
    broadcast: Broadcast,
    to: BroadcastState,
    *,
    by: str,
    action: str,
    now: datetime,
    reasons: Iterable[str] = (),
) -> None:
    """Change the state and the reasons to wait, and whatever follows from that."""
    before = {"state": broadcast.state, "reasons": list(broadcast.pause_reasons)}
    broadcast.state = to
    broadcast.pause_reasons = sorted(set(reasons))
    broadcast.version += 1
    if to is BroadcastState.SENDING and broadcast.started_at is None:
        broadcast.started_at = now
    broadcast.finished_at = now if to in ENDED else None
    session.add(broadcast)
    audit.record(
        session,
        broadcast.team_id,
        by,
        f"broadcast.{action}",
        now=now,
        subject=broadcast.id,
        before=before,
        after={"state": to, "reasons": broadcast.pause_reasons},
    )
    await announce(session, broadcast.team_id, Notice.BROADCAST, broadcast.id, now=now)


async def hold(session: AsyncSession, reason: PauseReason, now: datetime, broadcasts: Iterable[Broadcast]) -> None:
    """Have these broadcasts wait, for one reason more."""
    for broadcast in broadcasts:
        reasons = {*broadcast.pause_reasons, reason.value}
        await move(
            session, broadcast, BroadcastState.PAUSED, by=MAILROOM, action="hold", now=now, reasons=reasons
        )


async def wake(session: AsyncSession, account_id: str, region: str, at: datetime) -> None:
    """Have the account looked at by then; sooner stays sooner."""
    row = await session.exec(
        select(SendingAccount.id, SendingAccount.work_at)
        .where(SendingAccount.account_id == account_id, SendingAccount.region == region)
        .with_for_update()
    )
    found = row.first()
    if found is None:
        session.add(SendingAccount(account_id=account_id, region=region, work_at=at))
        await session.flush()
    elif found.work_at is None or found.work_at > at:
        await session.exec(update(SendingAccount).where(col(SendingAccount.id) == found.id).values(work_at=at))
