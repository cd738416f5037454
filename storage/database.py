"""The one database of Mailroom: an embedded SQLite file, or PostgreSQL where several replicas share the work.

A session is either a reader (a snapshot) or a writer (one transaction); nothing else opens a connection.
"""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, TypeVar

from filelock import FileLock, Timeout
from sqlalchemy import Connection, NullPool, event, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlmodel import Session as SyncSession
from sqlmodel import SQLModel
from sqlmodel.ext.asyncio.session import AsyncSession

from storage import migrations
from storage.engines import SQLITE, SyncExecutor, engines, parse_url, sqlite_engine
from storage.group_commit import GroupCommit
from storage.row_locks import WriterSession

log = logging.getLogger(__name__)

T = TypeVar("T")


class StorageError(Exception):
    """The database must not or cannot be used: one sentence that says why and what mends it."""


def utc_now() -> datetime:
    return datetime.now(UTC)


class Session(AsyncSession):
    """A reader's snapshot or a writer's transaction, at one time: `now`."""

    def __init__(self, bind: AsyncEngine | AsyncConnection, now: datetime, of: type[SyncSession] = SyncSession) -> None:
        super().__init__(bind, expire_on_commit=False, sync_session_class=of)
        self.now = now

    def wake_after_commit(self, tick: str) -> None:
        """Have a tick ("outbox", "engine") look for work once this is committed, and not at its next time."""
        self.info.setdefault("ticks", set()).add(tick)

    def keep_in_journal(self, line: dict[str, Any]) -> None:
        """Have a line on the disk, beside the database, once this is committed (`storage.journal`)."""
        self.info.setdefault("journal", []).append(line)

    def insert_into(self, model: type[SQLModel]) -> sqlite.Insert | postgresql.Insert:
        """Return the INSERT of this session's database, which alone knows ON CONFLICT."""
        insert = postgresql.insert if self.get_bind().dialect.name == "postgresql" else sqlite.insert
        return insert(model)


