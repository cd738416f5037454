"""Moves a broadcast between states: the one place that raises its version, audits the move and tells of it.

The caller has the row locked. Locks are taken in one order everywhere, the sending account before the broadcast before
its deliveries, so that nobody waits in a circle.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import inspect
from sqlalchemy.orm import defer
from sqlmodel import col

from bot.alerts.outbox import Notice, announce, key_of, redraw
from bot.webhooks.events import broadcast_changed
from storage import Audit, Broadcast, BroadcastState, PauseReason, SendingAccount, SendKind, Session, audit

MAILROOM = audit.MAILROOM  # the actor of what nobody asked for
WITHOUT_CONTENT = tuple(
    defer(inspect(Broadcast).attrs[name].class_attribute) for name in ("body", "template", "images")
)
"""Of a broadcast without what is large and rarely needed."""

ENDED = frozenset({BroadcastState.DONE, BroadcastState.CANCELLED, BroadcastState.STOPPED})


async def transition(
    session: Session,
    broadcast: Broadcast,
    to: BroadcastState,
    *,
    by: str,
    action: audit.Action,
    now: datetime,
    reasons: Iterable[str] = (),
    **told: Any,
) -> Audit:
    """Change the state and the reasons to wait, and whatever follows from that; `told` goes into the audit."""
    before = {"state": broadcast.state, "reasons": list(broadcast.pause_reasons)}
    broadcast.state = to
    broadcast.pause_reasons = sorted(set(reasons))
    broadcast.version += 1
    if to is BroadcastState.DRAFT:
        broadcast.asked_by, broadcast.asked_at = "", None
        broadcast.asked_of, broadcast.agreed, broadcast.approved_by = [], [], []
    if to is BroadcastState.SENDING:
        broadcast.started_at = broadcast.started_at or now
        broadcast.resumed_at = now
    broadcast.finished_at = now if to in ENDED else None
    session.add(broadcast)
    after = {"state": to, "reasons": broadcast.pause_reasons, **told}
    entry = audit.record(
        session,
        broadcast.team_id,
        by,
        action,
        now=now,
        subject=broadcast.id,
        before=before,
        after=after,
    )
    await tell_channel(session, broadcast, now)
    await broadcast_changed(session, broadcast, now)
    if PauseReason.RESTORED in before["reasons"]:
        await redraw(session, [broadcast.team_id], [Notice.RESTORED], now)
    if to is BroadcastState.DONE and broadcast.kind is SendKind.BROADCAST:
        report = key_of(Notice.BROADCAST, broadcast.id)
        await announce(session, broadcast.team_id, Notice.CHART, broadcast.id, now=now, reply_to=report)
    return entry


async def tell_channel(session: Session, broadcast: Broadcast, now: datetime) -> None:
    """Have its message drawn again, unless the channel never heard of it."""
    if broadcast.shared:
        await announce(session, broadcast.team_id, Notice.BROADCAST, broadcast.id, now=now)


async def share(session: Session, broadcast: Broadcast) -> None:
    """Have the channel see it from now on, and everybody in it who may send change it."""
    broadcast.shared = True
    session.add(broadcast)
    await tell_channel(session, broadcast, session.now)


async def schedule_sending(session: Session, account_id: str, region: str, at: datetime) -> None:
    """Have the account's work looked at by then; sooner stays sooner. Locks the account."""
    session.wake_after_commit("engine")
    later = col(SendingAccount.work_at).is_(None) | (col(SendingAccount.work_at) > at)
    row = session.insert_into(SendingAccount).values(
        SendingAccount(account_id=account_id, region=region, work_at=at).model_dump()
    )
    await session.exec(
        row.on_conflict_do_update(index_elements=["account_id", "region"], set_={"work_at": at}, where=later)
    )
