"""How Mailroom itself is doing, in numbers that its database knows; of no team in particular."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from sqlmodel import and_, col, func, or_, select
from sqlmodel.sql.expression import SelectOfScalar

from bot.webhooks.delivery import longest_due
from storage import (
    OPEN_STATES,
    Access,
    Broadcast,
    BroadcastState,
    Database,
    Incident,
    IncidentKind,
    IncidentState,
    Mailer,
    Outbox,
    Poll,
    SendingAccount,
    Session,
    Team,
)

T = TypeVar("T")

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
    messages_failing: int  # that Slack did not take at the last try
    message_lag: float
    message_unsent: float  # since the oldest message that Slack has never taken was written, in seconds
    poll_lag: float
    sending_lag: float  # since the account that is furthest behind had a recipient to send, in seconds
    webhook_lag: float


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
    messages = select(func.count()).where(col(Outbox.due_at) <= now)
    behind = _in_reach(select(func.min(Outbox.behind_since))).where(_waits_for_slack)
    failing = _in_reach(select(func.count()).select_from(Outbox)).where(col(Outbox.attempts) > 0)
    unsent = _in_reach(select(func.min(Outbox.created_at))).where(Outbox.ts == "", _waits_for_slack)
    async with db.read() as session:
        by_access = dict((await session.exec(mailers)).all())
        by_kind = dict((await session.exec(incidents.group_by(col(Incident.kind)))).all())
        by_state = dict((await session.exec(broadcasts.group_by(col(Broadcast.state)))).all())
        approvals = (await session.exec(waiting)).one()
        sent = (await session.exec(taken)).one()
        bounced, complained = (await session.exec(bad)).one()
        due, oldest = (await session.exec(messages)).one(), (await session.exec(behind)).one()
        failed = (await session.exec(failing)).one()
        never_taken = (await session.exec(unsent)).one()
        sending = await _sent_last(session)
        webhook = await longest_due(session, now)
        poll = (await session.exec(select(func.min(Poll.due_at)))).one()
    return Metrics(
        mailers={access: by_access.get(access, 0) for access in Access},
        incidents={kind: by_kind.get(kind, 0) for kind in IncidentKind},
        broadcasts={state: by_state.get(state, 0) for state in OPEN_STATES},
        approvals_waiting=approvals,
        mails={"sent": int(sent), "bounced": int(bounced), "complained": int(complained)},
        messages_due=due,
        messages_failing=failed,
        message_lag=_lag(oldest, now),
        message_unsent=_lag(never_taken, now),
        poll_lag=_lag(poll, now),
        sending_lag=_lag(sending, now),
        webhook_lag=_lag(webhook, now),
    )


_waits_for_slack = or_(col(Outbox.attempts) > 0, col(Outbox.is_file).is_(False))
"""A file may wait for what it is about."""


def _in_reach(messages: SelectOfScalar[T]) -> SelectOfScalar[T]:
    """Leave out what is shown already, and what waits for a channel to be in reach, which the teams are told."""
    there = messages.join(Team, col(Team.id) == Outbox.team_id)
    return there.where(col(Outbox.due_at).is_not(None), col(Team.reachable))


async def _sent_last(session: Session) -> datetime | None:
    """Return when the account that is furthest behind was last free to send; None: nothing is to be sent.

    A claim moves `next_send_at` on, and a broadcast that has just begun has had no claim yet.
    """
    accounts = (
        select(func.max(Broadcast.resumed_at), func.max(SendingAccount.next_send_at))
        .join(Mailer, col(Mailer.id) == Broadcast.mailer_id)
        .join(
            SendingAccount,
            and_(col(SendingAccount.account_id) == Mailer.account_id, col(SendingAccount.region) == Mailer.region),
        )
        .where(Broadcast.state == BroadcastState.SENDING)
        .group_by(col(SendingAccount.id))
    )
    found = (await session.exec(accounts)).all()
    return min((max(filter(None, times)) for times in found if any(times)), default=None)


def _lag(since: datetime | None, now: datetime) -> float:
    return max(0.0, (now - since).total_seconds()) if since else 0.0
