"""A database of the first version that is in use comes up to this one with all it holds, as soon as the doctor says."""

import time
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import JSON, Boolean, Column, Connection, DateTime, Integer, MetaData, Table, text
from sqlalchemy.ext.asyncio import create_async_engine

from handlers.cli.doctor import upgrade_seconds
from storage import migrations
from storage.database import Database

A_MILLION = 1_000_000
NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)

# SQLite and PostgreSQL both take it
RECIPIENTS = """
INSERT INTO delivery (broadcast_id, seq, address, address_key, state, message_id, error, at, retries)
WITH RECURSIVE numbers(number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < :recipients)
SELECT 'spring', number, 'p' || number || '@elsewhere.test', 'p' || number || '@elsewhere.test', 'delivered',
       '01003f00796fa664-33ceefcb-d68c-2f4e-bba3-' || number, '', :now, 0 FROM numbers
"""


def _empty(column: Column[Any]) -> Any:
    match column.type:
        case JSON():
            return []
        case DateTime(timezone=True):
            return NOW
        case DateTime():
            return NOW.replace(tzinfo=None)
        case Boolean():
            return False
        case Integer():
            return 0
    return ""


def _fill(connection: Connection, recipients: int) -> None:
    """A team, an audience and a broadcast that is done, in the tables of the first version."""
    migrations.upgrade(connection, migrations.revisions()[0])
    tables = MetaData()
    tables.reflect(connection)

    def store(table: Table, **values: Any) -> None:
        given = {column.name: _empty(column) for column in table.columns if not column.nullable}
        connection.execute(table.insert().values(given | values))

    store(tables.tables["team"], id="acme")
    store(tables.tables["audience"], id="friends", team_id="acme", size=recipients)
    what = {"team_id": "acme", "audience_id": "friends", "kind": "broadcast", "state": "done", "size": recipients}
    store(tables.tables["broadcast"], id="spring", confirmed_by="U1", **what)
    now = _empty(tables.tables["delivery"].columns["at"])
    at = str(now) if connection.dialect.name == "sqlite" else now  # as SQLAlchemy stores it there
    connection.execute(text(RECIPIENTS), {"recipients": recipients, "now": at})


@pytest.mark.parametrize(
    "recipients", [1_000, pytest.param(A_MILLION, marks=[pytest.mark.long, pytest.mark.timeout(1800)])]
)
async def test_the_recipients_of_the_first_version_outlive_the_upgrade_and_it_takes_no_longer_than_said(
    empty_database_url: str, recipients: int
) -> None:
    engine = create_async_engine(empty_database_url)
    async with engine.begin() as connection:
        await connection.run_sync(_fill, recipients)
    await engine.dispose()
    database = Database(empty_database_url)
    said = upgrade_seconds(len(await database.pending()), await database.size())

    began = time.monotonic()
    await database.start()
    took = time.monotonic() - began

    async with database.read() as session:
        counted = text("SELECT state, count(*), count(DISTINCT address) FROM delivery GROUP BY state")
        rows = (await session.exec(counted)).all()  # type: ignore[call-overload]
    await database.stop()
    assert [tuple(row) for row in rows] == [("delivered", recipients, recipients)]
    print(f"{database.dialect}, {recipients:,} recipients: {took:.1f} s, said {said:.1f} s")
    if recipients == A_MILLION:  # with few recipients a start takes what it takes
        assert took <= said
