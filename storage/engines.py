"""The engines of SQLAlchemy, one set for each address."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from storage.database_errors import count_errors
from storage.sqlite_driver import connect

SQLITE: Final = "sqlite+aiosqlite"
POSTGRESQL: Final = "postgresql+asyncpg"
_POSTGRESQL_SETTINGS = {
    "application_name": "mailroom",
    # A stopped process must not keep its row locks from the other replicas for ever.
    "idle_in_transaction_session_timeout": "30s",
}


T = TypeVar("T")


class SyncExecutor:
    """SQLite without asyncio: whole transactions in one thread."""

    def __init__(self, url: URL) -> None:
        self._engine = _bulk_engine(url)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="database")

    async def run(self, work: Callable[[Connection], T]) -> T:
        """Run one transaction. A cancelled caller still waits until it has ended."""
        ending = asyncio.get_running_loop().run_in_executor(self._thread, self._transaction, work)
        try:
            return await asyncio.shield(ending)
        except asyncio.CancelledError:
            await asyncio.wait({ending})
            raise

    async def checkpoint(self) -> bool:
        """Empty the write-ahead log; False: a reader still needs it (https://www.sqlite.org/pragma.html)."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._checkpoint)

    def close(self) -> None:
        self._thread.shutdown()
        self._engine.dispose()

    def _checkpoint(self) -> bool:
        connection = self._engine.raw_connection()
        try:
            busy = connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        finally:
            connection.close()
        return bool(busy == 0)

    def _transaction(self, work: Callable[[Connection], T]) -> T:
        with self._engine.begin() as connection:
            return work(connection)


def parse_url(text: str) -> URL:
    # Causes are left out: some repeat that part of the address in which the password stands.
    try:
        url = make_url(text)
    except (SQLAlchemyError, ValueError):
        raise ValueError(f"DATABASE_URL is not an address; it is {SQLITE}:///… or {POSTGRESQL}://…") from None
    if url.drivername not in {SQLITE, POSTGRESQL}:
        raise ValueError(f"DATABASE_URL must begin with {SQLITE}:/// or {POSTGRESQL}://")
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        raise ValueError("DATABASE_URL must name a file (SQLite) or a database (PostgreSQL)")
    return url


# An engine keeps what it has compiled, and compiling takes longer than most statements: it is made once for an address.
@cache
def engines(url: URL) -> tuple[AsyncEngine, AsyncEngine]:
    """Return the engine of the readers and that of the writers."""
    if url.drivername == POSTGRESQL:
        writer = postgresql_engine(url, pool_size=10, max_overflow=10, pool_recycle=600)
        return writer.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True), writer
    reader = sqlite_engine(url, "BEGIN", query_only=True, pool_size=10)
    return reader, sqlite_engine(url, "BEGIN IMMEDIATE", pool_size=1, max_overflow=0)


@cache
def _bulk_engine(url: URL) -> Engine:
    url = url.set(drivername="sqlite+pysqlite")
    arguments = {"isolation_level": None, "check_same_thread": False}
    engine = create_engine(url, hide_parameters=True, connect_args=arguments, pool_size=1, max_overflow=0)
    _set_up(engine, "BEGIN IMMEDIATE")
    return engine


def postgresql_engine(url: URL, **options: Any) -> AsyncEngine:
    arguments = {"timeout": 10, "server_settings": _POSTGRESQL_SETTINGS}
    engine = create_async_engine(url, hide_parameters=True, pool_pre_ping=True, connect_args=arguments, **options)
    count_errors(engine.sync_engine)
    return engine


def sqlite_engine(
    url: URL, begin: str, *, foreign_keys: bool = True, query_only: bool = False, **options: Any
) -> AsyncEngine:
    arguments = {"isolation_level": None, "async_creator_fn": connect}
    engine = create_async_engine(url, hide_parameters=True, connect_args=arguments, **options)
    _set_up(engine.sync_engine, begin, foreign_keys=foreign_keys, query_only=query_only)
    return engine


def _set_up(engine: Engine, begin: str, *, foreign_keys: bool = True, query_only: bool = False) -> None:
    """Have transactions of SQLite start with `begin`, sent by us: the driver's own would start too late."""
    count_errors(engine)
    pragmas = (
        "busy_timeout = 5000",
        "journal_mode = WAL",
        "synchronous = FULL",
        "secure_delete = ON",  # what is deleted is overwritten
        f"foreign_keys = {int(foreign_keys)}",
        f"query_only = {int(query_only)}",
    )

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def start(connection: Connection) -> None:
        connection.exec_driver_sql(begin)
