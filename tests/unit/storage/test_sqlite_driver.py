"""What SQLAlchemy is told of a statement, and what that costs."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import Column, Integer, MetaData, String, Table, insert, select, text
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from storage.sqlite_driver import connect

names = Table("names", MetaData(), Column("id", Integer, primary_key=True), Column("name", String, unique=True))


@pytest.fixture
async def connection(tmp_path: Path) -> AsyncIterator[AsyncConnection]:
    url = f"sqlite+aiosqlite:///{tmp_path}/file"
    engine = create_async_engine(url, connect_args={"isolation_level": None, "async_creator_fn": connect})
    async with engine.connect() as opened:
        await opened.run_sync(names.metadata.create_all)
        yield opened
    await engine.dispose()


async def test_rows_keys_and_counts_are_those_of_sqlite(connection: AsyncConnection) -> None:
    first = await connection.execute(insert(names).values(name="ann"))
    assert (first.inserted_primary_key, first.rowcount) == ((1,), 1)
    several = await connection.execute(insert(names), [{"name": "ben"}, {"name": "cleo"}])
    assert several.rowcount == 2
    returned = await connection.execute(names.delete().where(names.c.id > 1).returning(names.c.name))
    assert sorted(returned.scalars()) == ["ben", "cleo"]
    assert (await connection.execute(text("UPDATE names SET name = 'ada'"))).rowcount == 1
    assert (await connection.execute(select(names))).all() == [(1, "ada")]


async def test_an_error_is_that_of_sqlite_and_the_connection_goes_on(connection: AsyncConnection) -> None:
    await connection.execute(insert(names).values(name="ann"))
    with pytest.raises(IntegrityError, match=r"UNIQUE constraint failed: names\.name"):
        await connection.execute(insert(names).values(name="ann"))
    with pytest.raises(OperationalError, match="no such table"):
        await connection.execute(text("SELECT 1 FROM nobody"))
    assert (await connection.execute(select(names.c.name))).scalars().all() == ["ann"]


async def test_a_statement_changes_threads_once(connection: AsyncConnection) -> None:
    driver = (await connection.get_raw_connection()).driver_connection
    assert driver is not None
    waiting, changes = driver._tx, []

    class Counting:
        def put_nowait(self, work: object) -> None:
            changes.append(work)
            waiting.put_nowait(work)

    driver._tx = Counting()
    await connection.execute(insert(names).values(name="ann"))
    assert len(changes) == 1
    assert (await connection.execute(select(names.c.name))).scalars().all() == ["ann"]
    assert len(changes) == 2
    driver._tx = waiting
