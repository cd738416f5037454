"""Errors of the database are counted, and broken constraints are not."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from storage.database import Database
from storage.database_errors import errors
from storage.models import ProcessedRequest
from tests.databases import Clock, Databases


def seen(clock: Clock) -> ProcessedRequest:
    return ProcessedRequest(key="one", seen_at=clock())


async def test_a_statement_that_fails_is_counted_once_and_a_broken_constraint_not_at_all(
    db: Database, clock: Clock
) -> None:
    before = errors.count
    async with db.write() as session:
        session.add(seen(clock))
    with pytest.raises(IntegrityError):
        async with db.write() as session:
            session.add(seen(clock))
    assert errors.count == before

    for opening in (db.read, db.write):
        with pytest.raises(SQLAlchemyError):
            async with opening() as session:
                await (await session.connection()).execute(text("SELECT nothing FROM nowhere"))
    with pytest.raises(SQLAlchemyError):
        await db.run(lambda connection: connection.execute(text("SELECT nothing FROM nowhere")))

    assert errors.count == before + 3


@pytest.mark.parametrize("database_kind", ["postgresql"])
async def test_a_connection_that_is_refused_is_counted(db: Database, databases: Databases, database_url: str) -> None:
    await databases.shut(database_url)
    before = errors.count
    try:
        with pytest.raises(Exception):  # noqa: B017 - asyncpg's own, or the socket's
            async with db.read() as session:
                await session.connection()
    finally:
        await databases.open(database_url)

    assert errors.count == before + 1
