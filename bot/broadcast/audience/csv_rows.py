"""What the rows of an upload become: recipients, one by one or several at once, and rows that are left out."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Limits:
    """What an upload may hold: bytes, also once unpacked, rows, columns, characters of a value and of a row.

    `kept` is how many columns stay: all that hold a value, where they are no more.
    """

    bytes: int = 200 * 1024**2
    unpacked: int = 100 * 1024**2
    rows: int = 2_000_000
    columns: int = 16_384  # as many as a sheet of Excel’s has
    kept: int = 300
    value: int = 2_000
    row: int = 20_000


LIMITS = Limits()


class RejectReason(StrEnum):
    DUPLICATE = "duplicate"
    INVALID = "invalid"
    MARKED = "marked"  # says of itself that it must not be mailed


class CsvRecipient(NamedTuple):
    """A recipient: the line the row starts on, and the values in the order of the columns."""

    line: int
    address: str
    fields: list[str]


class CsvRecipients(NamedTuple):
    """Several at once; the values of each as a JSON list, and how many are empty, of each column."""

    lines: Sequence[int]
    addresses: Sequence[str]
    values: Sequence[str]
    empty: Sequence[int]

    def each(self) -> Iterator[CsvRecipient]:
        return map(CsvRecipient, self.lines, self.addresses, map(json.loads, self.values))


class Rejected(NamedTuple):
    line: int
    value: str
    why: str
    reason: RejectReason


Row = CsvRecipient | CsvRecipients | Rejected
