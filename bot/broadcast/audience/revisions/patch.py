"""A few rows to add or change, and addresses to remove, as a program gives them."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bot.broadcast.audience.csv_reader import Limits, Rejected, RejectReason
from bot.broadcast.audience.revisions.changes import Change, Changes
from bot.broadcast.audience.revisions.columns import ADDRESS
from bot.broadcast.content.merge_tags import normalize_column
from bot.email_addresses import InvalidNameError, address_in, address_key, shown
from bot.suppression.hidden import HiddenAddresses

_SHOWN = 100  # characters of a rejected value
_LIMITS = Limits()


class _UnfitError(Exception):
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
        names = (normalize_column(name) for row in self.upsert for name in row)
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
            except (_UnfitError, InvalidNameError) as error:
                why = str(error).partition(":")[0]
                yield Rejected(line, shown(typed, _SHOWN), why, RejectReason.INVALID)
                continue
            if (first := lines.setdefault(address_key(address), line)) != line:
                why = f"is the same as line {first}"
                yield Rejected(line, shown(typed, _SHOWN), why, RejectReason.DUPLICATE)
                continue
            changes.add(Change(line, address, values))

    def _values(self, row: Mapping[str, str]) -> list[str | None]:
        named: dict[str, str] = {}
        for name, value in row.items():
            key = normalize_column(name)
            if not key or key in named:
                raise _UnfitError(f"has “{shown(key, 40)}” twice" if key else "has a member without a name")
            named[key] = value
        check_values(named.values())
        return [named.get(name) for name in self.columns]


def check_values(values: Collection[str]) -> None:
    """Raise what is wrong with the values of a row, as with those of a CSV."""
    if any("\0" in value for value in values):
        raise _UnfitError("has a NUL character in it")
    if sum(map(len, values)) > _LIMITS.row:
        raise _UnfitError(f"has over {_LIMITS.row:,} characters")
    if any(len(value) > _LIMITS.value for value in values):
        raise _UnfitError(f"has a value of over {_LIMITS.value:,} characters")


def _address(typed: str, hidden: HiddenAddresses) -> str:
    address = address_in(typed)
    if hidden and hidden.shown(address) != address:
        raise _UnfitError("was erased")
    return address
