"""A few rows to add or change, and addresses to remove, as a program gives them."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from bot.broadcast.audience.csv_reader import Limits, Rejected, RejectReason
from bot.broadcast.audience.revisions.changes import Change, Changes
from bot.broadcast.audience.revisions.columns import ADDRESS
from bot.broadcast.content.merge_tags import normalize_column
from bot.email_addresses import InvalidNameError, address_in, address_key, shown
from bot.suppression.hidden import HiddenAddresses

_SHOWN = 100  # characters of a rejected value
_NAME = 200  # characters of a column's name
_LIMITS = Limits()
_column = lru_cache(1_000)(normalize_column)  # the same few in each row


class UnfitRowError(Exception):
    """A row cannot be taken; the text continues the sentence that names it."""


@dataclass(frozen=True, slots=True)
class Patch:
    """Rows count from 1, first those to add or change, then those to remove.

    Attributes:
        upsert: by name of the column; each has an `email`. A column that is not there keeps its value.
        remove: addresses.
    """

    upsert: Sequence[Mapping[str, str]]
    remove: Sequence[str]
    columns: list[str] = field(init=False)

    def __post_init__(self) -> None:
        names = (_column(name) for row in self.upsert for name in row)
        object.__setattr__(self, "columns", [name for name in dict.fromkeys(names) if name not in {"", ADDRESS}])

    def sort_out(self, changes: Changes, hidden: HiddenAddresses) -> Iterator[Rejected]:
        """Add what can be done to the changes, and yield what cannot."""
        lines: dict[str, int] = {}
        asked: list[tuple[str, Mapping[str, str] | None]] = [(row[ADDRESS], row) for row in self.upsert]
        asked += [(address, None) for address in self.remove]
        for line, (typed, row) in enumerate(asked, start=1):
            try:
                address = _address(typed, hidden)
                values = None if row is None else self._values(row)
            except (UnfitRowError, InvalidNameError) as error:
                why = str(error).partition(":")[0]
                yield Rejected(line, shown(typed, _SHOWN), why, RejectReason.INVALID)
                continue
            if (first := lines.setdefault(address_key(address), line)) != line:
                why = f"is the same as line {first}"
                yield Rejected(line, shown(typed, _SHOWN), why, RejectReason.DUPLICATE)
                continue
            changes.add(Change(line, address, values))

    def _values(self, row: Mapping[str, str]) -> list[str | None]:
        named = named_values(row.items())
        return [named.get(name) for name in self.columns]


def named_values(members: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the values of a row by the names of their columns.

    Raises:
        UnfitRowError: it has no `email`, a column twice, or a value that a CSV could not have, either.
    """
    named: dict[str, str] = {}
    for name, value in members:
        key = _column(name)
        if not key or key in named:
            raise UnfitRowError(f"has “{shown(key, 40)}” twice" if key else "has a member without a name")
        if len(key) > _NAME:
            raise UnfitRowError(f"has a member with a name of over {_NAME} characters")
        named[key] = value
    if ADDRESS not in named:
        raise UnfitRowError("has no email")
    _check(named.values())
    return named


def _check(values: Collection[str]) -> None:
    text = "".join(values)
    if "\0" in text:
        raise UnfitRowError("has a NUL character in it")
    if not text.isascii() and text.encode(errors="replace").decode() != text:
        raise UnfitRowError("has half a character in it")
    if len(text) > _LIMITS.row:
        raise UnfitRowError(f"has over {_LIMITS.row:,} characters")
    if len(text) > _LIMITS.value and any(len(value) > _LIMITS.value for value in values):
        raise UnfitRowError(f"has a value of over {_LIMITS.value:,} characters")


def _address(typed: str, hidden: HiddenAddresses) -> str:
    address = address_in(typed)
    if hidden and hidden.shown(address) != address:
        raise UnfitRowError("was erased")
    return address
