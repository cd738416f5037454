"""SQLite for asyncio, with one change of threads for a statement.

aiosqlite has four: it makes a cursor, executes, fetches and closes, and each time its thread and the event loop wake
each other. That is most of what a short statement costs. Here all four are done in one go.
"""

import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import aiosqlite

Work = Callable[[sqlite3.Cursor], object]


def connect(*arguments: Any, **options: Any) -> Awaitable[aiosqlite.Connection]:
    """Open a connection as `aiosqlite.connect` does, for `async_creator_fn` in the `connect_args` of an engine."""
    connection = _Connection(partial(sqlite3.connect, *arguments, **options), iter_chunk_size=64)
    connection._thread.daemon = True  # noqa: SLF001 - as SQLAlchemy does where it makes the connection itself
    return connection


@dataclass(frozen=True, slots=True)
class _Done:
    """All that came of a statement, as PEP 249 names it."""

    rows: list[Any]
    description: Any
    rowcount: int
    lastrowid: int | None


_NOTHING_YET = _Done([], None, -1, None)


class _Connection(aiosqlite.Connection):
    def cursor(self) -> "_Cursor":  # type: ignore[override]  # it is awaited by entering it, as SQLAlchemy does
        return _Cursor(self._do)

    async def _do(self, work: Work) -> _Done:
        return await self._execute(_do, self._conn, work)  # type: ignore[no-any-return, no-untyped-call]


class _Cursor:
    """What SQLAlchemy uses of an aiosqlite.Cursor. The rows are here once it has executed."""

    arraysize = 1

    def __init__(self, do: Callable[[Work], Awaitable[_Done]]) -> None:
        self._do = do
        self._done = _NOTHING_YET

    async def __aenter__(self) -> Self:
        return self

    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        self._done = await self._do(lambda cursor: cursor.execute(sql, parameters))

    async def executemany(self, sql: str, parameters: Iterable[Sequence[Any]]) -> None:
        self._done = await self._do(lambda cursor: cursor.executemany(sql, parameters))

    async def fetchall(self) -> list[Any]:
        return self._done.rows

    async def close(self) -> None:
        """There is nothing left to close."""

    @property
    def description(self) -> Any:
        return self._done.description

    @property
    def rowcount(self) -> int:
        return self._done.rowcount

    @property
    def lastrowid(self) -> int | None:
        return self._done.lastrowid


def _do(connection: sqlite3.Connection, work: Work) -> _Done:
    cursor = connection.cursor()
    try:
        work(cursor)
        rows = cursor.fetchall()  # first: of a statement with RETURNING the number of rows is known only then
        return _Done(rows, cursor.description, cursor.rowcount, cursor.lastrowid)
    finally:
        cursor.close()
