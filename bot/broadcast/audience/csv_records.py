"""The rows of a CSV before anything is known of its columns."""

import csv
from collections.abc import Iterator, Sequence
from itertools import islice
from os import SEEK_END
from typing import BinaryIO

from bot.broadcast.audience.address_column import Record, is_address
from bot.broadcast.audience.codes import AudienceCode
from bot.broadcast.audience.text_decoding import upload_error
from bot.errors import BotError

_SAMPLE = 1_000  # rows, to find the header and the columns by what they hold
_SAMPLE_CELLS = 500_000
_SAMPLE_CHARACTERS = 1024 * 1024  # of lines, to find the separator
_RECORD = 1024 * 1024  # characters; values in quotes may be of many lines


def size_of(file: BinaryIO) -> int:
    """Return how much there is to read; 0 where it cannot be told."""
    if not file.seekable():
        return 0
    size = file.seek(0, SEEK_END)
    file.seek(0)
    return size


def first_lines(lines: Iterator[str]) -> Iterator[str]:
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


def records_of(lines: Iterator[str], delimiter: str) -> Iterator[Record]:
    """Yield each row that is not blank, with the physical line it starts on."""
    start, taken = 1, 0

    def bounded() -> Iterator[str]:
        nonlocal taken
        for line in lines:
            taken += len(line)
            if taken > _RECORD and taken > len(line):  # of one line alone, the lines have a limit of their own
                raise unclosed_quote(start)
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
            sentence = f"Line {start} has a huge value: take it out and upload again."
            raise upload_error(AudienceCode.AUDIENCE_NOT_CSV, sentence, line=start) from None
        raise unclosed_quote(start) from None


def unclosed_quote(line: int) -> BotError:
    return upload_error(
        AudienceCode.AUDIENCE_QUOTE,
        f"A quote in line {line} is not closed, or stands inside a value: close it, or write it twice, and upload "
        "the file again.",
        line=line,
    )
