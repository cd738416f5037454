"""A broadcast goes from one state to another: one place that counts its version up, audits it and tells the channel.

The caller has the row locked. Locks are taken in one order everywhere, the sending account before the broadcast before
its deliveries, so that nobody waits in a circle.
"""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import inspect
from sqlalchemy.orm import defer
from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from bot.alerts.outbox import Notice, announce
from storage import audit
from storage.models import Broadcast, SendingAccount
from storage.states import BroadcastState

MAILROOM = "mailroom"  # the actor of what nobody asked for
WITHOUT_CONTENT = tuple(defer(inspect(Broadcast).attrs[name].class_attribute) for name in ("body", "template"))
"""Of a broadcast without what is large and rarely needed."""

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
    after = {"state": to, "reasons": broadcast.pause_reasons}
    audit.record(
        session,
        broadcast.team_id,
        by,
        f"broadcast.{action}",
        now=now,
        subject=broadcast.id,
        before=before,
        after=after,
    )
    await announce(session, broadcast.team_id, Notice.BROADCAST, broadcast.id, now=now)


async def wake(session: AsyncSession, account_id: str, region: str, at: datetime) -> None:
    """Have the account's work looked at by then; sooner stays sooner. Locks the account."""
    same = (col(SendingAccount.account_id) == account_id, col(SendingAccount.region) == region)
    found = (await session.exec(select(SendingAccount.id).where(*same).with_for_update())).first()
    if found is None:
        session.add(SendingAccount(account_id=account_id, region=region, work_at=at))
        await session.flush()
        return
    later = col(SendingAccount.work_at).is_(None) | (col(SendingAccount.work_at) > at)
    await session.exec(update(SendingAccount).where(*same, later).values(work_at=at))
