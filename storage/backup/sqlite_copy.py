"""SQLite's own backup API (https://www.sqlite.org/backup.html): the body of a copy is a database that SQLite opens."""

import contextlib
import errno
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from storage.backup.file import Copy, Progress, pieces
from storage.database import StorageError

_AT_ONCE: Final = 2_000  # pages between two words about how far it is
_PRAGMAS: Final = ("journal_mode = OFF", "synchronous = OFF")  # of a file that counts only once it is whole


def write_body(source: sqlite3.Connection, draft: Path, progress: Progress) -> None:
    """Copy what a connection sees, whatever others write meanwhile. Raises OSError where there is no room."""
    page = source.execute("PRAGMA page_size").fetchone()[0]

    def tell(_status: int, left: int, whole: int) -> None:
        progress((whole - left) * page, whole * page)

    with contextlib.closing(sqlite3.connect(draft, isolation_level=None)) as target:
        for pragma in _PRAGMAS:
            target.execute(f"PRAGMA {pragma}")
        try:
            source.backup(target, pages=_AT_ONCE, progress=tell)
        except sqlite3.Error as error:
            full = error.sqlite_errorcode == sqlite3.SQLITE_FULL
            raise OSError(errno.ENOSPC if full else errno.EIO, str(error)) from error


@contextlib.contextmanager
def snapshot(path: Path) -> Iterator[sqlite3.Connection]:
    """Open the file in a transaction that sees it as it is now; a bot may go on writing. Raises StorageError."""
    if not path.exists():
        raise StorageError(f"There is no database yet: {path} does not exist.")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        try:
            connection.execute("PRAGMA query_only = 1")
            connection.execute("BEGIN")
            connection.execute("SELECT name FROM sqlite_master").fetchone()  # from here on it sees no change
        except sqlite3.DatabaseError as error:
            raise StorageError(f"{path} cannot be read ({error}).") from None
        yield connection


def read_rows(connection: sqlite3.Connection, statement: str) -> list[tuple[Any, ...]]:
    """Return the rows, or none where there is no such table yet."""
    try:
        return connection.execute(statement).fetchall()
    except sqlite3.OperationalError:
        return []


def unpack(copy: Copy, beside_it: Path, progress: Progress) -> None:
    """Write the database of a copy to a file of its own. Raises OSError where there is no room."""
    with copy.path.open("rb") as file, beside_it.open("wb") as written:
        for piece in pieces(file, copy.body):
            written.write(piece)
            progress(file.tell(), copy.body)


def take_log_away(path: Path) -> None:
    """Bring what is in the write-ahead log of a file into it: the log would be taken for that of its successor."""
    if path.exists():
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as old:
            old.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for more in ("-wal", "-shm"):
        path.with_name(f"{path.name}{more}").unlink(missing_ok=True)
