"""Detects that SES accepts mails and sends no events: bounces would go unseen until AWS stops the account."""

from typing import Final

from sqlmodel import col, func, select

from bot.mailer.monitoring.feedback_health import report_missing_events
from bot.mailer.monitoring.feedback_route import EVENTS_COME_WITHIN, heard_since
from storage import Access, Broadcast, Delivery, DeliveryState, Mailer, Session

ENOUGH: Final = 20
"""Mails without an event that make an alert; of fewer the self-test knows more."""

_COUNTED: Final = 10_000
"""That is bad enough, and counting more would take long."""


async def detect_missing_events(session: Session, mailer_id: str) -> None:
    """Open the incident if enough mails went out, long enough ago, and no event has come since."""
    mailer = await session.get(Mailer, mailer_id, with_for_update=True)
    until = session.now - EVENTS_COME_WITHIN
    if mailer is None or mailer.missing_events or mailer.access is not Access.OK or heard_since(mailer, until):
        return
    taken = (
        select(col(Delivery.at))
        .join(Broadcast, col(Broadcast.id) == Delivery.broadcast_id)
        .where(
            Broadcast.mailer_id == mailer.id,
            Delivery.state == DeliveryState.SENT,
            col(Delivery.at) > (mailer.last_event_at or mailer.connected_at),
            col(Delivery.at) <= until,
        )
        .limit(_COUNTED)
        .subquery()
    )
    mails, since = (await session.exec(select(func.count(), func.min(taken.c.at)).select_from(taken))).one()
    if mails >= ENOUGH:
        await report_missing_events(session, mailer, mails, since, session.now)
