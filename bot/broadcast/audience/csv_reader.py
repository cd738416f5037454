"""An uploaded list as recipients: every row is a member, a named reject, or blank, and none is lost in silence.

A million rows stream through: apart from one block of the file, only what finds duplicates is kept.
"""

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, count, islice
from typing import BinaryIO

from bot.broadcast.audience.address_column import Certainty, Record, is_address
from bot.broadcast.audience.codes import AudienceCode
from bot.broadcast.audience.csv_dialect import not_csv, separator, strange_separator
from bot.broadcast.audience.csv_records import (
    CsvRecords,
    Part,
    first_lines,
    first_records,
    is_pasted_list,
    one_cell_a_row,
    pad,
    size_of,
    unclosed_quote,
)
from bot.broadcast.audience.csv_rows import LIMITS, CsvRecipient, CsvRecipients, Limits, Rejected, RejectReason, Row
from bot.broadcast.audience.deduplication import AddressDeduplicator, NoDeduplicator
from bot.broadcast.audience.header_detection import ANY, Candidate, Choice, Table, ambiguous, no_addresses, table_of
from bot.broadcast.audience.plain_rows import PlainRows, plain_rows
from bot.broadcast.audience.status_column import Marks
from bot.broadcast.audience.text_decoding import Lines, text_blocks, upload_error
from bot.email_addresses import LOCAL_LIMIT, InvalidNameError, address_in, is_plain_address, shown
from bot.errors import BotError

__all__ = [
    "Candidate",
    "Choice",
    "CsvAudience",
    "CsvRecipient",
    "CsvRecipients",
    "Limits",
    "RejectReason",
    "Rejected",
    "Row",
    "read_csv",
]

_SHOWN = 100  # characters of a rejected value
_LINES = 1_000  # of one record that are looked at


@dataclass(frozen=True, slots=True)
class CsvAudience:
    """A file whose header is read; iterating reads the rows, once.

    Attributes:
        columns: the names of those that are kept.
        candidates: the columns that may hold the addresses, best first.
        left_out: how many columns hold a value and are not kept.
        header: which line was taken for the header, where nothing in it says so.
        sheet: of a spreadsheet, which of its sheets was read, where there are others.
        marks: knows, once all is read, how many rows are marked as not to be mailed.
        rows: as they are read, many at once where they are plain.
    """

    columns: tuple[str, ...]
    address_column: str
    candidates: tuple[Candidate, ...]
    certainty: Certainty
    left_out: int
    header: str
    sheet: str
    marks: Marks
    rows: Iterator[Row]

    def __iter__(self) -> Iterator[CsvRecipient | Rejected]:
        """Read them one by one."""
        for row in self.rows:
            if isinstance(row, CsvRecipients):
                yield from row.each()
            else:
                yield row


