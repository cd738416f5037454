"""What one audience changes in another, in numbers."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from operator import itemgetter
from typing import Any

from bot.broadcast.audience.deduplication import AddressDeduplicator
from bot.broadcast.audience.revisions.columns import ADDRESS, columns_of
from bot.broadcast.audience.revisions.members import StoredMember, members_of
from bot.email_addresses import address_key
from storage.database import Database
from storage.models import Audience

Digest = Callable[[StoredMember], int]
"""Makes a number of 32 bits, never 0, of all that a member is."""


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

    Of the smaller one a table is kept, 12 bytes for each and as much again that is free; a member in four thousand
    million that was changed is taken for one that was not.
    """
    small, large = sorted((old, new), key=lambda audience: audience.size)
    names = sorted({*columns_of(old), *columns_of(new)} - {ADDRESS})
    digest_of_small, digest_of_large = _digest(small, names), _digest(large, names)
    table, kept, met = AddressDeduplicator(small.size), 0, Counts()
    async for members in members_of(db, small):
        kept += len(members)
        await asyncio.to_thread(_remember, table, members, digest_of_small)
    others = 0
    async for members in members_of(db, large):
        others += len(members)
        await asyncio.to_thread(_meet, table, members, digest_of_large, met)
    both = met.changed + met.unchanged
    of_small, of_large = kept - both, others - both
    met.removed, met.added = (of_small, of_large) if small is old else (of_large, of_small)
    return met


def _digest(audience: Audience, names: Sequence[str]) -> Digest:
    """Return what makes a number of a member, the same for the same values whatever the order of the columns."""
    columns = columns_of(audience)
    places = [columns.index(name) if name in columns else -1 for name in names]
    if len(places) > 1 and min(places) >= 0:
        values_of: Callable[[list[str]], Sequence[str]] = itemgetter(*places)
    else:
        values_of = lambda values: tuple(values[place] if place >= 0 else "" for place in places)  # noqa: E731

    def digest(member: StoredMember) -> int:
        return hash((member.address, values_of(member.values))) & 0xFFFFFFFF or 1

    return digest


def _remember(table: AddressDeduplicator, members: Sequence[StoredMember], digest: Digest) -> None:
    first = table.first_line
    for member in members:
        first(address_key(member.address), digest(member))


def _meet(table: AddressDeduplicator, members: Sequence[StoredMember], digest: Digest, met: Counts) -> None:
    changed = unchanged = 0
    for member in members:
        if known := table.find(address_key(member.address)):
            if known == digest(member):
                unchanged += 1
            else:
                changed += 1
    met.changed += changed
    met.unchanged += unchanged
