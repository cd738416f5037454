"""What one audience changes in another, in numbers."""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from operator import eq
from typing import Any

from bot.broadcast.audience.deduplication import AddressDeduplicator
from bot.broadcast.audience.revisions.columns import ADDRESS, columns_of
from bot.broadcast.audience.revisions.members import StoredBlock, blocks_of
from bot.email_addresses import address_key
from bot.suppression.hidden import is_hashed
from storage import Audience, Database

_BITS = 0xFFFFFFFF

_ERASED = "@erased.invalid"

Digests = Callable[[StoredBlock], tuple[list[str], list[int]]]
"""Makes of each member that was not erased its key, and of all that it is a number of 32 bits that is never 0."""


@dataclass(slots=True)
class Counts:
    """Of each recipient who was given one is true; of a member who is not there to be removed: `unchanged`."""

    added: int = 0
    changed: int = 0
    removed: int = 0
    unchanged: int = 0

    def __bool__(self) -> bool:
        """Whether anything is different."""
        return bool(self.added or self.changed or self.removed)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


async def compare(db: Database, old: Audience, new: Audience) -> Counts:
    """Count what is in one, in the other, and in both.

    Where a block of both has the same addresses, rows are held beside rows. Of the rest of the smaller one a table is
    kept, 12 bytes for each and as much again that is free; a member in four thousand million that was changed is taken
    for one that was not.
    """
    small, large = sorted((old, new), key=lambda audience: audience.size)
    names = () if columns_of(old) == columns_of(new) else sorted({*columns_of(old), *columns_of(new)} - {ADDRESS})
    of_small, of_large = (_digests(audience, names) for audience in (small, large))
    table, kept, met = AddressDeduplicator(small.size), 0, Counts()
    async for blocks in blocks_of(db, small, None if names else large):
        await asyncio.to_thread(_hold_beside, [block for block in blocks if _is_beside(block)], met)
        kept += await asyncio.to_thread(_remember, table, _rest(blocks), of_small)
    beside = met.changed + met.unchanged
    kept, others = kept + beside, beside
    if beside < large.size:
        async for blocks in blocks_of(db, large, None if names else small):
            others += await asyncio.to_thread(_meet, table, _rest(blocks), of_large, met)
    both = met.changed + met.unchanged
    met.removed, met.added = (kept - both, others - both) if small is old else (others - both, kept - both)
    return met


def _digests(audience: Audience, names: Sequence[str]) -> Digests:
    """Return what makes keys and numbers of members: the same number of the same, whatever the order of the columns.

    Without names it is the same order.
    """
    if not names:
        return _in_order
    columns = columns_of(audience)
    places = [columns.index(name) if name in columns else -1 for name in names]

    def by_name(block: StoredBlock) -> tuple[list[str], list[int]]:
        addresses, values = _present(block)
        chosen = ([each[place] if place >= 0 else "" for place in places] for each in values)
        return list(map(address_key, addresses)), list(map(_digest, zip(addresses, chosen, strict=True)))

    return by_name


def _in_order(block: StoredBlock) -> tuple[list[str], list[int]]:
    if block.addresses.isascii() and _ERASED not in block.addresses:  # as in nearly every block: all keys at once
        keys = json.loads(block.addresses.lower())
        return keys, [hash(each) & _BITS or 1 for each in _rows(block.values, len(keys))]
    addresses, values = _present(block)
    return list(map(address_key, addresses)), [hash(each) & _BITS or 1 for each in map(_row, values)]


def _rows(values: str, count: int) -> list[str]:
    """Return `_row` of each member: cut out of the JSON, where nothing is escaped, nor spaced as others write it."""
    rows = values[3:-3].split('"],["')
    is_cut = len(rows) == count and not any(each in values for each in ("\\", '", "', "], ["))
    return rows if is_cut else list(map(_row, json.loads(values)))


def _row(values: Sequence[str]) -> str:
    """Return the values as one text that no others have: none of them holds a NUL."""
    text = '","'.join(values)
    return text if text.count('"') == 2 * len(values) - 2 else "\0".join(values)


def _digest(member: tuple[str, list[str]]) -> int:
    address, values = member
    return hash((address, *values)) & _BITS or 1


def _present(block: StoredBlock) -> tuple[list[str], list[list[str]]]:
    """Return addresses and values without those who were erased."""
    members = zip(json.loads(block.addresses), json.loads(block.values), strict=True)
    left = [(address, values) for address, values in members if not is_hashed(address)]
    return [address for address, _ in left], [values for _, values in left]


def _is_beside(block: StoredBlock) -> bool:
    return block.beside is not None and _ERASED not in block.addresses


def _rest(blocks: Sequence[StoredBlock]) -> list[StoredBlock]:
    return [block for block in blocks if not _is_beside(block)]


def _hold_beside(blocks: Sequence[StoredBlock], met: Counts) -> None:
    """Count members of blocks that have the same addresses."""
    for block in blocks:
        count = len(json.loads(block.addresses))
        rows, others = (_rows(values, count) for values in (block.values, block.beside or ""))
        same = sum(map(eq, rows, others))
        met.unchanged += same
        met.changed += count - same


def _remember(table: AddressDeduplicator, blocks: Sequence[StoredBlock], digests: Digests) -> int:
    """Put the members into the table, and return how many they are."""
    count = 0
    for block in blocks:
        keys, numbers = digests(block)
        count += len(keys)
        table.repeats(keys, numbers)
    return count


def _meet(table: AddressDeduplicator, blocks: Sequence[StoredBlock], digests: Digests, met: Counts) -> int:
    """Look the members up in the table, count those who are there, and return how many they are in all."""
    count = known = same = 0
    for block in blocks:
        keys, numbers = digests(block)
        found = table.find_all(keys)
        count += len(keys)
        known += len(found) - found.count(0)
        same += sum(map(eq, found, numbers))
    met.unchanged += same
    met.changed += known - same
    return count
