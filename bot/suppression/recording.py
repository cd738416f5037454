"""Writes to a team's suppression list: one after the other, each batch a numbered change of the list."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from sqlmodel import col, delete, select

from bot.email_addresses import address_key
from bot.suppression.reasons import STRENGTH
from bot.suppression.token_notices import tell_of_token
from bot.webhooks.events import Item, SuppressionEvent, suppressions_changed
from storage import LiftedSuppression, Session, Suppression, SuppressionChange, SuppressionReason, new_id

AT_ONCE = 1_000  # addresses

JOURNALLED = frozenset({SuppressionReason.UNSUBSCRIBED, SuppressionReason.COMPLAINT, SuppressionReason.ERASED})
"""What a restore must not lose: nobody but Mailroom knows of it, or AWS may not tell."""


class Entry(NamedTuple):
    """An address and why it is suppressed: the word that a file has for it, and since when (None: now)."""

    address: str
    reason: SuppressionReason
    word: str = ""
    at: datetime | None = None
    hashed: bool = False  # the address is none any more (hidden.py)


class Recorded(StrEnum):
    """What became of an entry."""

    ADDED = "added"
    STRONGER = "stronger"  # it was on the list, for a weaker reason
    KNOWN = "known"


async def suppress(
    session: Session, team_id: str, address: str, reason: SuppressionReason, *, source: str, now: datetime
) -> Recorded:
    """Record one address."""
    recorded = await suppress_all(session, team_id, [Entry(address, reason)], source=source, now=now)
    return recorded[address_key(address)]


async def suppress_all(
    session: Session, team_id: str, entries: Collection[Entry], *, source: str, now: datetime
) -> Mapping[str, Recorded]:
    """Record up to `AT_ONCE` addresses; return what became of each, by the key of its address."""
    wanted = {address_key(entry.address): entry for entry in sorted(entries, key=_strength)}
    if not wanted:
        return {}
    change = await next_change(session, team_id)
    recorded = await compare(session, team_id, wanted)
    rows = [
        {
            "id": new_id(),
            "team_id": team_id,
            "address": entry.address,
            "address_key": key,
            "reason": entry.reason,
            "word": entry.word,
            "source": source,
            "created_at": min(entry.at or now, now),
            "change": change,
            "changed_at": now,
            "hashed": entry.hashed,
        }
        for key, entry in wanted.items()
        if recorded[key] is not Recorded.KNOWN
    ]
    if rows:
        await _write(session, team_id, rows)
        added = [entry for key, entry in wanted.items() if recorded[key] is not Recorded.KNOWN]
        journalled = [_for_journal(entry) for entry in added if entry.reason in JOURNALLED]
        if journalled:
            told = {"team": team_id, "source": source, "at": now.isoformat(), "entries": journalled}
            session.keep_in_journal(told)
        items = [Item(entry.address, {"reason": entry.reason, "source": source}, source) for entry in added]
        await suppressions_changed(session, team_id, SuppressionEvent.ADDED, items, now)
        await tell_of_token(session, team_id, source, now)
    return recorded


async def compare(session: Session, team_id: str, wanted: Mapping[str, Entry]) -> Mapping[str, Recorded]:
    """Say what would become of these entries (by the keys of their addresses) if they were recorded now."""
    found = select(Suppression.address_key, Suppression.reason).where(
        Suppression.team_id == team_id, col(Suppression.address_key).in_(wanted)
    )
    known = {key: SuppressionReason(reason) for key, reason in await session.exec(found)}
    return {key: _compared(entry, known.get(key)) for key, entry in wanted.items()}


async def next_change(session: Session, team_id: str) -> int:
    """Return the number of this transaction's change; other writers to the team's list wait until it has ended.

    So whoever has read all changes up to a number has missed none before it.
    """
    row = session.insert_into(SuppressionChange).values(team_id=team_id, number=1)
    counted = row.on_conflict_do_update(index_elements=["team_id"], set_={"number": SuppressionChange.number + 1})
    return int((await session.exec(counted.returning(col(SuppressionChange.number)))).scalar_one())


def _compared(entry: Entry, known: SuppressionReason | None) -> Recorded:
    if known is None:
        return Recorded.ADDED
    return Recorded.STRONGER if STRENGTH[entry.reason] > STRENGTH[known] else Recorded.KNOWN


def _for_journal(entry: Entry) -> list[object]:
    return [entry.address, entry.reason, entry.word, entry.at.isoformat() if entry.at else None]


def _strength(entry: Entry) -> int:
    return STRENGTH[entry.reason]


async def _write(session: Session, team_id: str, rows: Sequence[dict[str, object]]) -> None:
    insert = session.insert_into(Suppression).values(rows)
    replaced = {
        name: insert.excluded[name] for name in ("reason", "word", "source", "created_at", "change", "changed_at")
    }
    stronger = insert.on_conflict_do_update(index_elements=["team_id", "address_key"], set_=replaced)
    await session.exec(stronger, execution_options={"synchronize_session": False})
    back = col(LiftedSuppression.address_key).in_([row["address_key"] for row in rows])
    await session.exec(delete(LiftedSuppression).where(col(LiftedSuppression.team_id) == team_id, back))
