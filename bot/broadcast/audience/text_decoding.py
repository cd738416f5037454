"""The bytes of an uploaded file as lines of text: right, or refused with a sentence, never guessed."""

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator, Sequence
from typing import BinaryIO, Protocol, cast

from bot.broadcast.audience.codes import AudienceCode
from bot.errors import BotError

_BLOCK = 64 * 1024
_SOME = 8 * 1024  # characters that are looked at together
_LINE_LIMIT = 1024 * 1024  # characters; what has no line end by then is no CSV
_MARKS = (  # the longer mark first: UTF-32's begins with UTF-16's
    (codecs.BOM_UTF32_LE, ""),
    (codecs.BOM_UTF32_BE, ""),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_GZIP = b"\x1f\x8b"
_ZIP = b"PK\x03\x04"
_ZIPPED = (  # by what the first block of an archive names
    (b"application/vnd.oasis.opendocument.spreadsheet", "an OpenDocument spreadsheet (.ods)"),
    (b"xl/", "an Excel workbook (.xlsx)"),
    (b"word/", "a Word document (.docx)"),
)
_NOT_TEXT = (
    (_ZIP, "an Excel workbook or a zip archive"),
    (b"\xd0\xcf\x11\xe0", "an Excel workbook"),
    (_GZIP, "compressed twice"),
    (b"BZh", "compressed with bzip2"),
    (b"\xfd7zXZ", "compressed with xz"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"%PDF", "a PDF"),
    (b"{\\rtf", "a text document"),
)


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def upload_error(code: AudienceCode, sentence: str = "", *, line: int | None = None) -> BotError:
    error = BotError(code, sentence, field="audience")
    error.line = line
    return error


class Lines:
    """Lines with their ends (LF, CR LF or CR), of blocks of whole lines: one by one, or some at once."""

    def __init__(self, blocks: Iterator[str]) -> None:
        self._blocks = blocks
        self._block = io.StringIO()

    def __iter__(self) -> Iterator[str]:
        while True:
            for line in self._block:  # noqa: UP028 - `yield from` would close it with the generator
                yield line
            if not self._go_on():
                return

    def some(self) -> str:
        """Return about 8,000 characters or one line; nothing at the end."""
        text = self._block.read(_SOME) or (self._go_on() and self._block.read(_SOME)) or ""
        return text + self._block.readline()

    def back(self, characters: int) -> None:
        """Have the last characters of `some` read again."""
        self._block.seek(self._block.tell() - characters)

    def put_back(self, lines: Sequence[str]) -> None:
        """Have these read next."""
        self._block = io.StringIO("".join([*lines, self._block.read()]), newline="")

    def _go_on(self) -> bool:
        text = next(self._blocks, "")
        self._block = io.StringIO(text, newline="")
        return bool(text)


def text_blocks(file: Readable, byte_limit: int, unpacked_limit: int) -> Iterator[str]:
    """Yield the text of a file in blocks of whole lines, holding one at a time.

    UTF-16 and UTF-8 with a byte order mark are read as such; anything else must be UTF-8. What is compressed with gzip
    is unpacked.

    Raises:
        BotError: AUDIENCE_NOT_CSV, AUDIENCE_ENCODING (names the line), AUDIENCE_TOO_LARGE.
    """
    head = file.read(_BLOCK)
    if head.startswith(_GZIP):
        file, byte_limit = _Unpacked(_Packed(head, file)), unpacked_limit
        head = file.read(_BLOCK)
    _refuse_other_files(head)
    encoding, mark = _encoding(head)
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    rest, line, size, block = "", 1, len(head), head[len(mark) :]
    while True:
        try:
            text = rest + decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            good = error.object[: error.start].decode(encoding)
            raise _not_utf8(line + _ends(rest + good + "x")) from None
        # The last line may go on in the next block, and a "\r" may turn out to be half of a "\r\n".
        cut = max(text.rfind("\n"), text.rfind("\r", 0, -1)) + 1 if block else len(text)
        lines, rest = text[:cut], text[cut:]
        if lines:
            yield lines
        line += _ends(lines)
        if len(rest) > _LINE_LIMIT:
            raise upload_error(
                AudienceCode.AUDIENCE_NOT_CSV, f"Line {line} does not end: save the file as CSV and upload that."
            )
        if not block:
            return
        block = file.read(_BLOCK)
        size += len(block)
        if size > byte_limit:
            raise upload_error(
                AudienceCode.AUDIENCE_TOO_LARGE,
                f"The file is larger than {byte_limit // 1024**2} MB: split it, or leave out columns.",
            )


class _Packed:
    """A file of which the first block is read already."""

    def __init__(self, head: bytes, rest: Readable) -> None:
        self._head = head
        self._rest = rest

    def read(self, size: int, /) -> bytes:
        head, self._head = self._head[:size], self._head[size:]
        return head or self._rest.read(size)


class _Unpacked:
    """What a file that is compressed with gzip holds."""

    def __init__(self, packed: _Packed) -> None:
        self._unpacked = gzip.GzipFile(fileobj=cast("BinaryIO", packed), mode="rb")

    def read(self, size: int, /) -> bytes:
        """Return up to so many bytes, none at the end.

        Raises:
            BotError: AUDIENCE_NOT_CSV.
        """
        try:
            return self._unpacked.read(size)
        except (EOFError, OSError, zlib.error):
            sentence = "The compressed file is cut off or damaged: compress it again, or upload the CSV itself."
            raise upload_error(AudienceCode.AUDIENCE_NOT_CSV, sentence) from None


def _refuse_other_files(head: bytes) -> None:
    kinds = (what for magic, what in _NOT_TEXT if head.startswith(magic))
    if what := next(kinds, ""):
        if head.startswith(_ZIP):
            what = next((named for name, named in _ZIPPED if name in head), what)
        raise upload_error(AudienceCode.AUDIENCE_NOT_CSV, f"The file is {what}: save it as CSV and upload that.")


def _encoding(head: bytes) -> tuple[str, bytes]:
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            if not encoding:
                break
            return encoding, mark
    else:
        if head.count(b"\0") <= len(head) // 10:
            return "utf-8", b""
    raise _not_utf8(1)


def _ends(text: str) -> int:
    """Return how many lines end in this text."""
    return text.count("\n") + text.count("\r") - text.count("\r\n")


def _not_utf8(line: int) -> BotError:
    return upload_error(
        AudienceCode.AUDIENCE_ENCODING, f"Line {line} is not UTF-8 text: save the file as “CSV UTF-8” and upload that."
    )
