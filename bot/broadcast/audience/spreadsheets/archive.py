"""What a zip archive is, and what it unpacks to: looked at before anything else reads it."""

import zipfile
import zlib
from collections.abc import Collection
from typing import BinaryIO, Final

MEMBERS_LIMIT: Final = 5_000
_BLOCK = 256 * 1024
_MIMETYPE = 100  # bytes, of the type that an OpenDocument file names
_MANIFEST = 1024 * 1024
_SHEET = "application/vnd.oasis.opendocument.spreadsheet"
IS_DAMAGED = "cut off or damaged"
HAS_PASSWORD = "protected with a password"  # noqa: S105 - a sentence

_DOCUMENTS = (  # by how the names in an archive begin, or what its type begins with
    ("word/", "a Word document (.docx)"),
    ("ppt/", "a PowerPoint file (.pptx)"),
    ("Index/", "an Apple Numbers spreadsheet"),
    ("application/vnd.oasis.opendocument", "an OpenDocument file, but no spreadsheet"),
    ("application/epub", "a book (.epub)"),
)


class OtherFileError(Exception):
    """It is no spreadsheet that we read; `what` it is follows on “The file is”."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


class TooLargeError(Exception):
    """It unpacks to more than we read."""


def check(file: BinaryIO, unpacked_limit: int) -> None:
    """Refuse all but an `.xlsx` or `.ods` that unpacks to at most so many bytes, counted while it is unpacked.

    Macros are no reason to refuse: they are data beside the sheets, which nothing here reads.

    Raises:
        OtherFileError, TooLargeError.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            if len(members) > MEMBERS_LIMIT or sum(member.file_size for member in members) > unpacked_limit:
                raise TooLargeError
            if any(member.flag_bits & 1 for member in members):
                raise OtherFileError(HAS_PASSWORD)
            _check_kind(archive, {member.filename.replace("\\", "/").lstrip("/") for member in members})
            _count(archive, members, unpacked_limit)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError):
        raise OtherFileError(IS_DAMAGED) from None


def _check_kind(archive: zipfile.ZipFile, names: Collection[str]) -> None:
    if "xl/workbook.bin" in names:
        raise OtherFileError("a binary workbook (.xlsb)")
    if any(name.startswith("xl/") for name in names):
        return
    type_ = _start(archive, "mimetype", _MIMETYPE).decode("ascii", "replace").strip()
    if not type_.startswith(_SHEET):
        started = [type_, *names]
        found = (what for begins, what in _DOCUMENTS if any(name.startswith(begins) for name in started))
        raise OtherFileError(next(found, "a zip archive"))
    if "encrypted-package" in names or b"encryption-data" in _start(archive, "META-INF/manifest.xml", _MANIFEST):
        raise OtherFileError(HAS_PASSWORD)


def _start(archive: zipfile.ZipFile, name: str, size: int) -> bytes:
    try:
        with archive.open(name) as member:
            return member.read(size)
    except KeyError:
        return b""


def _count(archive: zipfile.ZipFile, members: list[zipfile.ZipInfo], limit: int) -> None:
    """Unpack everything, for nothing but its size: what an archive says of that may be wrong."""
    total = 0
    for member in members:
        total += _unpacked_size(archive, member, limit - total)
        if total > limit:
            raise TooLargeError


def _unpacked_size(archive: zipfile.ZipFile, member: zipfile.ZipInfo, limit: int) -> int:
    """Return the size of a member; of one that is over the limit, of a little more than that."""
    if member.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise NotImplementedError
    member.file_size = limit + _BLOCK  # `zipfile` stops there, else where the archive says that the member ends
    size = 0
    with archive.open(member) as opened:
        while size <= limit and (block := opened.read(_BLOCK)):
            size += len(block)
    return size
