"""The rows of an upload that were left out, all of them, as a CSV that opens safely in a spreadsheet."""

import codecs
import csv
import io
import re
import tempfile
from typing import BinaryIO, cast

from bot.broadcast.audience.csv_reader import Rejected

_IN_MEMORY = 256 * 1024  # bytes; more goes to a temporary file

# A spreadsheet takes for a formula what begins so, in ASCII or in full width, and some split a line where we do not
# (https://owasp.org/www-community/attacks/CSV_Injection).
_FORMULA = re.compile(r"""(^|[;,|"\t\r\n])(?=[=+\-@\t\r＝＋－＠])""")


class RejectedRows:
    """Grows as the upload is read; what it holds is gone when it is closed."""

    def __init__(self) -> None:
        self.count = 0
        self._file: BinaryIO | None = None  # made for the first row: most uploads have none

    def add(self, row: Rejected) -> None:
        if self._file is None:
            self._file = cast("BinaryIO", tempfile.SpooledTemporaryFile(_IN_MEMORY))  # noqa: SIM115 - `close` closes it
            self._write("line", "value", "why")
        self.count += 1
        self._write(row.line, escape_formula(row.value), row.why)

    def read(self) -> bytes:
        """Return the whole list, with a byte order mark since spreadsheets want one."""
        if self._file is None:
            return b""
        self._file.seek(0)
        return codecs.BOM_UTF8 + self._file.read()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _write(self, *cells: str | int) -> None:
        line = io.StringIO(newline="")
        csv.writer(line).writerow(cells)
        cast("BinaryIO", self._file).write(line.getvalue().encode())


def escape_formula(text: str) -> str:
    """Return the text so that no spreadsheet takes it, or a part of it, for a formula."""
    return _FORMULA.sub(r"\1'", text)
