"""Transactions of SQLite that wait for their turn are committed together: for the disk, one commit is as long as many.

Each stands or falls by itself, as in a transaction of its own, until the commit; that they share.
"""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, TypeVar

from sqlalchemy import Connection

from storage.engines import SyncExecutor

T = TypeVar("T")

TOGETHER: Final = 50  # at most, so that others have their turn


@dataclass(eq=False, slots=True)
class _Waiting:
    work: Callable[[Connection], Any]
    outcome: asyncio.Future[Any] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class GroupCommit:
    """Runs transactions one after the other, those that wait in one.

    Args:
        executor: runs a transaction.
        turn: entered for each, since SQLite has one writer.
    """

    def __init__(self, executor: SyncExecutor, turn: Callable[[], AbstractAsyncContextManager[None]]) -> None:
        self._executor = executor
        self._turn = turn
        self._waiting: list[_Waiting] = []
        self._committing: asyncio.Task[None] | None = None

    async def run(self, work: Callable[[Connection], T]) -> T:
        """Return what `work` returns once that is committed; raise what it raises, or what the commit does.

        A cancelled caller waits until its transaction has ended, if that has begun; if not, it never does.
        """
        waiting = _Waiting(work)
        self._waiting.append(waiting)
        if self._committing is None or self._committing.done():
            self._committing = asyncio.create_task(self._commit_all())
        try:
            result: T = await asyncio.shield(waiting.outcome)
        except asyncio.CancelledError:
            if waiting in self._waiting:
                self._waiting.remove(waiting)
            else:
                await asyncio.wait({waiting.outcome})
                waiting.outcome.exception()  # is asked for, so that asyncio does not call it lost
            raise
        return result

    async def _commit_all(self) -> None:
        while self._waiting:
            async with self._turn():
                some, self._waiting = self._waiting[:TOGETHER], self._waiting[TOGETHER:]
                if some:
                    await self._commit(some)

    async def _commit(self, some: list[_Waiting]) -> None:
        try:
            done = await self._executor.run(partial(_each, [waiting.work for waiting in some]))
        except Exception as error:  # noqa: BLE001 - the commit's own, which is everybody's
            done = [error] * len(some)
        for waiting, outcome in zip(some, done, strict=True):
            if isinstance(outcome, Exception):
                waiting.outcome.set_exception(outcome)
            else:
                waiting.outcome.set_result(outcome)


def _each(works: list[Callable[[Connection], Any]], connection: Connection) -> list[Any]:
    """Return what each returns, or the error that it was undone for."""
    if len(works) == 1:  # the transaction is its own
        return [works[0](connection)]
    return [_undone_or_done(work, connection) for work in works]


def _undone_or_done(work: Callable[[Connection], Any], connection: Connection) -> Any:
    driver: Any = connection.connection.dbapi_connection
    try:
        with connection.begin_nested():
            return work(connection)
    except Exception as error:
        if not driver.in_transaction:  # as after a full disk: SQLite has undone all (sqlite.org/lang_transaction.html)
            raise
        return error
