"""How Mailroom itself is doing, in numbers that an operator watches; of no team in particular."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import col, func, select

from bot import unknown_answers
from bot.webhooks.delivery import longest_due
from storage.database import Database
from storage.models import Broadcast, Incident, Mailer, Outbox, Poll
from storage.states import OPEN_STATES, Access, BroadcastState, IncidentKind, IncidentState

WINDOW = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Metrics:
    """`mails`: in the last 24 hours, by AWS's count and by events. A lag is how long work is overdue, in seconds."""

    mailers: Mapping[str, int]  # by access
    incidents: Mapping[str, int]  # open ones, by kind
    broadcasts: Mapping[str, int]  # that have not ended, by state
    approvals_waiting: int
    mails: Mapping[str, int]
    messages_due: int
    message_lag: float
    poll_lag: float
    webhook_lag: float
    unknown_answers: Mapping[tuple[str, str], int]  # by service and action, of this process


async def measure(db: Database, now: datetime) -> Metrics:
    """Read all of it in one snapshot. Every value of a closed list is there, also with none."""
    mailers = select(Mailer.access, func.count()).group_by(col(Mailer.access))
    incidents = select(Incident.kind, func.count()).where(col(Incident.state) != IncidentState.RESOLVED)
    broadcasts = select(Broadcast.state, func.count()).where(col(Broadcast.state).in_(OPEN_STATES))
    waiting = select(func.count()).where(Broadcast.state == BroadcastState.AWAITING_APPROVAL)
    taken = select(func.coalesce(func.sum(Mailer.sent_last_24_hours), 0))
    bad = select(
        func.coalesce(func.sum(Mailer.bounced_lately), 0), func.coalesce(func.sum(Mailer.complained_lately), 0)
    ).where(col(Mailer.reputation_at) > now - WINDOW)
    messages = select(func.count(), func.min(Outbox.due_at)).where(col(Outbox.due_at) <= now)
    async with db.read() as session:
        by_access = dict((await session.exec(mailers)).all())
        by_kind = dict((await session.exec(incidents.group_by(col(Incident.kind)))).all())
        by_state = dict((await session.exec(broadcasts.group_by(col(Broadcast.state)))).all())
        approvals = (await session.exec(waiting)).one()
        sent = (await session.exec(taken)).one()
        bounced, complained = (await session.exec(bad)).one()
        due, oldest = (await session.exec(messages)).one()
        webhook = await longest_due(session, now)
        poll = (await session.exec(select(func.min(Poll.due_at)))).one()
    return Metrics(
        mailers={access: by_access.get(access, 0) for access in Access},
        incidents={kind: by_kind.get(kind, 0) for kind in IncidentKind},
        broadcasts={state: by_state.get(state, 0) for state in OPEN_STATES},
        approvals_waiting=approvals,
        mails={"sent": int(sent), "bounced": int(bounced), "complained": int(complained)},
        messages_due=due,
        message_lag=_lag(oldest, now),
        poll_lag=_lag(poll, now),
        webhook_lag=_lag(webhook, now),
        unknown_answers=unknown_answers.answers.counted,
    )


def _lag(since: datetime | None, now: datetime) -> float:
    return max(0.0, (now - since).total_seconds()) if since else 0.0
