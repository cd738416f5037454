"""SQLite's transactions that wait for their turn are one commit, and each is undone by itself."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Connection, event
from sqlmodel import insert, select

from storage.database import Database
from storage.models import ProcessedRequest


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/mailroom.db")
    await database.start()
    yield database
    await database.stop()


@pytest.fixture
def commits(db: Database) -> list[str]:
    """A line for each commit of what is run."""
    assert db._bulk is not None
    seen: list[str] = []
    event.listen(db._bulk._engine, "commit", lambda _connection: seen.append("commit"))
    return seen


def keep(db: Database, key: str, connection: Connection) -> str:
    connection.execute(insert(ProcessedRequest), {"key": key, "seen_at": db.now()})
    return key


def keep_and_fail(db: Database, key: str, connection: Connection) -> str:
    keep(db, key, connection)
    raise ZeroDivisionError(key)


async def kept(db: Database) -> list[str]:
    async with db.read() as session:
        return [*await session.exec(select(ProcessedRequest.key).order_by(ProcessedRequest.key))]


async def together(db: Database, *works: Callable[[Connection], str]) -> list[str | BaseException]:
    """Run all of them while another writer has its turn, so that they wait; what each came to."""
    async with db.write():
        running = [asyncio.create_task(db.run(work)) for work in works]
        for _ in range(3):
            await asyncio.sleep(0)
    return await asyncio.gather(*running, return_exceptions=True)


async def test_those_that_wait_are_one_commit(db: Database, commits: list[str]) -> None:
    assert await together(db, *(partial(keep, db, f"{number}") for number in range(9))) == [*map(str, range(9))]
    assert await kept(db) == [*map(str, range(9))]
    assert commits == ["commit"]


async def test_one_alone_waits_for_no_other(db: Database, commits: list[str]) -> None:
    assert [await db.run(partial(keep, db, key)) for key in "ab"] == ["a", "b"]
    assert commits == ["commit", "commit"]


async def test_what_fails_is_undone_and_raised_where_it_was_asked_for_and_nowhere_else(db: Database) -> None:
    one, failed, other = await together(
        db, partial(keep, db, "a"), partial(keep_and_fail, db, "b"), partial(keep, db, "c")
    )
    assert (one, other) == ("a", "c")
    assert isinstance(failed, ZeroDivisionError)
    assert await kept(db) == ["a", "c"]


async def test_alone_it_is_undone_too(db: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        await db.run(partial(keep_and_fail, db, "a"))
    assert await kept(db) == []


async def test_a_transaction_that_the_database_ends_is_undone_for_all_of_them(db: Database) -> None:
    def end(connection: Connection) -> str:
        driver = connection.connection.dbapi_connection
        assert isinstance(driver, sqlite3.Connection)
        driver.rollback()  # as SQLite does where the disk is full
        raise OSError("disk full")

    came_to = await together(db, partial(keep, db, "a"), end, partial(keep, db, "c"))

    assert [isinstance(each, Exception) for each in came_to] == [True] * 3
    assert await kept(db) == []
    assert await db.run(partial(keep, db, "d")) == "d"
    assert await kept(db) == ["d"]


async def test_who_is_cancelled_while_waiting_writes_nothing_and_holds_up_nobody(db: Database) -> None:
    async with db.write():
        gone, stays = (asyncio.create_task(db.run(partial(keep, db, key))) for key in "ab")
        for _ in range(3):
            await asyncio.sleep(0)
        gone.cancel()
        with suppress(asyncio.CancelledError):
            await gone
    assert await stays == "b"
    assert await kept(db) == ["b"]


async def test_inside_a_writer_it_is_refused_rather_than_waiting_for_itself(db: Database) -> None:
    with pytest.raises(RuntimeError, match="wait for itself"):
        async with db.write():
            await db.run(partial(keep, db, "a"))
