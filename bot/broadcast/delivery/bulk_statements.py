"""The two changes that every recipient goes through, claimed and sent, for whole calls in one statement.

They go past SQLAlchemy, which takes longer to prepare a row's parameters than the database to change it. Both name the
state that they move from (`storage/transitions.py`), so what somebody else has moved meanwhile stays as it is.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection

from bot.broadcast.delivery.chunk import ClaimedChunk
from bot.broadcast.delivery.send_result import AnsweredChunk

# pending -> sending, for a range of each call; whoever was put aside only where that is long enough ago.
_CLAIM_SQLITE: Final = (
    "UPDATE delivery SET state = 'sending', chunk_id = ?, at = ? "
    "WHERE broadcast_id = ? AND seq BETWEEN ? AND ? AND state = 'pending' AND (retries = 0 OR at <= ?)"
)
_CLAIM_POSTGRESQL: Final = (
    "UPDATE delivery SET state = 'sending', chunk_id = call.chunk_id, at = $1 "
    "FROM unnest($2::text[], $3::text[], $4::int[], $5::int[]) AS call (chunk_id, broadcast_id, first, last) "
    "WHERE delivery.broadcast_id = call.broadcast_id AND delivery.seq BETWEEN call.first AND call.last "
    "AND delivery.state = 'pending' AND (delivery.retries = 0 OR delivery.at <= $6)"
)
# sending -> sent, for each recipient of a call, with the id that SES gave the mail.
_SENT_SQLITE: Final = (
    "UPDATE delivery SET state = 'sent', message_id = ?, error = '', at = ? "
    "WHERE broadcast_id = ? AND seq = ? AND chunk_id = ? AND state = 'sending'"
)
_SENT_POSTGRESQL: Final = (
    "UPDATE delivery SET state = 'sent', message_id = mail.message_id, error = '', at = $1 "
    "FROM unnest($2::text[], $3::int[], $4::text[], $5::text[]) AS mail (broadcast_id, seq, chunk_id, message_id) "
    "WHERE delivery.broadcast_id = mail.broadcast_id AND delivery.seq = mail.seq "
    "AND delivery.chunk_id = mail.chunk_id AND delivery.state = 'sending'"
)


def mark_sending(
    connection: Connection, calls: Sequence[ClaimedChunk], now: datetime, *, put_aside_by: datetime
) -> int:
    """Give every call the recipients in its range that may go now, and return how many those are."""
    if connection.dialect.name == "sqlite":
        at, by = _as_stored(now), _as_stored(put_aside_by)
        rows = [(call.chunk_id, at, call.broadcast_id, call.seqs[0], call.seqs[-1], by) for call in calls]
        return connection.exec_driver_sql(_CLAIM_SQLITE, rows).rowcount
    ranges = zip(*((call.chunk_id, call.broadcast_id, call.seqs[0], call.seqs[-1]) for call in calls), strict=True)
    return connection.exec_driver_sql(_CLAIM_POSTGRESQL, (now, *map(list, ranges), put_aside_by)).rowcount


def mark_sent(connection: Connection, answered: Sequence[AnsweredChunk], now: datetime) -> None:
    """Write down that SES took everybody in these calls, in the order in which whoever locks several of them does."""
    mails = [
        (each.call.broadcast_id, seq, each.call.chunk_id, result.message_id or None)
        for each in sorted(answered, key=lambda each: (each.call.broadcast_id, each.call.seqs[0]))
        for seq, result in zip(each.call.seqs, each.answer.results, strict=True)
    ]
    if connection.dialect.name == "sqlite":
        at = _as_stored(now)
        rows = [(message_id, at, broadcast_id, seq, chunk_id) for broadcast_id, seq, chunk_id, message_id in mails]
        connection.exec_driver_sql(_SENT_SQLITE, rows)
    else:
        connection.exec_driver_sql(_SENT_POSTGRESQL, (now, *map(list, zip(*mails, strict=True))))


def _as_stored(moment: datetime) -> str:
    """Return a time as SQLAlchemy has SQLite keep it (`storage.models.UtcDateTime`)."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
