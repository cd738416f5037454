"""What became of each recipient of a broadcast, as a CSV for a person.

It is written a page at a time, so that it takes little memory however many they are; each recipient stands in it once.
"""

import asyncio
import csv
import io
from datetime import datetime
from typing import BinaryIO, NamedTuple

from sqlmodel import SQLModel, col, select

from bot.broadcast.audience.rejected_rows import escape_formula
from storage import AudienceBlock, Broadcast, Database, Session
from storage.audience_blocks import BLOCK

COLUMNS = ("address", "state", "message_id", "error", "at", "line")
_delivery = SQLModel.metadata.tables["delivery"]
_PAGE = 1_000  # rows: what the database says in a few milliseconds


async def write_list(db: Database, broadcast: Broadcast, file: BinaryIO) -> int:
    """Write the CSV, with a byte order mark since spreadsheets want one; return how many recipients are in it.

    Each page is as the database is at that moment, and begins after the last recipient of the one before it.
    """
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="", write_through=True)
    try:
        rows = csv.writer(text)
        rows.writerow(COLUMNS)
        written, after = 0, -1
        while page := await _page(db, broadcast, after):
            await asyncio.to_thread(rows.writerows, map(_cells, page))
            written, after = written + len(page), page[-1].seq
        return written
    finally:
        text.detach()  # the file stays open


class _Row(NamedTuple):  # a tuple as the database gives it: a million objects would take four times as long
    seq: int
    address: str
    state: str
    message_id: str | None
    error: str
    at: datetime
    line: int | None


async def _page(db: Database, broadcast: Broadcast, after: int) -> list[_Row]:
    columns = [_delivery.c[name] for name in ("seq", "address", "state", "message_id", "error", "at")]
    later = (_delivery.c.broadcast_id == broadcast.id, _delivery.c.seq > after)
    page = _delivery.select().with_only_columns(*columns).where(*later).order_by(_delivery.c.seq).limit(_PAGE)
    async with db.read() as session:
        rows = (await (await session.connection()).execute(page)).all()
        lines = await _lines(session, broadcast.audience_id, rows[0].seq, rows[-1].seq) if rows else {}
    return [_Row._make((*row, lines.get(row.seq))) for row in rows]


async def _lines(session: Session, audience_id: str | None, first: int, last: int) -> dict[int, int]:
    """Return where the members with these numbers stand in the file."""
    blocks = select(AudienceBlock.first_seq, AudienceBlock.lines).where(
        AudienceBlock.audience_id == audience_id, col(AudienceBlock.first_seq).between(first - BLOCK, last)
    )
    return {seq: line for start, lines in await session.exec(blocks) for seq, line in enumerate(lines, start=start)}


def _cells(row: _Row) -> tuple[str | int | None, ...]:
    at = row.at.strftime("%Y-%m-%dT%H:%M:%SZ")
    return (
        escape_formula(row.address),
        row.state,
        escape_formula(row.message_id or ""),
        escape_formula(row.error),
        at,
        row.line,
    )
