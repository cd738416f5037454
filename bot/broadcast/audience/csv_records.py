"""The rows of a CSV before anything is known of its columns."""

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from os import SEEK_END
from typing import BinaryIO

from bot.broadcast.audience.address_column import Record, is_address
from bot.broadcast.audience.codes import AudienceCode
from bot.broadcast.audience.plain_rows import PlainRows
from bot.broadcast.audience.text_decoding import Lines, upload_error
from bot.errors import BotError

_SAMPLE = 1_000  # rows, to find the header and the columns by what they hold
_SAMPLE_CELLS = 500_000
_SAMPLE_CHARACTERS = 1024 * 1024  # of lines, to find the separator
_RECORD = 1024 * 1024  # characters; values in quotes may be of many lines
_BY_ONE = 4  # lines that are read row by row, before many are tried at once again; doubled where that fails
_BY_ONE_MOST = 512

Part = tuple[int, PlainRows] | Iterator[Record]
"""Rows that follow each other, a line each, with the first line; or rows that are read one by one."""


def size_of(file: BinaryIO) -> int:
    """Return how much there is to read; 0 where it cannot be told."""
    if not file.seekable():
        return 0
    size = file.seek(0, SEEK_END)
    file.seek(0)
    return size


def first_lines(lines: Iterable[str]) -> Iterator[str]:
    """Yield the first lines, fewer of huge ones."""
    taken = 0
    for line in islice(lines, _SAMPLE):
        yield line
        taken += len(line)
        if taken > _SAMPLE_CHARACTERS:
            return


def first_records(records: Iterator[Record]) -> Iterator[Record]:
    """Yield the header and a sample, fewer of huge records: a million cells in memory are 60 MB."""
    cells = 0
    for record in islice(records, _SAMPLE + 1):
        yield record
        cells += len(record[1])
        if cells > _SAMPLE_CELLS:
            return


def is_pasted_list(sample: Sequence[Record]) -> bool:
    """Whether this is no table but one list of addresses, with a separator after each."""
    cells = [cell for _, row in sample for cell in row if cell]
    goes_on = all(len(row) > 1 and not row[-1] for _, row in sample[:-1])
    return goes_on and len(sample[0][1]) > 1 and len(cells) > 1 and all(map(is_address, cells))


def one_cell_a_row(records: Iterator[Record]) -> Iterator[Record]:
    return ((line, [cell]) for line, cells in records for cell in cells if cell)


def pad(cells: list[str], width: int) -> None:
    """Give a short row its empty values back, and take them from a long one: programs leave out or add some."""
    while len(cells) > width and not cells[-1]:
        cells.pop()
    cells += [""] * (width - len(cells))


class CsvRecords:
    """Reads lines once, row by row or many rows at once.

    Attributes:
        line: where the next row starts.
    """

    def __init__(self, lines: Lines, delimiter: str) -> None:
        self.line = 1
        self._lines = lines
        self._delimiter = delimiter

    def __iter__(self) -> Iterator[Record]:
        """Yield each row that is not blank, with the physical line it starts on."""
        before, taken = self.line - 1, 0

        def bounded() -> Iterator[str]:
            nonlocal taken
            for line in self._lines:
                taken += len(line)
                if taken > _RECORD and taken > len(line):  # of one line alone, the lines have a limit of their own
                    raise unclosed_quote(self.line)
                yield line

        reader = csv.reader(bounded(), delimiter=self._delimiter, strict=True, skipinitialspace=True)
        try:
            for cells in reader:
                values = list(map(str.strip, cells))
                start, self.line, taken = self.line, before + reader.line_num + 1, 0
                if any(values):
                    yield start, values
        except csv.Error as error:
            start = self.line
            if "field larger" in str(error) and before + reader.line_num == start:
                sentence = f"Line {start} has a huge value: take it out and upload again."
                raise upload_error(AudienceCode.AUDIENCE_NOT_CSV, sentence, line=start) from None
            raise unclosed_quote(start) from None

    def parts(self, plain: Callable[[str], PlainRows]) -> Iterator[Part]:
        """Yield what is `plain` of some lines, with the first of them, and in turn some rows one by one."""
        by_one = _BY_ONE
        while text := self._lines.some():
            rows = plain(text)
            by_one = _BY_ONE if rows.addresses else min(2 * by_one, _BY_ONE_MOST)
            if rows.addresses:
                self.line += len(rows.addresses)
                yield self.line - len(rows.addresses), rows
            if rows.end < len(text):
                self._lines.back(len(text) - rows.end)
                yield self._up_to(self.line + by_one)

    def _up_to(self, line: int) -> Iterator[Record]:
        for record in self:
            yield record
            if self.line >= line:
                return


def unclosed_quote(line: int) -> BotError:
    return upload_error(
        AudienceCode.AUDIENCE_QUOTE,
        f"A quote in line {line} is not closed, or stands inside a value: close it, or write it twice, and upload "
        "the file again.",
        line=line,
    )
