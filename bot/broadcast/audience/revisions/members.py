"""The members of a stored audience, as they stream by.

What is stored does not change, so each batch is read by itself: nobody holds a snapshot for as long as a million take.
"""

import asyncio
import codecs
import csv
import io
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import chain
from typing import NamedTuple, TypeVar

from sqlalchemy import Text, and_, cast
from sqlalchemy import select as select_rows
from sqlmodel import SQLModel

from bot.broadcast.audience.rejected_rows import escape_formula
from bot.broadcast.audience.revisions.columns import ADDRESS, address_place, columns_of
from bot.suppression.hidden import is_hashed
from storage import Audience, Database
from storage.audience_blocks import BLOCK

T = TypeVar("T")

_FIRST, _MOST = 10, 200  # blocks
_CHARACTERS = 2_000_000  # about as many as are read at once
_blocks = SQLModel.metadata.tables["audience_block"]
_other = _blocks.alias()
_TEXTS = [cast(_blocks.c[name], Text) for name in ("lines", "addresses", "fields")]
_SAME = cast(_other.c.addresses, Text) == cast(_blocks.c.addresses, Text)
_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class StoredMember(NamedTuple):
    """Where it stood in its file, its address, and its values in the order of the columns."""

    line: int
    address: str
    values: list[str]


class StoredBlock(NamedTuple):
    """Some members: a list of each, in JSON; and the values that another audience has of the same addresses there."""

    lines: str
    addresses: str
    values: str
    beside: str | None


class MembersGoneError(Exception):
    """The audience was deleted while it was read."""


async def members_of(db: Database, audience: Audience) -> AsyncIterator[list[StoredMember]]:
    """Yield the members, some at a time, without those who were erased.

    Raises:
        MembersGoneError: some are not there any more.
    """
    async for blocks in blocks_of(db, audience):
        yield await asyncio.to_thread(_unpacked, blocks)


async def blocks_of(
    db: Database, audience: Audience, other: Audience | None = None
) -> AsyncIterator[Sequence[StoredBlock]]:
    """Yield the blocks, some at a time, each beside that of the other at its place. Raises as `members_of`."""
    first, after, batch = _blocks.c.first_seq, 0, _FIRST * BLOCK
    there = and_(_other.c.audience_id == (other.id if other else ""), _other.c.first_seq == first, _SAME)
    blocks = select_rows(*_TEXTS, cast(_other.c.fields, Text)).outerjoin(_other, there).order_by(first)
    while after < audience.size:
        found = blocks.where(_blocks.c.audience_id == audience.id, first.between(after + 1, after + batch))
        async with db.read() as session:
            rows = (await (await session.connection()).execute(found)).all()
        if len(rows) * BLOCK < min(batch, audience.size - after):
            raise MembersGoneError(audience.id)
        yield [StoredBlock._make(row) for row in rows]
        after += batch
        of_a_block = sum(len(text or "") for text in chain.from_iterable(rows)) // len(rows)
        batch = min(max(_CHARACTERS // of_a_block, 1), _MOST) * BLOCK


def _unpacked(blocks: Sequence[StoredBlock]) -> list[StoredMember]:
    """Return the members of these blocks."""
    unpacked = ([json.loads(text) for text in block[:3]] for block in blocks)
    members = [StoredMember._make(each) for block in unpacked for each in zip(*block, strict=True)]
    return [each for each in members if not is_hashed(each.address)]


def in_thread(batches: AsyncIterator[T], loop: asyncio.AbstractEventLoop) -> Iterator[T]:
    """Yield, in a thread, what the event loop reads meanwhile."""

    async def following() -> T | None:
        return await anext(batches, None)

    while (batch := asyncio.run_coroutine_threadsafe(following(), loop).result()) is not None:
        yield batch


async def csv_of(db: Database, audience: Audience) -> AsyncIterator[bytes]:
    """Yield the audience as a CSV (RFC 4180) in UTF-8, its values as they came: for programs, not for spreadsheets."""
    columns, at = columns_of(audience), address_place(audience)
    yield _csv([columns if at >= 0 else [ADDRESS, *columns]])
    async for members in members_of(db, audience):
        yield await asyncio.to_thread(_csv, [_row(member, at) for member in members])


async def list_for_people(db: Database, audience: Audience) -> AsyncIterator[bytes]:
    """Yield it as a CSV for spreadsheets, under the names that its columns have in messages."""
    at = address_place(audience)
    yield codecs.BOM_UTF8 + _csv([audience.columns if at >= 0 else [ADDRESS, *audience.columns]])
    async for members in members_of(db, audience):
        yield await asyncio.to_thread(_csv, [[*map(escape_formula, _row(member, at))] for member in members])


async def ndjson_of(db: Database, audience: Audience) -> AsyncIterator[bytes]:
    """Yield the audience as a JSON object a line."""
    columns, at = columns_of(audience), address_place(audience)
    names = columns if at >= 0 else [ADDRESS, *columns]
    async for members in members_of(db, audience):
        yield await asyncio.to_thread(_lines, names, [_row(member, at) for member in members])


def _row(member: StoredMember, at: int) -> list[str]:
    if at < 0:
        return [member.address, *member.values]
    return [*member.values[:at], member.address, *member.values[at + 1 :]]


def _csv(rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _lines(names: Sequence[str], rows: Sequence[Sequence[str]]) -> bytes:
    return "".join(f"{_json(dict(zip(names, row, strict=True)))}\n" for row in rows).encode()
