"""What the channel is to be told: a row written in the transaction of the fact that causes it.

The row names a kind and a record; the message is drawn from the facts at the moment it is posted, so it is never older
than they are.
"""

from datetime import datetime, timedelta
from enum import StrEnum

from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from storage.models import Outbox


class Notice(StrEnum):
    """Every message Mailroom posts by itself."""

    CONNECTED = "connected"
    RECONNECTED = "reconnected"
    DELETED = "deleted"
    IDENTITY_ADDED = "identity_added"  # live: DNS records until it is verified
    IDENTITY_VERIFIED = "identity_verified"
    IDENTITY_FAILED = "identity_failed"
    APPLIED = "applied"
    GRANTED = "granted"
    DENIED = "denied"
    BROADCAST = "broadcast"  # live: progress, then the report


async def announce(
    session: AsyncSession,
    team_id: str,
    kind: Notice,
    record_id: str,
    *,
    now: datetime,
    episode: str = "",
    not_within: float = 0,
) -> None:
    """Have the channel told, or, where it has been told already, have that message drawn again.

    Args:
        session: the transaction in which the cause is written.
        team_id: whose channel.
        kind: which message.
        record_id: what it is about.
        now: the time.
        episode: tells apart messages of one kind about one record, when it may happen again.
        not_within: seconds that lie at least between two drawings of a live message.
    """
    key = ":".join(filter(None, (kind, record_id, episode)))
    row = (await session.exec(select(Outbox).where(Outbox.key == key))).first()
    if row is None:
        session.add(Outbox(team_id=team_id, key=key, kind=kind, record_id=record_id, due_at=now, created_at=now))
        return
    row.wanted += 1
    if row.due_at is None:
        row.due_at = now + timedelta(seconds=not_within)
    session.add(row)
