"""*Only those where*: which rows of an audience are meant, by what stands in their columns.

The operators are a fixed set, and are evaluated here alone, row by row as an audience streams by. A second, plain
implementation stands in the tests.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, Self

from bot.broadcast.audience.codes import AudienceCode
from bot.broadcast.audience.revisions.columns import ADDRESS
from bot.broadcast.content.merge_tags import normalize_column
from bot.email_addresses import shown
from bot.errors import BotError

MOST_LINES: Final = 5
VALUE_LIMIT: Final = 2_000  # characters, as of a cell
_NAMED = 10  # columns in one sentence

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
# RFC 3339, 5.6: T and Z may be small, and many programs have a space for the T, which it allows.
_TIME = re.compile(
    rf"({_DAY.pattern})[Tt ]([0-9]{{2}}:[0-9]{{2}}):([0-9]{{2}})(?:\.([0-9]+))?(?:[Zz]|([+-])([0-9]{{2}}):([0-9]{{2}}))"
)
_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?")


class Match(StrEnum):
    """How many of its lines a row must meet."""

    ALL = "all"
    ANY = "any"


class Operator(StrEnum):
    """How a cell is compared with a value."""

    IS = "is"
    IS_NOT = "is_not"
    CONTAINS = "contains"
    IS_EMPTY = "is_empty"
    BEFORE = "before"
    AFTER = "after"
    OVER = "over"
    UNDER = "under"

    @property
    def words(self) -> str:
        """As they stand after the name of a column."""
        return self.replace("_", " ")


OF_DATES: Final = frozenset({Operator.BEFORE, Operator.AFTER})
OF_NUMBERS: Final = frozenset({Operator.OVER, Operator.UNDER})

Moment = tuple[datetime, str]
"""A time in UTC to the second, and the digits of its fraction without zeros at their end: it orders as time does."""
Test = Callable[[str], bool | None]
"""Whether a cell is meant; None: it is no date or number, so that there is nothing to compare."""


@dataclass(frozen=True, slots=True)
class Condition:
    """`column` is a name or a title; an operator that compares with nothing has no value."""

    column: str
    op: Operator
    value: str = ""

    def __str__(self) -> str:
        of = f"{shown(self.column, 40)} {self.op.words}"
        return of if self.op is Operator.IS_EMPTY else f"{of} “{shown(self.value, 40)}”"


@dataclass(frozen=True, slots=True)
class Filter:
    """One to five lines, of which a row must meet all, or any."""

    match: Match
    lines: tuple[Condition, ...]

    def __str__(self) -> str:
        return (", and " if self.match is Match.ALL else ", or ").join(map(str, self.lines))

    def to_json(self) -> dict[str, Any]:
        """Return it as the API has it."""
        lines = [
            {"column": line.column, "op": line.op.value} | ({"value": line.value} if line.value else {})
            for line in self.lines
        ]
        return {self.match.value: lines}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        ((match, lines),) = stored.items()
        made = (Condition(line["column"], Operator(line["op"]), line.get("value", "")) for line in lines)
        return cls(Match(match), tuple(made))

    def check(self) -> Self:
        """Return it, if its values can be compared.

        Raises:
            BotError: FILTER_VALUE, for the field `where.all.0.value` of the first line that cannot.
        """
        for number, line in enumerate(self.lines):
            if why := _wrong_value(line):
                raise BotError(AudienceCode.FILTER_VALUE, why, field=self._place(number, "value"))
        return self

    def _place(self, number: int, part: str) -> str:
        return f"where.{self.match}.{number}.{part}"

    def for_columns(self, columns: Sequence[str], addresses: str = "") -> "RowFilter":
        """Return it for rows with these columns; `email` is that of the `addresses`, where no column is called so.

        Raises:
            BotError: FILTER_VALUE; UNKNOWN_COLUMN, for the field `where.all.0.column`, with the columns there are.
        """
        self.check()
        places = []
        for number, line in enumerate(self.lines):
            name = normalize_column(line.column)
            if name == ADDRESS and name not in columns:
                name = addresses
            if name not in columns:
                raise self._unknown(number, columns)
            places.append(columns.index(name))
        return RowFilter(self.match, [(at, compiled(line)) for at, line in zip(places, self.lines, strict=True)])

    def _unknown(self, number: int, columns: Sequence[str]) -> BotError:
        more = f" and {len(columns) - _NAMED:,} more" if len(columns) > _NAMED else ""
        listed = ", ".join(f"“{shown(name, 40)}”" for name in columns[:_NAMED])
        error = BotError(
            AudienceCode.UNKNOWN_COLUMN,
            f"“Only those where” asks for the column “{shown(self.lines[number].column, 40)}”, and the audience has "
            f"{listed}{more}.",
            "Choose one of these.",
            field=self._place(number, "column"),
        )
        error.candidates = list(columns)
        return error


class RowFilter:
    """A filter for rows whose columns are known.

    Attributes:
        unreadable: for each line, in how many of the rows so far the cell was no date or number.
    """

    def __init__(self, match: Match, tests: Sequence[tuple[int, Test]]) -> None:
        self._tests = [(number, at, test) for number, (at, test) in enumerate(tests)]
        self._needed = len(tests) if match is Match.ALL else 1
        self.unreadable = [0] * len(tests)

    def keeps(self, values: Sequence[str]) -> bool:
        """Whether a row with these values is meant."""
        met = 0
        for number, at, test in self._tests:  # each of them, since what cannot be read is counted
            found = test(values[at])
            if found is None:
                self.unreadable[number] += 1
            elif found:
                met += 1
        return met >= self._needed


def compiled(line: Condition) -> Test:
    """Return what a line asks of a cell; its value can be compared."""
    if line.op in OF_DATES:
        return _compared(moment_of, line, Operator.BEFORE)
    if line.op in OF_NUMBERS:
        return _compared(number_of, line, Operator.UNDER)
    if line.op is Operator.IS_EMPTY:
        return lambda cell: not cell.strip()
    wanted = folded(line.value)
    if line.op is Operator.CONTAINS:
        return lambda cell: wanted in folded(cell)
    is_same = line.op is Operator.IS
    return lambda cell: (folded(cell) == wanted) is is_same


def _compared(read: Callable[[str], Any], line: Condition, less: Operator) -> Test:
    wanted, wants_less = read(line.value), line.op is less

    def test(cell: str) -> bool | None:
        found = read(cell)
        if found is None:
            return None
        return bool(found < wanted if wants_less else found > wanted)

    return test


def folded(text: str) -> str:
    """Return text as it is compared: without case and outer spaces, in one form of each letter (NFC)."""
    if text.isascii():
        return text.strip().lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).strip().casefold())


def moment_of(text: str) -> Moment | None:
    """Read a date, which is its first moment in UTC, or a time of RFC 3339; None: it is neither."""
    text = text.strip()
    try:
        if _DAY.fullmatch(text):
            return datetime.fromisoformat(text).replace(tzinfo=UTC), ""
        if (found := _TIME.fullmatch(text)) is None:
            return None
        day, minute, second, fraction, sign, hours, minutes = found.groups()
        leap = second == "60"  # a second that is added to the last minute of some days (RFC 3339, 5.7)
        at = datetime.fromisoformat(f"{day}T{minute}:{'59' if leap else second}").replace(tzinfo=UTC)
        offset = _offset(sign, hours, minutes)
        return at - offset + timedelta(seconds=leap), (fraction or "").rstrip("0")
    except (ValueError, OverflowError):  # no such day, or none that a datetime can be
        return None


def _offset(sign: str | None, hours: str, minutes: str) -> timedelta:
    if sign is None:
        return timedelta()
    if int(hours) > 23 or int(minutes) > 59:
        raise ValueError(hours, minutes)
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    return -offset if sign == "-" else offset


def number_of(text: str) -> Decimal | None:
    """Read a decimal number with a point; None: it is none."""
    text = text.strip()
    return Decimal(text) if _NUMBER.fullmatch(text) else None


def _wrong_value(line: Condition) -> str:
    """Say what is wrong with the value of a line, or nothing."""
    words, value = line.op.words, line.value
    if line.op is Operator.IS_EMPTY:
        return "“is empty” compares with nothing: take the value out." if value.strip() else ""
    if not value.strip():
        return f"Say what “{words}” is to compare with; “is empty” finds cells without a value."
    if line.op in OF_DATES and moment_of(value) is None:
        return f"“{words}” compares dates: give one like 2026-06-01, or a time like 2026-06-01T12:00:00Z."
    if line.op in OF_NUMBERS and number_of(value) is None:
        return f"“{words}” compares numbers: give one like 12.5, with a point and without spaces."
    return ""
