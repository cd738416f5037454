"""The alert about a webhook that does not take what it is told."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from sqlmodel import col, func, select

from bot.alerts.incidents import Condition, Conditions, reconcile_team
from storage import IncidentKind, Session, Webhook, WebhookEvent

ALERT_AFTER: Final = timedelta(hours=24)
"""An event has been failing for so long."""

DROPPED_AFTER: Final = timedelta(hours=72)


async def follow_webhook(session: Session, webhook: Webhook, now: datetime, *, exists: bool = True) -> None:
    """Bring the alert in line with how the webhook is, in the transaction that has changed it and holds it locked.

    `exists`: False where it is being deleted, and with it what was wrong.
    """
    await session.flush()
    conditions = await _conditions(session, webhook, now) if exists else {}
    await reconcile_team(session, webhook.team_id, conditions, now)


async def _conditions(session: Session, webhook: Webhook, now: datetime) -> Conditions:
    waiting = select(func.count()).where(WebhookEvent.team_id == webhook.team_id)
    failing = select(func.min(WebhookEvent.created_at)).where(
        WebhookEvent.team_id == webhook.team_id,
        WebhookEvent.failures > 0,
        col(WebhookEvent.created_at) <= now - ALERT_AFTER,
    )
    since = (await session.exec(failing)).one()
    if since is None and not webhook.dropped and webhook.gone_at is None:
        return {}
    detail: Mapping[str, Any] = {
        "waiting": (await session.exec(waiting)).one(),
        "dropped": webhook.dropped,
        "gone": webhook.gone_at is not None,
        "answer": webhook.attempts[0]["answer"] if webhook.attempts else "",
    }
    return {(IncidentKind.WEBHOOK_FAILING, webhook.id): Condition(detail)}
