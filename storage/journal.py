"""A file beside the database, or elsewhere, to which lines are only ever added: what a restore must not lose.

Each line is sealed, and on the disk before whoever caused it is answered. One process writes to one file: a `*` in its
name becomes the name of this machine, with a number where another process of it is writing already. The end of a file
may be cut off, as after a power cut.
"""

import errno
import fcntl
import json
import os
import socket
from base64 import b64decode, b64encode
from collections.abc import Iterator, Sequence
from glob import escape
from io import FileIO
from pathlib import Path
from typing import Any, Final

from storage.database import StorageError
from storage.sealing import KeyRing, UnsealError

_PLACE: Final = {"team": "", "record": "", "field": "suppression_journal"}
_MOST: Final = 100  # processes of one machine


class Journal:
    """Args: `pattern` is the path, in whose name a `*` may stand."""

    def __init__(self, pattern: str, keys: KeyRing) -> None:
        self._pattern = pattern
        self._keys = keys
        self._file: FileIO | None = None

    def open(self) -> None:
        """Find the file of this process. Raises StorageError where it cannot be written, or is another one's."""
        try:
            self._file = next(filter(None, map(_claimed, self._paths())), None)
        except OSError as error:
            raise StorageError(f"MAILROOM_SUPPRESSION_JOURNAL cannot be written: {error.strerror}.") from error
        if self._file is None:
            raise StorageError(
                "MAILROOM_SUPPRESSION_JOURNAL is in use by another process: with a * in it each has a file of its own."
            )

    def append(self, lines: Sequence[dict[str, Any]]) -> None:
        """Add lines, and return when they are on the disk. Raises OSError."""
        if self._file is None:
            raise OSError(None, "the journal is not open")
        sealed = (b64encode(self._keys.seal(json.dumps(line), **_PLACE)) for line in lines)
        written = b"".join(b"\n" + line for line in sealed)  # so that one that was cut off ends here
        if self._file.write(written) != len(written):
            raise OSError(errno.ENOSPC, "the disk is full")
        os.fsync(self._file.fileno())

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _paths(self) -> Iterator[Path]:
        if "*" not in self._pattern:
            yield Path(self._pattern)
            return
        for number in range(1, _MOST):
            name = socket.gethostname() + (f"-{number}" if number > 1 else "")
            yield Path(self._pattern.replace("*", name))


class JournalReader:
    """What stands in every file of a journal.

    `files` counts them, and `unreadable` the lines that were cut off, or are of no key of ours.
    """

    def __init__(self, pattern: str, keys: KeyRing) -> None:
        self._pattern = pattern
        self._keys = keys
        self.files = self.unreadable = 0

    def __iter__(self) -> Iterator[dict[str, Any]]:
        pattern = Path(self._pattern)
        for path in sorted(pattern.parent.glob("*".join(map(escape, pattern.name.split("*"))))):
            self.files += 1
            with path.open("rb") as file:
                for line in file:
                    if (found := self._read(line)) is not None:
                        yield found

    def _read(self, line: bytes) -> dict[str, Any] | None:
        if not line.strip():
            return None
        try:
            told = json.loads(self._keys.open(b64decode(line, validate=False), **_PLACE).reveal())
        except (ValueError, UnsealError):
            self.unreadable += 1
            return None
        return dict(told)


def _claimed(path: Path) -> FileIO | None:
    """Open a file to add to it, readable by its owner only; None: another process has it."""
    file = FileIO(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file
