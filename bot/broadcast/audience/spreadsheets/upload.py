"""A file of people as recipients, whatever kind it is: a spreadsheet, or a text whose values have separators."""

import json
import tempfile
import weakref
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO, Final, cast

from bot.broadcast import limited_process
from bot.broadcast.audience.address_column import Record
from bot.broadcast.audience.codes import AudienceCode
from bot.broadcast.audience.csv_reader import CsvAudience, Limits, Records, audience_of, read_csv
from bot.broadcast.audience.csv_records import first_records
from bot.broadcast.audience.header_detection import ANY, Choice
from bot.broadcast.audience.text_decoding import upload_error
from bot.email_addresses import shown
from bot.errors import BotError

_PROGRAM: Final = "bot.broadcast.audience.spreadsheets.program"
_ZIP = b"PK\x03\x04"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # Excel's before 2007, and around a workbook with a password (MS-OFFCRYPTO)
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_BLOCK = 1024 * 1024
_LIMITS = Limits()
_NAMED = 3  # sheets in one sentence

_WAYS_OUT = {
    "protected with a password": "take the password off, save it, and upload it again.",
    "cut off or damaged": "save it again in the program that it is from, and upload that.",
    "a zip archive": "upload the CSV or the spreadsheet that is in it.",
}


def read_audience(file: BinaryIO, limits: Limits = _LIMITS, choice: Choice = ANY) -> CsvAudience:
    """Read the header of an `.xlsx`, an `.ods` or a CSV, by what it holds, and return its rows as an iterator.

    The number of a row is the sheet's. `file` has to be seekable.

    Raises:
        BotError: field `audience`; as `read_csv`.
    """
    head = file.read(len(_OLE))
    file.seek(0)
    if head.startswith(_ZIP):
        rows, found = _convert(file)
        return audience_of_sheet(rows, found, limits, choice)
    if head == _OLE:
        raise _other("protected with a password" if _holds(file, _ENCRYPTED) else "an old Excel workbook (.xls)")
    return read_csv(file, limits, choice)


class SheetRows:
    """The rows of a sheet, in a temporary file that is gone when nobody reads them any more."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        weakref.finalize(self, file.close)

    def __iter__(self) -> Iterator[Record]:
        self._file.seek(0)
        for line in self._file:
            number, *cells = json.loads(line)
            yield number, cells


def audience_of_sheet(rows: SheetRows, found: Mapping[str, Any], limits: Limits, choice: Choice) -> CsvAudience:
    """Return the rows of a sheet as recipients; `found` is what the program answered. Raises as `read_audience`."""
    match found.get("refused"):
        case "kind":
            raise _other(found["what"])
        case "size":
            raise _too_large()
    if not found.get("rows"):
        raise upload_error(AudienceCode.AUDIENCE_EMPTY)
    records = iter(rows)
    sample = list(first_records(records))
    read = Records(sample, records, lambda: iter(rows), found["rows"], sheet=_which(found["sheet"], found["others"]))
    return audience_of(read, limits, choice)


def _convert(file: BinaryIO) -> tuple[SheetRows, Mapping[str, Any]]:
    target = cast("BinaryIO", tempfile.TemporaryFile())  # noqa: SIM115 - goes with the rows
    rows = SheetRows(target)
    with tempfile.TemporaryFile() as source:  # one that has a number for sure
        while block := file.read(_BLOCK):
            source.write(block)
        source.seek(0)
        try:
            return rows, limited_process.run_on_file(_PROGRAM, cast("BinaryIO", source), target)
        except limited_process.CrashedError:
            raise _too_large() from None


def _holds(file: BinaryIO, wanted: bytes) -> bool:
    rest = b""
    while block := file.read(_BLOCK):
        if wanted in rest + block:
            return True
        rest = block[-len(wanted) :]
    return False


def _which(sheet: str, others: Sequence[str]) -> str:
    """Say which sheet was read, and what was not."""
    if not others:
        return ""
    named = ", ".join(f"“{shown(name, 40)}”" for name in others[:_NAMED])
    more = len(others) - _NAMED
    rest = f"{named} and {more:,} more are" if more > 0 else f"{named} {'is' if len(others) == 1 else 'are'}"
    return (
        f"Read from the sheet “{shown(sheet, 40)}”, the first with addresses; {rest} not read. To have another one "
        "read, move it to the front and upload the file again."
    )


def _other(what: str) -> BotError:
    way_out = _WAYS_OUT.get(what, "save it as .xlsx, .ods or CSV, and upload that.")
    return upload_error(AudienceCode.AUDIENCE_NOT_CSV, f"The file is {what}: {way_out}")


def _too_large() -> BotError:
    sentence = "The spreadsheet is too large to be read: save the sheet as CSV and upload that."
    return upload_error(AudienceCode.AUDIENCE_TOO_LARGE, sentence)
