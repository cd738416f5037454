"""A team's suppression list as a CSV: read from what another mailer exports, and written for a person."""

import asyncio
import csv
import io
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import BinaryIO

from sqlmodel import col, select

from bot.broadcast.audience.csv_reader import CsvRecipient, Limits, Rejected
from bot.broadcast.audience.deduplication import AddressDeduplicator
from bot.broadcast.audience.header_detection import Choice
from bot.broadcast.audience.rejected_rows import escape_formula
from bot.broadcast.audience.spreadsheets.upload import read_audience
from bot.email_addresses import address_key
from bot.suppression.hidden import hidden_addresses
from bot.suppression.reasons import kept_word, reason_of
from bot.suppression.recording import AT_ONCE, Entry, Recorded, compare, suppress_all
from storage import Repository, Suppression, Team, audit

COLUMNS = ("email", "reason", "word", "date", "source")
_REASONS = ("reason", "suppression_reason", "grund", "motif", "motivo", "status", "type", "cause")
_DATES = (
    *("date", "created_at", "created", "suppressed_at", "unsubscribed_at", "bounced_at", "timestamp", "time"),
    *("last_update_time", "lastupdatetime", "datum", "fecha", "data"),
)
_PAGE = 1_000  # rows

Progress = Callable[[int], Awaitable[None]]
"""Is told how many rows are done."""


@dataclass(slots=True)
class ImportCounts:
    """What a file comes to; `undated` are those whose date could not be read, and which count from now on."""

    new: int = 0
    known: int = 0
    invalid: int = 0
    undated: int = 0


class SuppressionCsv(Repository):
    async def preview(self, team: Team, file: BinaryIO, progress: Progress) -> ImportCounts:
        """Say what an import would come to; nothing is changed.

        Raises:
            BotError: as `read_audience`.
        """
        counts, seen, done = ImportCounts(), AddressDeduplicator(), 0
        rows = _entries(file, counts)
        while batch := await asyncio.to_thread(list, islice(rows, AT_ONCE)):
            wanted = {key: entry for entry in batch if not seen.first_line(key := address_key(entry.address), 1)}
            async with self._db.read() as session:
                hidden = await hidden_addresses(session, self._db.people_key, team.id)
                stored = {address_key(entry.address): entry for entry in hidden.entries(wanted.values())}
                found = await compare(session, team.id, stored)
            _count(counts, len(batch), found.values())
            done += len(batch)
            await progress(done)
        return counts

    async def run(self, team: Team, file: BinaryIO, name: str, by: str, progress: Progress) -> ImportCounts:
        """Record what the file holds, some rows a transaction; the same file again changes nothing more.

        Raises:
            BotError: as `read_audience`.
        """
        counts, done = ImportCounts(), 0
        rows = _entries(file, counts)
        while batch := await asyncio.to_thread(list, islice(rows, AT_ONCE)):
            async with self._db.write() as session:
                hidden = await hidden_addresses(session, self._db.people_key, team.id)
                found = await suppress_all(session, team.id, hidden.entries(batch), source=by, now=session.now)
            _count(counts, len(batch), found.values())
            done += len(batch)
            await progress(done)
        async with self._db.write() as session:
            after = {"new": counts.new, "known": counts.known, "invalid": counts.invalid}
            audit.record(session, team.id, by, "suppression.import", session.now, name, after=after)
        return counts

    async def write(self, team: Team, file: BinaryIO) -> int:
        """Write the list, with a byte order mark since spreadsheets want one; return how many addresses are in it."""
        text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="", write_through=True)
        try:
            rows = csv.writer(text)
            rows.writerow(COLUMNS)
            written, after = 0, ""
            while page := await self._page(team, after):
                await asyncio.to_thread(rows.writerows, map(_cells, page))
                written, after = written + len(page), page[-1].address_key
            return written
        finally:
            text.detach()  # the file stays open

    async def _page(self, team: Team, after: str) -> Sequence[Suppression]:
        later = (Suppression.team_id == team.id, col(Suppression.address_key) > after)
        page = select(Suppression).where(*later).order_by(col(Suppression.address_key)).limit(_PAGE)
        async with self._db.read() as session:
            return (await session.exec(page)).all()


def _entries(file: BinaryIO, counts: ImportCounts) -> Iterator[Entry]:
    """Read a file, and count on the way what cannot be used."""
    sheet = read_audience(file, Limits(), Choice(keep_marked=True, keep_repeats=True))
    reasons, dates = _position(sheet.columns, _REASONS), _position(sheet.columns, _DATES)
    for row in sheet:
        if isinstance(row, Rejected):
            counts.invalid += 1
            continue
        word, date = _value(row, reasons), _value(row, dates)
        at = date_of(date)
        counts.undated += bool(date) and at is None
        yield Entry(row.address, reason_of(word), kept_word(word), at)


def _position(columns: Sequence[str], names: Sequence[str]) -> int:
    """Return where the first of these names stands; -1 where none does."""
    return next((columns.index(name) for name in names if name in columns), -1)


def _value(row: CsvRecipient, position: int) -> str:
    return row.fields[position].strip() if position >= 0 else ""


def date_of(text: str) -> datetime | None:
    """Return a date or time as programs export it (ISO 8601, or seconds since 1970), in UTC where it names no zone."""
    try:
        if text.isdecimal() and len(text) in {10, 13}:
            return datetime.fromtimestamp(int(text[:10]), UTC)
        at = datetime.fromisoformat(text.removesuffix(" UTC"))
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def _count(counts: ImportCounts, rows: int, found: Iterable[Recorded]) -> None:
    new = sum(one is Recorded.ADDED for one in found)
    counts.new += new
    counts.known += rows - new


def _cells(row: Suppression) -> tuple[str, ...]:
    at = row.created_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    return escape_formula(row.address), row.reason, escape_formula(row.word), at, escape_formula(row.source)
