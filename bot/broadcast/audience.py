"""An uploaded CSV as recipients: every row is a member, a named reject, or blank, and none is lost in silence.

A million rows stream through: apart from one block of the file, only what finds duplicates is kept.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain, islice
from os import SEEK_END
from typing import BinaryIO, NamedTuple

from bot.broadcast.fields import column_names, field_name
from bot.broadcast.lines import refuse, text_lines
from bot.broadcast.seen import Seen
from bot.errors import BotError
from bot.mailer.names import LOCAL_LIMIT, InvalidNameError, is_plain_address, normal_address, shown

_DELIMITERS = ",;\t|"
_SAMPLE = 50  # rows, to find the address column by its content
_SAMPLE_CELLS = 500_000
_EMAIL_NAMES = ("email", "e_mail", "email_address", "e_mail_address", "emailaddress", "mail_address", "mailaddress")
_VAGUE_NAMES = ("mail", "address", "recipient", "recipients", "to")  # may be a street, too: their content decides
_NEARLY_ALL, _MOSTLY = 0.9, 0.5  # of the values in a column
_SHOWN = 100  # characters of a rejected value
_RECORD = 1024 * 1024  # characters; values in quotes may be of many lines
_LINES = 1_000  # of one record that are looked at

_Record = tuple[int, list[str]]


@dataclass(frozen=True, slots=True)
class Limits:
    """What an upload may hold: bytes, rows, columns, characters of a value and of a row."""

    bytes: int = 200 * 1024**2
    rows: int = 2_000_000
    columns: int = 50
    value: int = 2_000
    row: int = 5_000  # keeps the data of one recipient below SES’s 262,144 bytes, however it is escaped


class RejectReason(StrEnum):
    DUPLICATE = "duplicate"
    INVALID = "invalid"


class Member(NamedTuple):
    """A recipient: the line the row starts on, and the values in the order of the columns."""

    line: int
    address: str
    fields: list[str]


class Rejected(NamedTuple):
    line: int
    value: str
    why: str
    reason: RejectReason


@dataclass(frozen=True, slots=True)
class Sheet:
    """A file whose header is read; iterating reads the rows, once."""

    columns: tuple[str, ...]
    address_column: str
    rows: Iterator[Member | Rejected]

    def __iter__(self) -> Iterator[Member | Rejected]:
        return self.rows


def parse(file: BinaryIO, limits: Limits = Limits()) -> Sheet:
    """Read the header of a CSV and return its rows as an iterator.

    Raises:
        BotError: field `audience`; AUDIENCE_EMPTY, _HEADER_ONLY, _NOT_CSV, _ENCODING, _QUOTE, _NO_ADDRESS_COLUMN,
            _AMBIGUOUS, _TOO_MANY_COLUMNS; and while the rows are read _ENCODING, _QUOTE, _TOO_LARGE, _TOO_MANY_ROWS.
    """
    size = _bytes_of(file)
    lines = text_lines(file, limits.bytes)
    start = list(islice(lines, 20))
    expected = min(limits.rows, size * len(start) // (sum(map(len, start)) or 1))
    delimiter = _delimiter(start)
    records = _records(chain(start, lines), delimiter)
    sample = list(_first(records))
    if not sample:
        raise refuse("AUDIENCE_EMPTY", "The file is empty: upload a CSV with a column of addresses.")
    columns, at, sample = _header(sample, limits)
    rows = _rows(chain(sample, records), len(columns), at, delimiter, limits, Seen(expected))
    return Sheet(columns, columns[at], rows)


def _bytes_of(file: BinaryIO) -> int:
    """Return how much there is to read; 0 where it cannot be told."""
    if not file.seekable():
        return 0
    size = file.seek(0, SEEK_END)
    file.seek(0)
    return size


def _delimiter(lines: list[str]) -> str:
    """Find the separator: the one that leaves an address, or a column named as one, standing alone in most lines."""
    if lines and (told := re.fullmatch(r"sep=(.)\r?\n?", lines[0])):  # Excel's own way to say it
        lines[0] = "\n"  # keeps the count of lines
        return told[1]
    filled = [line[:10_000].strip() for line in lines if line.strip()][:10]
    if all(_tells_address(line.strip('"')) for line in filled[1:] or filled):
        return ","  # one column

    def fit(delimiter: str) -> tuple[int, int]:
        rows = [next(csv.reader([line], delimiter=delimiter, skipinitialspace=True)) for line in filled]
        return sum(any(map(_tells_address, cells)) for cells in rows), sum(map(len, rows))

    return max(_DELIMITERS, key=fit)


def _tells_address(cell: str) -> bool:
    return field_name(cell) in _EMAIL_NAMES or _is_address(cell)


def _is_address(cell: str) -> bool:
    try:
        return bool(normal_address(cell.strip()))
    except InvalidNameError:
        return False


def _first(records: Iterator[_Record]) -> Iterator[_Record]:
    """Yield the header and a sample, fewer of huge records: a million cells in memory are 60 MB."""
    cells = 0
    for record in islice(records, _SAMPLE + 1):
        yield record
        cells += len(record[1])
        if cells > _SAMPLE_CELLS:
            return


def _records(lines: Iterator[str], delimiter: str) -> Iterator[_Record]:
    """Yield each row that is not blank, with the physical line it starts on."""
    start, taken = 1, 0

    def bounded() -> Iterator[str]:
        nonlocal taken
        for line in lines:
            taken += len(line)
            if taken > _RECORD and taken > len(line):  # of one line alone, the lines have a limit of their own
                raise _unclosed_quote(start)
            yield line

    reader = csv.reader(bounded(), delimiter=delimiter, strict=True, skipinitialspace=True)
    try:
        for cells in reader:
            values = list(map(str.strip, cells))
            if any(values):
                yield start, values
            start, taken = reader.line_num + 1, 0
    except csv.Error as error:
        if "field larger" in str(error) and reader.line_num == start:
            raise refuse("AUDIENCE_NOT_CSV", f"Line {start} has a huge value: take it out and upload again.") from None
        raise _unclosed_quote(start) from None


def _unclosed_quote(line: int) -> BotError:
    return refuse(
        "AUDIENCE_QUOTE",
        f"A quote in line {line} is not closed, or stands inside a value: close it, or write it twice, and upload "
        "the file again.",
    )


def _header(sample: list[_Record], limits: Limits) -> tuple[tuple[str, ...], int, list[_Record]]:
    """Return the names of the columns, which of them holds the addresses, and the rows that follow."""
    first = sample[0][1]
    if len(first) > limits.columns:
        raise refuse(
            "AUDIENCE_TOO_MANY_COLUMNS",
            f"The file has {len(first)} columns: leave out all but {limits.columns} of them.",
        )
    addresses = [position for position, cell in enumerate(first) if _is_address(cell)]
    if addresses:  # no header: the first row is a recipient
        header = [""] * len(first)
        at = addresses[0] if len(addresses) == 1 else _address_position(header, sample)
        header[at] = "email"
        return column_names(header), at, sample
    if len(sample) == 1:
        raise refuse("AUDIENCE_HEADER_ONLY", "The file has a header and no rows: add the recipients below it.")
    return column_names(first), _address_position(first, sample[1:]), sample[1:]


def _address_position(header: Sequence[str], rows: Sequence[_Record]) -> int:
    names = [field_name(cell) for cell in header]
    for wanted in _EMAIL_NAMES:
        if wanted in names:
            return names.index(wanted)
    shares = [_share_of_addresses(rows, position) for position in range(len(names))]
    vague = [position for position, name in enumerate(names) if name in _VAGUE_NAMES and shares[position]]
    if vague:
        return max(vague, key=lambda position: shares[position])
    nearly = [position for position, share in enumerate(shares) if share >= _NEARLY_ALL]
    mostly = nearly or [position for position, share in enumerate(shares) if share > _MOSTLY]
    if len(mostly) == 1:
        return mostly[0]
    columns = ", ".join(shown(cell, 40) for cell in header if cell) or "no names"
    if mostly:
        raise refuse("AUDIENCE_AMBIGUOUS", f"Several columns hold addresses ({columns}): name the right one “email”.")
    raise refuse("AUDIENCE_NO_ADDRESS_COLUMN", f"No column holds addresses ({columns}): name the right one “email”.")


def _share_of_addresses(rows: Sequence[_Record], position: int) -> float:
    values = [cells[position] for _, cells in rows if position < len(cells) and cells[position]]
    return sum(map(_is_address, values)) / len(values) if values else 0


def _rows(
    records: Iterator[_Record], width: int, at: int, delimiter: str, limits: Limits, seen: Seen
) -> Iterator[Member | Rejected]:
    first_line, make = seen.first_line, tuple.__new__  # this loop runs a million times
    for count, (line, cells) in enumerate(records, start=1):
        if count > limits.rows:
            raise refuse("AUDIENCE_TOO_MANY_ROWS", f"The file has over {limits.rows:,} rows: split it.")
        if len(cells) != width:
            _level(cells, width)
        text = "".join(cells)
        if len(cells) > width or len(text) > limits.value or not text.isprintable():
            if any("\n" in cell or "\r" in cell for cell in cells):
                _refuse_swallowed(line, cells, width, at, delimiter)
            if why := _unfit(cells, text, width, limits):
                yield Rejected(line, shown(cells[at], _SHOWN), why, RejectReason.INVALID)
                continue
        address = cells[at]
        if len(address) > LOCAL_LIMIT or not is_plain_address(address):
            try:
                address = cells[at] = normal_address(address)
            except InvalidNameError as error:
                why = error.why.partition(":")[0] if address else "has no address"
                yield Rejected(line, shown(address, _SHOWN), why, RejectReason.INVALID)
                continue
        if first := first_line(address.lower(), line):
            yield Rejected(line, shown(address, _SHOWN), f"is the same as line {first}", RejectReason.DUPLICATE)
            continue
        yield make(Member, (line, address, cells))


def _level(cells: list[str], width: int) -> None:
    """Give a short row its empty values back, and take them from a long one: programs leave out or add some."""
    while len(cells) > width and not cells[-1]:
        cells.pop()
    cells += [""] * (width - len(cells))


def _refuse_swallowed(line: int, cells: list[str], width: int, at: int, delimiter: str) -> None:
    """Refuse a value of several lines in which one is a row of its own: a quote before it was never closed."""
    inners = chain.from_iterable(cell.splitlines() for cell in cells if not cell.isprintable())
    for inner in islice(inners, _LINES):
        row = next(csv.reader([inner], delimiter=delimiter, skipinitialspace=True), [])
        if len(row) == width and _is_address(row[at]):
            raise _unclosed_quote(line)


def _unfit(cells: list[str], text: str, width: int, limits: Limits) -> str:
    if len(cells) > width:
        return f"has {len(cells)} values for {width} columns"
    if "\0" in text:
        return "has a NUL character in it"
    if len(text) > limits.row:
        return f"has over {limits.row:,} characters"
    if any(len(cell) > limits.value for cell in cells):
        return f"has a value of over {limits.value:,} characters"
    return ""
