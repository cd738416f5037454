"""The outbox: messages to Slack, written in the transaction of their cause.

The row names a kind and a record; the message is drawn from the facts at the moment it is posted, so it is never older
than they are.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import case, literal
from sqlmodel import col, func, update

from storage import Outbox, Session, UtcDateTime


class Notice(StrEnum):
    """Every message Mailroom posts by itself."""

    CONNECTED = "connected"
    RECONNECTED = "reconnected"
    DELETED = "deleted"
    ACCOUNT_SHARED = "account_shared"  # live: who else uses the AWS account
    IDENTITY_ADDED = "identity_added"  # live: DNS records until it is verified
    IDENTITY_VERIFIED = "identity_verified"
    IDENTITY_REPLACED = "identity_replaced"  # what was said about an identity that another one has replaced
    APPLIED = "applied"
    GRANTED = "granted"
    SHARED = "shared"  # people of another workspace can read along from now on
    BROADCAST = "broadcast"  # live: progress, then the report
    ZONE = "zone"  # a file under the DNS records: the same to import
    CHART = "chart"  # a file under the report
    LIST = "list"  # a file to a person: what became of each recipient
    ALERT = "alert"  # live: an incident, until it is over
    ALERT_REMINDER = "alert_reminder"
    ALERT_OVER = "alert_over"
    APPROVAL_CHANGED = "approval_changed"  # who changed the rules of approval, and to what
    APPROVAL_STEP = "approval_step"  # asked again, sent back, withdrawn, over; the record is the audit's row
    APPROVAL_REMINDER = "approval_reminder"
    APPROVAL_GOES_ON = "approval_goes_on"  # it can be answered again
    APPROVERS_MISSING = "approvers_missing"  # too few can approve what waits
    DRAFT_ENDS = "draft_ends"  # to its author; of a program's, to the channel
    TOKEN_ENDS = "token_ends"  # noqa: S105 - a week before an API token ends
    TOKEN_MAKER_GONE = "token_maker_gone"  # noqa: S105 - to team admins: who made it left, or is no admin any more
    TOKEN_SUPPRESSIONS = "token_suppressions"  # noqa: S105 - live: what a program did to the list on a day
    TOKEN_AUDIENCE = "token_audience"  # noqa: S105 - live: what a program did to a saved audience on a day
    RESTORED = "restored"  # live: the database was set back to a copy; go on or cancel?
    OPS_ALERT = "ops_alert"  # live: an incident of any team, in the operator's channel
    OPS_DAILY = "ops_daily"  # how all mailers are, there
    CHANNEL_GONE = "channel_gone"  # to a person: the channel cannot be reached


FILES = frozenset({Notice.ZONE, Notice.CHART, Notice.LIST})
BETWEEN_DRAWINGS: Final = {
    Notice.BROADCAST: timedelta(seconds=3),
    Notice.TOKEN_SUPPRESSIONS: timedelta(seconds=10),
    Notice.TOKEN_AUDIENCE: timedelta(seconds=10),
}
"""Between two drawings of a message that changes all the time: Slack takes few edits a minute from a workspace."""


def key_of(kind: Notice, record_id: str, episode: str = "") -> str:
    """Return the name of a message: announced again under it, it is drawn again."""
    return ":".join(filter(None, (kind, record_id, episode)))


async def announce(
    session: Session,
    team_id: str,
    kind: Notice,
    record_id: str,
    *,
    now: datetime,
    episode: str = "",
    spaced: bool = False,
    reply_to: str = "",
) -> None:
    """Post to the channel, or redraw the message if it was posted before.

    Args:
        session: the transaction in which the cause is written.
        team_id: whose channel.
        kind: which message.
        record_id: what it is about.
        now: the time.
        episode: tells apart messages of one kind about one record, when it may happen again.
        spaced: draw a live message again after BETWEEN_DRAWINGS, not at once.
        reply_to: key of the message under which this one is said, for the whole channel to see.
    """
    session.wake_after_commit("outbox")
    await _want(
        session,
        Outbox(
            team_id=team_id,
            key=key_of(kind, record_id, episode),
            kind=kind,
            record_id=record_id,
            reply_to=reply_to,
            is_file=kind in FILES,
            due_at=now,
            behind_since=now,
            created_at=now,
        ),
        again_at=now + BETWEEN_DRAWINGS[kind] if spaced else now,
    )


async def tell(
    session: Session, team_id: str, user_id: str, kind: Notice, record_id: str, *, now: datetime, episode: str
) -> None:
    """Send a person a direct message about a record of the team, or the team itself."""
    session.wake_after_commit("outbox")
    key = key_of(kind, record_id, f"{episode}:{user_id}")
    row = Outbox(team_id=team_id, key=key, kind=kind, record_id=record_id, user_id=user_id, due_at=now, created_at=now)
    row.behind_since = now
    await _want(session, row, again_at=now)


async def _want(session: Session, row: Outbox, *, again_at: datetime) -> None:
    """Add the row, or raise the version that is wanted of the one there is.

    One statement, so that it meets the row as it is now: a process that posts it at this moment either sees that more
    is wanted, or has finished before, and the row is due again.
    """
    new = session.insert_into(Outbox).values(row.model_dump())
    await session.exec(
        new.on_conflict_do_update(index_elements=["key"], set_={"wanted": Outbox.wanted + 1, **_due(again_at)})
    )


def _due(at: datetime) -> dict[str, Any]:
    """Return what makes a message due then that is not due already."""
    then = literal(at, UtcDateTime)
    is_shown = col(Outbox.due_at).is_(None)
    since = case((is_shown, then), else_=func.coalesce(col(Outbox.behind_since), then))
    return {"due_at": func.coalesce(col(Outbox.due_at), then), "behind_since": since}


async def redraw(
    session: Session, record_ids: Collection[str], kinds: Collection[Notice], now: datetime, /, **values: Any
) -> None:
    """Redraw every message of these kinds about these records.

    With `kind` and `record_id` in `values` they become messages about another record, when theirs goes.
    """
    session.wake_after_commit("outbox")
    about = update(Outbox).where(col(Outbox.record_id).in_(record_ids), col(Outbox.kind).in_(kinds))
    await session.exec(
        about.values(wanted=Outbox.wanted + 1, **_due(now), **values),
        execution_options={"synchronize_session": False},
    )
