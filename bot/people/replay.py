"""Brings back, after a restore, what the journal has of suppression lists since the copy was made."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from sqlmodel import col, select

from bot.email_addresses import address_key
from bot.suppression.hidden import hidden_addresses, is_hashed
from bot.suppression.recording import AT_ONCE, Entry, Recorded, suppress_all
from storage import PollKind, Session, Suppression, SuppressionReason, Team, leases

MARGIN: Final = timedelta(minutes=5)
"""Longer than a transaction takes: one that was noted before the copy may have been committed after it."""


async def replay(
    session: Session, lines: Iterable[Mapping[str, Any]], people_key: bytes, copied_at: datetime, now: datetime
) -> dict[str, int]:
    """Suppress whoever a line names that is not older than the copy; return how many came back, by team."""
    teams, back = {*await session.exec(select(Team.id))}, dict[str, int]()
    for line in lines:
        team_id = str(line["team"])
        if team_id not in teams or datetime.fromisoformat(line["at"]) < copied_at - MARGIN:
            continue
        entries = [_entry(line, *told) for told in line["entries"]]
        for start in range(0, len(entries), AT_ONCE):
            some = entries[start : start + AT_ONCE]
            back[team_id] = back.get(team_id, 0) + await _suppress(session, team_id, some, line, people_key, now)
    return back


async def _suppress(
    session: Session,
    team_id: str,
    entries: list[Entry],
    line: Mapping[str, Any],
    people_key: bytes,
    now: datetime,
) -> int:
    hidden = await hidden_addresses(session, people_key, team_id)
    found = await suppress_all(session, team_id, hidden.entries(entries), source=str(line["source"]), now=now)
    for entry in entries:
        if entry.reason is SuppressionReason.ERASED and not entry.hashed:
            await _erase(session, team_id, entry.address, now)
    return sum(each is not Recorded.KNOWN for each in found.values())


async def _erase(session: Session, team_id: str, address: str, now: datetime) -> None:
    """Have a person erased again, whom the copy still knows."""
    same = (Suppression.team_id == team_id, Suppression.address_key == address_key(address))
    row = (await session.exec(select(Suppression.id).where(*same, ~col(Suppression.hashed)))).first()
    if row is not None:
        await leases.schedule(session, PollKind.ERASE, row, now)


def _entry(line: Mapping[str, Any], address: str, reason: str, word: str, at: str | None) -> Entry:
    since = datetime.fromisoformat(at or line["at"])
    return Entry(address, SuppressionReason(reason), word, since, hashed=is_hashed(address))
