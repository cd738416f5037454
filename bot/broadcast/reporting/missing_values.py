"""*Show them*: who of a draft's audience lacks a value that its text leaves a hole for, as a CSV for a person."""

import asyncio
import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO

from sqlmodel import col, select

from bot.broadcast.audience.rejected_rows import escape_formula
from bot.broadcast.broadcasts import Broadcasts
from bot.broadcast.content.message import CompiledMessage
from storage import AudienceBlock, Database, Team
from storage.audience_blocks import BLOCK

COLUMNS = ("line", "address", "missing")
_PAGE = 50 * BLOCK  # recipients


class MissingValues:
    def __init__(self, db: Database, broadcasts: Broadcasts) -> None:
        self._db = db
        self._broadcasts = broadcasts

    async def write(self, team: Team, broadcast_id: str, version: int, file: BinaryIO) -> int:
        """Write the CSV, with a byte order mark since spreadsheets want one; return how many recipients are in it.

        Raises:
            BotError: NOT_FOUND, ALREADY or AUDIENCE_MISSING.
        """
        audience = await self._broadcasts.audience_of(team, broadcast_id, version)
        draft = await self._broadcasts.get(team, broadcast_id)
        fields = CompiledMessage.from_json(draft.template).message.without_fallback
        places = {place: column for place, column in enumerate(audience.columns) if column in fields}
        text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="", write_through=True)
        try:
            rows = csv.writer(text)
            rows.writerow(COLUMNS)
            written = 0
            for first in range(1, audience.size + 1, _PAGE):
                lacking = [*_lacking(await self._blocks(audience.id, first), places)]
                await asyncio.to_thread(rows.writerows, lacking)
                written += len(lacking)
            return written
        finally:
            text.detach()  # the file stays open

    async def _blocks(self, audience_id: str, first: int) -> Sequence[AudienceBlock]:
        here = (
            AudienceBlock.audience_id == audience_id,
            col(AudienceBlock.first_seq).between(first, first + _PAGE - 1),
        )
        async with self._db.read() as session:
            return (await session.exec(select(AudienceBlock).where(*here).order_by(col(AudienceBlock.first_seq)))).all()


def _lacking(blocks: Iterable[AudienceBlock], places: dict[int, str]) -> Iterator[tuple[int, str, str]]:
    for block in blocks:
        for line, address, values in zip(block.lines, block.addresses, block.fields, strict=True):
            if missing := [column for place, column in places.items() if not values[place].strip()]:
                yield line, escape_formula(address), ", ".join(missing)
