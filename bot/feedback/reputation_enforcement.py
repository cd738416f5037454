"""Stops a broadcast whose bounces or complaints would cost the team its account, and keeps the mailer's rates."""

from datetime import datetime
from typing import Any

from sqlmodel import and_, case, col, func, select

from bot.broadcast.transitions import MAILROOM, WITHOUT_CONTENT, transition
from bot.feedback.ses_events import PERMANENT
from bot.mailer.monitoring.facts import managed_of
from bot.mailer.monitoring.incident_rules import reconcile_incidents
from bot.mailer.monitoring.reputation_limits import WINDOW, Rates
from storage import (
    ACCEPTED,
    Broadcast,
    BroadcastState,
    Database,
    Delivery,
    DeliveryState,
    Mailer,
    PauseReason,
    SendKind,
    Session,
)

_RUNNING = (BroadcastState.SENDING, BroadcastState.PAUSED)


async def enforce(db: Database, mailer_id: str, now: datetime) -> None:
    """Check the rates of a mailer and of each running broadcast, and stop those that are over the limit."""
    async with db.write() as session:
        lately = await _rates(session, col(Broadcast.mailer_id) == mailer_id, col(Delivery.at) > now - WINDOW)
        for broadcast in await _running(session, mailer_id):
            own = await _rates(session, col(Delivery.broadcast_id) == broadcast.id, *_since(broadcast))
            culprit = own if own.must_stop else lately
            if own.must_stop or (lately.must_stop and broadcast.reputation_from is None):
                broadcast.error = f"{culprit.in_words()}."
                await transition(
                    session,
                    broadcast,
                    BroadcastState.STOPPED,
                    by=MAILROOM,
                    action="broadcast.stop",
                    now=now,
                    reasons=[PauseReason.REPUTATION],
                )
    async with db.write() as session:
        mailer = await session.get(Mailer, mailer_id, with_for_update=True)
        if mailer is None:
            return
        mailer.sent_lately, mailer.bounced_lately = lately.sent, lately.bounces
        mailer.complained_lately, mailer.reputation_at = lately.complaints, now
        session.add(mailer)
        await reconcile_incidents(session, mailer, await managed_of(session, mailer.id), now)


async def _running(session: Session, mailer_id: str) -> list[Broadcast]:
    running = select(Broadcast).where(
        Broadcast.mailer_id == mailer_id,
        Broadcast.kind == SendKind.BROADCAST,
        col(Broadcast.state).in_(_RUNNING),
    )
    ordered = running.order_by(Broadcast.id).options(*WITHOUT_CONTENT).with_for_update()
    return list(await session.exec(ordered))


def _since(broadcast: Broadcast) -> tuple[Any, ...]:
    """After a person resumed it in spite of the numbers, only later events count."""
    return (col(Delivery.at) > broadcast.reputation_from,) if broadcast.reputation_from else ()


async def _rates(session: Session, *where: Any) -> Rates:
    bounced = and_(Delivery.state == DeliveryState.BOUNCED, col(Delivery.error).startswith(PERMANENT))
    found = await session.exec(
        select(
            func.count(),
            func.sum(case((bounced, 1), else_=0)),
            func.sum(case((col(Delivery.state) == DeliveryState.COMPLAINED, 1), else_=0)),
        )
        .join(Broadcast, col(Broadcast.id) == Delivery.broadcast_id)
        .where(
            col(Delivery.state).in_(ACCEPTED),
            ~col(Delivery.address_key).endswith("@simulator.amazonses.com"),
            *where,
        )
    )
    sent, bounces, complaints = found.one()
    return Rates(sent or 0, bounces or 0, complaints or 0)