def read_csv(file: BinaryIO, limits: Limits = LIMITS, choice: Choice = ANY) -> CsvAudience:
    """Read the header of a CSV and return its rows as an iterator.

    Raises:
        BotError: field `audience`; AUDIENCE_EMPTY, _HEADER_ONLY, _NOT_CSV, _ENCODING, _QUOTE, _NO_ADDRESS_COLUMN,
            _AMBIGUOUS (unless somebody can be asked), _TOO_MANY_COLUMNS; UNKNOWN_COLUMN for `address_column`; and
            while the rows are read AUDIENCE_ENCODING, _QUOTE, _TOO_LARGE, _TOO_MANY_ROWS.
    """
    size = size_of(file)
    lines = Lines(text_blocks(file, limits.bytes, limits.unpacked))
    start = list(first_lines(lines))
    expected = min(limits.rows, size * len(start) // (sum(map(len, start)) or 1))
    delimiter = separator(start)
    lines.put_back(start)
    csv_records = CsvRecords(lines, delimiter)
    records = iter(csv_records)
    sample = list(first_records(records))
    if not sample:
        raise upload_error(AudienceCode.AUDIENCE_EMPTY)
    is_pasted = is_pasted_list(sample)
    if is_pasted:
        records = one_cell_a_row(chain(sample, records))
        sample = list(first_records(records))

    def everything() -> Iterator[Record]:
        file.seek(0)
        fresh = Lines(text_blocks(file, limits.bytes, limits.unpacked))
        for _ in islice(fresh, len(start)):
            pass
        fresh.put_back(start)
        yield from CsvRecords(fresh, delimiter)

    again = everything if file.seekable() else None
    parts = None if is_pasted else csv_records.parts
    return audience_of(Records(sample, records, again, expected, start, delimiter, parts=parts), limits, choice)


@dataclass(frozen=True, slots=True)
class Records:
    """The rows of a file of any kind.

    Attributes:
        sample: the first of them.
        rest: the others, which are read once.
        again: reads all of them from the start, after which `rest` is of no use any more; None: it cannot.
        expected: about how many there are.
        start: the first lines of a text.
        delimiter: between the values of a text.
        sheet: of a spreadsheet, which of its sheets this is, where there are others.
        parts: yields `rest` with many plain rows at once, where it can be read so.
    """

    sample: Sequence[Record]
    rest: Iterator[Record]
    again: Callable[[], Iterator[Record]] | None
    expected: int
    start: Sequence[str] = ()
    delimiter: str = ""
    sheet: str = ""
    parts: Callable[[Callable[[str], PlainRows]], Iterator[Part]] | None = None


def audience_of(records: Records, limits: Limits, choice: Choice) -> CsvAudience:
    """Find header and addresses in rows of which there is one at least. Raises as `read_csv`."""
    table = table_of(records.sample, limits.columns, choice)
    _check(table, choice, records.start)
    if table.has_empty_columns and records.again and next(records.rest, None):
        table.look_for_values(records.again())
        rest = islice(records.again(), len(records.sample), None)
        records = replace(records, rest=rest, parts=None)
    seen = NoDeduplicator() if choice.keep_repeats else AddressDeduplicator(records.expected)
    return _audience(table, records, limits, choice, seen)


def _check(table: Table, choice: Choice, start: Sequence[str]) -> None:
    if not any(candidate.example for candidate in table.candidates) and (what := strange_separator(start)):
        raise not_csv(f"text with {what} between its values")
    if not table.candidates:
        raise no_addresses(table)
    if table.certainty is Certainty.OPEN and not choice.can_ask:
        raise ambiguous(table)


def _audience(table: Table, records: Records, limits: Limits, choice: Choice, seen: AddressDeduplicator) -> CsvAudience:
    keep, left_out = table.kept(choice.needs, limits.kept)
    marks = Marks(table.titles, table.at, table.rows, keep=choice.keep_marked)
    reading = _Reading(len(table.titles), table.at, keep, records.delimiter, limits, seen, marks)
    above = (
        Rejected(line, shown(" ".join(cells), _SHOWN), "stands above the header", RejectReason.INVALID)
        for line, cells in table.above
    )
    return CsvAudience(
        columns=tuple(table.names[position] for position in keep),
        address_column=table.names[table.at],
        candidates=table.candidates,
        certainty=table.certainty,
        left_out=left_out,
        header=table.header,
        sheet=records.sheet,
        marks=marks,
        rows=chain(above, _rows(table.rows, reading), _rest(records, reading)),
    )


@dataclass(frozen=True, slots=True)
class _Reading:
    """How rows are read: how many cells they have, where the address is, which cells are kept."""

    width: int
    at: int
    keep: Sequence[int]
    delimiter: str
    limits: Limits
    seen: AddressDeduplicator
    marks: Marks
    numbers: Iterator[int] = field(default_factory=lambda: count(1))  # of rows


def _rest(records: Records, reading: _Reading) -> Iterator[Row]:
    """Read the rows after the sample."""
    if records.parts is None or reading.marks or len(reading.keep) < reading.width:
        yield from _rows(records.rest, reading)
        return
    plain = plain_rows(reading.width, reading.at, reading.delimiter, reading.limits.value)
    for part in records.parts(plain):
        yield from _plain(*part, reading) if isinstance(part, tuple) else _rows(part, reading)


def _plain(line: int, rows: PlainRows, reading: _Reading) -> Iterator[Row]:
    if next(islice(reading.numbers, len(rows.addresses) - 1, None)) > reading.limits.rows:
        raise _too_many(reading.limits)
    lines = range(line, line + len(rows.addresses))
    repeats = reading.seen.repeats([*map(str.lower, rows.addresses)], lines)
    recipients = CsvRecipients(lines, rows.addresses, rows.values, rows.empty)
    if not repeats:
        yield recipients
        return
    for row in recipients.each():
        yield _repeated(row.line, row.address, repeats[row.line]) if row.line in repeats else row


def _rows(records: Iterable[Record], reading: _Reading) -> Iterator[CsvRecipient | Rejected]:
    limits, width, at, marks = reading.limits, reading.width, reading.at, reading.marks
    first_line, make = reading.seen.first_line, tuple.__new__  # this loop runs a million times
    keep = reading.keep if len(reading.keep) < width else None
    for (line, cells), number in zip(records, reading.numbers, strict=False):
        if number > limits.rows:
            raise _too_many(limits)
        if len(cells) != width:
            pad(cells, width)
        text = "".join(cells)
        is_odd = len(cells) > width or len(text) > limits.value or not text.isprintable()
        if is_odd and (why := _row_error(line, cells, text, reading)):
            yield Rejected(line, shown(cells[at], _SHOWN), why, RejectReason.INVALID)
            continue
        address = cells[at]
        is_plain = len(address) <= LOCAL_LIMIT and is_plain_address(address)
        if not is_plain and (why := _take_address(cells, at)):
            yield Rejected(line, shown(address, _SHOWN), why, RejectReason.INVALID)
            continue
        address = cells[at]
        if marks and (mark := marks.mark_of(cells)) and not marks.keep:
            yield Rejected(line, shown(address, _SHOWN), f"is marked “{shown(mark, 40)}”", RejectReason.MARKED)
            continue
        if first := first_line(address.lower(), line):
            yield _repeated(line, address, first)
            continue
        yield make(CsvRecipient, (line, address, cells if keep is None else [cells[position] for position in keep]))


def _repeated(line: int, address: str, first: int) -> Rejected:
    return Rejected(line, shown(address, _SHOWN), f"is the same as line {first}", RejectReason.DUPLICATE)


def _too_many(limits: Limits) -> BotError:
    return upload_error(AudienceCode.AUDIENCE_TOO_MANY_ROWS, f"The file has over {limits.rows:,} rows: split it.")


def _take_address(cells: list[str], at: int) -> str:
    """Put the address in the place of what stands there, or return why there is none."""
    if not cells[at]:
        return "has no address"
    try:
        cells[at] = address_in(cells[at])
    except InvalidNameError as error:
        return error.why.partition(":")[0].replace("addresses in it", "addresses in one cell")
    return ""


def _refuse_swallowed(line: int, cells: list[str], reading: _Reading) -> None:
    """Refuse a value of several lines in which one is a row of its own: a quote before it was never closed.

    A spreadsheet has no separators, and no quotes.
    """
    if not reading.delimiter:
        return
    inners = chain.from_iterable(cell.splitlines() for cell in cells if not cell.isprintable())
    for inner in islice(inners, _LINES):
        row = next(csv.reader([inner], delimiter=reading.delimiter, skipinitialspace=True), [])
        if len(row) == reading.width and is_address(row[reading.at]):
            raise unclosed_quote(line)


def _row_error(line: int, cells: list[str], text: str, reading: _Reading) -> str:
    width, limits = reading.width, reading.limits
    if any("\n" in cell or "\r" in cell for cell in cells):
        _refuse_swallowed(line, cells, reading)
    if len(cells) > width:
        return f"has {len(cells)} values for {width} column{'s' * (width > 1)}"
    if "\0" in text:
        return "has a NUL character in it"
    if len(text) > limits.row:
        return f"has over {limits.row:,} characters"
    if any(len(cell) > limits.value for cell in cells):
        return f"has a value of over {limits.value:,} characters"
    return ""