class Database:
    """Readers and writers on one database.

    Args:
        url: `sqlite+aiosqlite:///file` or `postgresql+asyncpg://…`; anything else is a ValueError.
        clock: what `now()` answers with; by default the clock that everybody who uses this database shares, which is
            this machine's for SQLite and the server's for PostgreSQL, so that replicas agree on when a lease ends.
    """

    def __init__(self, url: str, *, clock: Callable[[], datetime] | None = None) -> None:
        self._url = parse_url(url)
        self._clock = clock or self._shared_now
        self._ahead = timedelta()  # what the server's clock is ahead of ours
        self.dialect: Literal["sqlite", "postgresql"] = "sqlite" if self._url.drivername == SQLITE else "postgresql"
        self._reader, self._writer = engines(self._url)
        self._bulk = SyncExecutor(self._url) if self.dialect == "sqlite" else None
        self._together = GroupCommit(self._bulk, self._one_at_a_time) if self._bulk else None
        self._turn = asyncio.Lock()
        self._writing: asyncio.Task[Any] | None = None
        self._file_lock: FileLock | None = None
        self.wake: Callable[[str], None] = lambda _tick: None
        """Called with each tick that a transaction has given work; others find it at their next time."""
        self.journal: Callable[[Sequence[dict[str, Any]]], None] | None = None
        """Takes what `keep_in_journal` was given, before the transaction is committed; where it fails nothing is."""
        self.people_key = b""
        """What addresses of people who were erased are hashed with (`storage.link_keys`), once it is opened."""

    @property
    def path(self) -> Path | None:
        """The SQLite file; None on PostgreSQL."""
        return Path(str(self._url.database)).resolve() if self.dialect == "sqlite" else None

    def now(self) -> datetime:
        return self._clock()

    async def start(self) -> None:
        """Claim the SQLite file and bring the schema up to date.

        Raises StorageError where another process has the file, the file is damaged, the server cannot be reached, or
        the schema is newer than this code.
        """
        if self.path:
            self._file_lock = _claim(self.path)
        try:
            if self.dialect == "postgresql":
                event.listen(self._writer.sync_engine, "connect", self._compare_clocks)
            await self._on_schema(migrations.upgrade)
        except BaseException:
            await self.stop()
            raise

    async def is_current(self) -> bool:
        """Tell whether a start would leave the schema as it is; nothing is changed. Raises StorageError as `start`."""
        return await self._on_schema(migrations.is_current)

    async def pending(self) -> list[str]:
        """Return what a start would do to the schema, in words; nothing is changed. Raises StorageError as `start`."""
        return await self._on_schema(migrations.pending)

    async def size(self) -> int:
        """Return how many bytes it holds."""
        if self.path:
            return self.path.stat().st_size
        async with self.read() as session:
            return int((await session.exec(text("SELECT pg_database_size(current_database())"))).scalar_one())  # type: ignore[call-overload]

    async def stop(self) -> None:
        await self._reader.dispose()
        await self._writer.dispose()
        if event.contains(self._writer.sync_engine, "connect", self._compare_clocks):
            event.remove(self._writer.sync_engine, "connect", self._compare_clocks)
        if self._bulk:
            self._bulk.close()
        if self._file_lock:
            self._file_lock.release()
            self._file_lock = None

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Session]:
        """One snapshot. The database refuses writes in it."""
        async with Session(self._reader, self.now()) as session:
            yield session

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Session]:
        """One transaction: committed at the end, rolled back on any error. Nothing in it may wait for the network."""
        async with (
            self._one_at_a_time(),
            Session(self._writer, self.now(), WriterSession) as session,
            session.begin(),
        ):
            yield session
            if self.journal and (lines := session.info.get("journal")):
                await asyncio.to_thread(self.journal, lines)
        for tick in session.info.get("ticks", ()):
            self.wake(tick)

    async def run(self, work: Callable[[Connection], T]) -> T:
        """One transaction as `write`, of plain statements that are all sent in one go: for what is done in bulk.

        A session, and on SQLite a change of threads for every statement, cost more than the statements themselves.
        There `work` runs in a thread: it must share nothing with what runs meanwhile. It waits for the database only.
        """
        if self._together:
            self._refuse_nested()
            return await self._together.run(work)
        async with self._writer.begin() as connection:
            return await connection.run_sync(work)

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[AsyncConnection]:
        """A connection in one read-only transaction, which sees the database as it is at its first statement."""
        async with self._reader.connect() as connection:
            yield connection

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[AsyncConnection]:
        """A connection with one transaction, and no other connection of this process; of PostgreSQL."""
        await self._reader.dispose()
        await self._writer.dispose()
        async with self._writer.begin() as connection:
            yield connection

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Keep every process away from the SQLite file, whether it is there or not. Raises StorageError."""
        lock = _lock(Path(str(self.path)))
        try:
            yield
        finally:
            lock.release()

    async def checkpoint(self) -> bool:
        """Empty SQLite's write-ahead log, so that nothing that was deleted is left in it; False: readers hold it."""
        if self._bulk is None:
            return True
        async with self._one_at_a_time():
            return await self._bulk.checkpoint()

    async def _on_schema(self, work: Callable[[Connection], T]) -> T:
        # Rebuilding a table (the only way to alter one in SQLite) must not cascade into the tables that refer to it:
        # https://www.sqlite.org/lang_altertable.html#otheralter
        on_sqlite = self.dialect == "sqlite"
        engine = (
            sqlite_engine(self._url, "BEGIN IMMEDIATE", foreign_keys=False, poolclass=NullPool)
            if on_sqlite
            else self._writer
        )
        try:
            async with engine.begin() as connection:
                if on_sqlite:
                    await connection.run_sync(_check_file)
                return await connection.run_sync(work)
        except migrations.SchemaError as error:
            raise StorageError(str(error)) from None
        except (OSError, SQLAlchemyError) as error:
            cause = error.orig if isinstance(error, DBAPIError) else error
            raise StorageError(
                f"The database at DATABASE_URL cannot be used ({type(cause).__name__}): check that it is running, and "
                "its address, name and password."
            ) from error

    def _shared_now(self) -> datetime:
        return utc_now() + self._ahead

    def _compare_clocks(self, connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute("SELECT clock_timestamp()")
        self._ahead = cursor.fetchone()[0] - utc_now()
        cursor.close()

    @asynccontextmanager
    async def _one_at_a_time(self) -> AsyncIterator[None]:
        """Let writers of SQLite, which has room for one, queue here instead of meeting "database is locked"."""
        if self.dialect == "postgresql":
            yield
            return
        self._refuse_nested()
        async with self._turn:
            self._writing = asyncio.current_task()
            try:
                yield
            finally:
                self._writing = None

    def _refuse_nested(self) -> None:
        if self._writing is not None and self._writing is asyncio.current_task():
            raise RuntimeError("a write() inside a write() would wait for itself")


def _claim(path: Path) -> FileLock:
    """Make the file, readable by its owner only, and keep every other process away from it."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        lock = _lock(path)
        _keep_from_others(path)
    except OSError as error:
        raise StorageError(f"The file in DATABASE_URL cannot be opened: {error.strerror}.") from error
    return lock


def _lock(path: Path) -> FileLock:
    """Keep every other process away from the file."""
    lock = FileLock(f"{path}.lock", thread_local=False)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise StorageError(
            f"{path.name} is in use by another process; stop that one, or set DATABASE_URL to PostgreSQL, which "
            "several can share."
        ) from None
    except OSError as error:
        raise StorageError(f"The file in DATABASE_URL cannot be locked: {error.strerror}.") from error
    return lock


def _keep_from_others(path: Path) -> None:
    """Restrict files that were copied or restored with a wider mode; SQLite makes its others like the first."""
    for file in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
        if file.exists() and file.stat().st_mode & 0o077:
            try:
                file.chmod(0o600)
            except PermissionError:
                raise StorageError(f"{file.name} can be read by others: run chmod 600 on it as its owner.") from None
            log.warning("%s could be read by others on this machine; only its owner can now (mode 0600)", file.name)


def _check_file(connection: Connection) -> None:
    if connection.exec_driver_sql("PRAGMA quick_check(1)").scalar() != "ok":
        raise StorageError("The SQLite file in DATABASE_URL is damaged; restore it from a backup.")
    if connection.exec_driver_sql("PRAGMA journal_mode").scalar() != "wal":
        raise StorageError("The SQLite file in DATABASE_URL is on a file system that cannot lock; move it to a disk.")
