"""The file of a copy: its body, then a line of facts about it, then a checksum over all that comes before.

Without these two lines at its end a copy was cut short. It is written beside its place and takes it when it is whole.
"""

import contextlib
import errno
import json
import os
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, Final, Literal

from storage.database import StorageError
from storage.sealing import sync_folder

_FORMAT: Final = 1
_PIECE: Final = 2**20  # bytes that are read at once
_LONGEST_FACTS: Final = 2**16  # bytes
_CHECKSUM: Final = 65  # bytes: SHA-256 in hexadecimal, and the end of the line
_FULL: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}

Progress = Callable[[int, int], None]
"""Called now and then with the bytes that are done, and how many there are in all (0: nobody knows)."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a copy says of itself.

    Attributes:
        dialect: of the database it is a copy of.
        schema: the revision of its tables.
        made_at: the moment that it shows.
        marks: the known text as each of its keys sealed it, by key id (`storage.key_rotation`).
        origin: names the database it is a copy of; empty: one that no bot has opened yet.
    """

    dialect: Literal["sqlite", "postgresql"]
    schema: str
    made_at: datetime
    marks: dict[str, bytes]
    origin: str

    def to_line(self) -> bytes:
        marks = {key_id: b64encode(mark).decode() for key_id, mark in self.marks.items()}
        told = {
            "mailroom_backup": _FORMAT,
            "dialect": self.dialect,
            "schema": self.schema,
            "made_at": self.made_at.isoformat(),
            "keys": marks,
            "origin": self.origin,
        }
        return f"\n{json.dumps(told)}\n".encode()

    @classmethod
    def from_line(cls, line: bytes) -> "Facts":
        """Raises ValueError or KeyError where this is no such line."""
        told = json.loads(line)
        if told["mailroom_backup"] != _FORMAT:
            raise ValueError("another format")
        marks = {key_id: b64decode(mark) for key_id, mark in told["keys"].items()}
        made_at = datetime.fromisoformat(told["made_at"]).astimezone(UTC)
        return cls(told["dialect"], told["schema"], made_at, marks, told["origin"])


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy whose end is there; `check` says whether all of it is as it was written."""

    path: Path
    facts: Facts
    body: int  # bytes

    def check(self, progress: Progress) -> None:
        """Raises StorageError where a byte is not as it was written."""
        ends_at = self.path.stat().st_size - _CHECKSUM
        with self.path.open("rb") as file:
            digest = sha256()
            for piece in pieces(file, ends_at):
                digest.update(piece)
                progress(file.tell(), ends_at)
            if file.read().strip() != digest.hexdigest().encode():
                raise StorageError(f"{self.path.name} is damaged (its checksum is another one): use an older copy.")


def find_copy(path: Path) -> Copy:
    """Return what the end of the file says. Raises StorageError where it is missing, cut short, or no copy."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            file.seek(max(0, size - _LONGEST_FACTS))
            end = file.read()
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror}.") from None
    match end.rsplit(b"\n", 3):
        case [_, line, checksum, b""] if len(checksum) == _CHECKSUM - 1:
            with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError):
                return Copy(path, Facts.from_line(line), size - _CHECKSUM - len(line) - 2)
    raise StorageError(f"{path.name} is cut short, or no copy that `app.py backup` made: use one that is whole.")


def pieces(file: BinaryIO, upto: int) -> Iterator[bytes]:
    """Read from where the file stands up to this place. Raises StorageError where it ends before."""
    while (left := upto - file.tell()) > 0:
        piece = file.read(min(_PIECE, left))
        if not piece:
            raise StorageError("The copy is cut short: use one that is whole.")
        yield piece


@contextlib.contextmanager
def beside(path: Path) -> Iterator[Path]:
    """Give a new file that only its owner can read, which takes this place at the end, or is gone after an error.

    Raises StorageError where it cannot be written: no such folder, no right to, no room.
    """
    draft = path.with_name(f"{path.name}.part")
    try:
        _remove(draft)
        os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        yield draft
        with draft.open("rb") as file:
            os.fsync(file.fileno())
        draft.replace(path)
        sync_folder(path)
    except OSError as error:
        why = "the disk is full" if error.errno in _FULL else error.strerror or type(error).__name__
        raise StorageError(f"{path} cannot be written ({why}): nothing of it was left.") from error
    finally:
        _remove(draft)


def finish(draft: Path, facts: Facts, progress: Progress) -> None:
    """Write the end of a copy whose body is there."""
    digest, size = sha256(), draft.stat().st_size
    with draft.open("r+b") as file:
        for piece in pieces(file, size):
            digest.update(piece)
            progress(file.tell(), size)
        line = facts.to_line()
        digest.update(line)
        file.write(line + digest.hexdigest().encode() + b"\n")


def _remove(draft: Path) -> None:
    for file in (draft, *(draft.with_name(f"{draft.name}{more}") for more in ("-journal", "-wal", "-shm", ".lock"))):
        file.unlink(missing_ok=True)
