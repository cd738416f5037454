import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlmodel import SQLModel

from storage import migrations
from storage.database import Database, StorageError

MIGRATE_AND_HANG = """
import asyncio, sys
from sqlalchemy import NullPool
from sqlalchemy.engine import make_url
from storage import engines, migrations

async def main(url):
    make = engines.sqlite_engine if url.drivername == engines.SQLITE else engines.postgresql_engine
    options = {"begin": "BEGIN IMMEDIATE"} if url.drivername == engines.SQLITE else {}
    async with make(url, poolclass=NullPool, **options).begin() as connection:
        await connection.run_sync(migrations.upgrade)
        print("migrated, not committed", flush=True)
        await asyncio.Event().wait()

asyncio.run(main(make_url(sys.argv[1])))
"""


START_AND_TELL = """
import asyncio, sys
from storage.database import Database

async def main(url):
    db = Database(url)
    await db.start()
    await db.stop()

asyncio.run(main(sys.argv[1]))
sys.exit("alembic" in sys.modules)
"""


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[AsyncConnection]:
    engine = create_async_engine(url)
    try:
        async with engine.begin() as connection:
            yield connection
    finally:
        await engine.dispose()


async def _start_and_stop(url: str) -> None:
    db = Database(url)
    await db.start()
    await db.stop()


def _texts(index: Any) -> dict[str, str]:
    return {name: str(value) for name, value in index.get("dialect_options", {}).items()}


def _schema(connection: Connection) -> dict[str, Any]:
    """Everything the database knows of its tables, in an order of our own."""
    inspector = inspect(connection)

    def told(things: Any) -> list[str]:
        return sorted(str(sorted(thing.items())) for thing in things)

    return {
        table: {
            "columns": told({**column, "type": repr(column["type"])} for column in inspector.get_columns(table)),
            "primary key": str(inspector.get_pk_constraint(table)),
            "foreign keys": told(inspector.get_foreign_keys(table)),
            "unique": told(inspector.get_unique_constraints(table)),
            "checks": told(inspector.get_check_constraints(table)),
            "indexes": told({**index, "dialect_options": _texts(index)} for index in inspector.get_indexes(table)),
        }
        for table in inspector.get_table_names()
        if table != "alembic_version"
    }


async def _schema_of(url: str) -> dict[str, Any]:
    async with _connected(url) as connection:
        return await connection.run_sync(_schema)


FIRST, *BETWEEN, BEFORE_LAST, LAST = migrations.revisions()


async def test_the_revisions_make_what_an_empty_database_gets_at_once(
    empty_database_url: str, database_url: str
) -> None:
    def differences(connection: Connection) -> Any:
        return compare_metadata(MigrationContext.configure(connection), SQLModel.metadata)

    async with _connected(empty_database_url) as connection:
        await connection.run_sync(migrations.upgrade, LAST)
        assert await connection.run_sync(differences) == []
    wanted = await _schema_of(database_url)
    assert {*wanted} == {*SQLModel.metadata.tables}
    assert await _schema_of(empty_database_url) == wanted


async def test_alembic_reads_the_version_of_a_database_that_was_made_at_once(
    empty_database_url: str, database_url: str
) -> None:
    def version(connection: Connection) -> Any:
        columns = [{**each, "type": str(each["type"])} for each in inspect(connection).get_columns("alembic_version")]
        key = inspect(connection).get_pk_constraint("alembic_version")
        return columns, key, MigrationContext.configure(connection).get_current_revision()

    async with _connected(empty_database_url) as walked, _connected(database_url) as made:
        await walked.run_sync(migrations.upgrade, LAST)
        assert await made.run_sync(version) == await walked.run_sync(version)


def test_each_revision_is_in_a_file_named_for_it() -> None:
    walked = ScriptDirectory(str(Path(migrations.__file__).parent)).walk_revisions()
    assert [script.revision for script in walked][::-1] == migrations.revisions()


@pytest.mark.parametrize("migrated", [False, True])
async def test_a_start_on_no_schema_or_the_newest_imports_no_alembic(tmp_path: Path, migrated: bool) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/mailroom.db"
    if migrated:
        await _start_and_stop(url)
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", START_AND_TELL, url)
    assert await process.wait() == 0


@pytest.mark.parametrize(
    "released", [FIRST, *(pytest.param(one, marks=pytest.mark.long) for one in BETWEEN), BEFORE_LAST, LAST]
)
async def test_every_released_schema_comes_up_to_the_newest(
    empty_database_url: str, database_url: str, released: str
) -> None:
    async with _connected(empty_database_url) as connection:
        await connection.run_sync(migrations.upgrade, released)
    await _start_and_stop(empty_database_url)
    assert await _schema_of(empty_database_url) == await _schema_of(database_url)


async def test_a_schema_from_the_future_is_refused_and_left_alone(empty_database_url: str) -> None:
    await _start_and_stop(empty_database_url)
    async with _connected(empty_database_url) as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    before = await _schema_of(empty_database_url)
    with pytest.raises(StorageError, match="newer Mailroom"):
        await Database(empty_database_url).start()
    assert await _schema_of(empty_database_url) == before


async def test_a_migration_killed_before_its_commit_leaves_nothing_and_can_be_repeated(empty_database_url: str) -> None:
    db = Database(empty_database_url)
    await db._on_schema(lambda connection: migrations.upgrade(connection, migrations.revisions()[-3]))
    await db.stop()
    before = await _schema_of(empty_database_url)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", MIGRATE_AND_HANG, empty_database_url, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout
    assert await process.stdout.readline() == b"migrated, not committed\n"
    process.kill()
    assert await process.wait() == -signal.SIGKILL
    assert await _schema_of(empty_database_url) == before
    await _start_and_stop(empty_database_url)
    assert {*await _schema_of(empty_database_url)} == {*SQLModel.metadata.tables}


@pytest.mark.parametrize("database_kind", ["postgresql"])
async def test_a_replica_waits_while_another_one_migrates(empty_database_url: str) -> None:
    db = Database(empty_database_url)
    async with _connected(empty_database_url) as first:
        await first.run_sync(migrations.upgrade)
        second = asyncio.create_task(db.start())
        async with _connected(empty_database_url) as watcher:
            waiting = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
            while not (await watcher.execute(waiting)).scalar():
                assert not second.done()
    await second
    await db.stop()


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_a_migration_that_would_leave_dangling_rows_is_undone(empty_database_url: str) -> None:
    async with _connected(empty_database_url) as connection:
        await connection.execute(text("CREATE TABLE a (id INTEGER PRIMARY KEY)"))
        await connection.execute(text("CREATE TABLE b (a INTEGER REFERENCES a)"))
        await connection.execute(text("INSERT INTO b VALUES (1)"))
    with pytest.raises(StorageError, match="refer to nothing"):
        await Database(empty_database_url).start()
    assert {*await _schema_of(empty_database_url)} == {"a", "b"}


async def test_what_a_start_would_do_is_told_and_not_done(empty_database_url: str) -> None:
    db, known = Database(empty_database_url), migrations.revisions()
    await db._on_schema(lambda connection: migrations.upgrade(connection, known[-3]))

    steps = await db.pending()

    assert [step.partition(" ")[0] for step in steps] == [*known[-2:]]
    assert all(step.partition(" ")[2] for step in steps)
    assert await db.size() > 0
    assert not await db.is_current()
    await db.start()
    assert await db.pending() == []
    await db.stop()
