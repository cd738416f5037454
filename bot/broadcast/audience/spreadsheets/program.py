"""Reads an `.xlsx` or `.ods` (python-calamine, which runs nothing): a program, since strangers made the file.

Standard input is the file, and the first argument the number of an open file to write to: a line for each row that is
not blank, a JSON array of its number in the sheet and its values. What is answered on standard output is JSON too:
`{"sheet": …, "others": […], "rows": …}`, no rows where nothing holds any; `{"refused": "kind", "what": …}`;
or `{"refused": "size"}`.
"""

import json
import os
import sys
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, Final

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from bot.broadcast.audience.address_column import Record
from bot.broadcast.audience.csv_records import first_records
from bot.broadcast.audience.header_detection import ANY, table_of
from bot.broadcast.audience.spreadsheets import archive
from bot.broadcast.audience.spreadsheets.cells import text_of
from bot.broadcast.limited_process import FILE_CPU_SECONDS, limit_process
from bot.errors import BotError

UNPACKED_LIMIT: Final = 1_000_000_000  # bytes: around its text a sheet has ten times as much that is none
TEXT_LIMIT: Final = 200 * 1024**2  # bytes written
_SHEETS: Final = 100  # that are looked at
_COLUMNS: Final = 16_384  # as many as a sheet of Excel's has

_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def read(source: BinaryIO, target: BinaryIO) -> dict[str, Any]:
    """Write the rows of the first sheet with addresses; where none has any, of the first that holds something."""
    try:
        archive.check(source, UNPACKED_LIMIT)
        source.seek(0)
        with CalamineWorkbook.from_filelike(source) as workbook:
            names = _visible(workbook)
            sheet = _chosen(workbook, names)
            rows = _write(target, _records(sheet)) if sheet else 0
    except archive.OtherFileError as error:
        return {"refused": "kind", "what": error.what}
    except archive.TooLargeError:
        return {"refused": "size"}
    except CalamineError:
        return {"refused": "kind", "what": archive.IS_DAMAGED}
    name = sheet.name if sheet else ""
    return {"sheet": name, "others": [each for each in names if each != name], "rows": rows}


def _visible(workbook: CalamineWorkbook) -> list[str]:
    """Return the names of the sheets that a person sees; charts have no cells."""
    return [
        sheet.name
        for sheet in workbook.sheets_metadata
        if sheet.typ is SheetTypeEnum.WorkSheet and sheet.visible is SheetVisibleEnum.Visible
    ]


def _chosen(workbook: CalamineWorkbook, names: list[str]) -> CalamineSheet | None:
    """Return the first sheet with addresses, else the first that holds anything."""
    filled = None
    for name in names[:_SHEETS]:
        sheet = workbook.get_sheet_by_name(name)
        sample = list(first_records(_records(sheet)))
        if _has_addresses(sample):
            return sheet
        filled = filled or (sheet if sample else None)
    return filled


def _has_addresses(sample: list[Record]) -> bool:
    try:
        return bool(sample) and any(candidate.example for candidate in table_of(sample, _COLUMNS, ANY).candidates)
    except BotError:  # a header alone
        return False


def _records(sheet: CalamineSheet) -> Iterator[Record]:
    """Yield each row that is not blank, with its number in the sheet; the first cell is in column A."""
    left = [""] * (sheet.start[1] if sheet.start else 0)
    for number, cells in enumerate(sheet.iter_rows(), start=1):
        values = list(map(text_of, cells))
        if any(values):
            yield number, left + values


def _write(target: BinaryIO, records: Iterable[Record]) -> int:
    """Write the records; return how many there are."""
    rows = size = 0
    for rows, (number, cells) in enumerate(records, start=1):  # noqa: B007 - the last one is how many there are
        line = f"{_json([number, *cells])}\n".encode("utf-8", "replace")  # half a character of UTF-16 is none
        size += len(line)
        if size > TEXT_LIMIT:
            raise archive.TooLargeError
        target.write(line)
    return rows


def main() -> None:
    """Read a file from standard input, and write its rows to the file of this number."""
    limit_process(FILE_CPU_SECONDS)
    with os.fdopen(int(sys.argv[1]), "wb") as target:
        made = read(sys.stdin.buffer, target)
    json.dump(made, sys.stdout)


if __name__ == "__main__":
    main()
