"""Puts a copy in the place of a database that nobody uses: all of it, or nothing changes.

What a database must not be left without after it went back in time is done in the same step (`then`).
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from storage import migrations
from storage.backup import postgresql_copy, sqlite_copy
from storage.backup.backup import OWN_KEY, rows_of
from storage.backup.file import Copy, Progress, beside
from storage.database import Database, Session, StorageError
from storage.key_rotation import check_marks
from storage.link_keys import origin_of
from storage.row_locks import WriterSession
from storage.sealing import KeyRing, UnsealError

Then = Callable[[Session], Awaitable[None]]
_TEAMS: Final = "SELECT count(*) FROM team"
_OTHER: Final = (
    "The database at DATABASE_URL is another one than this copy was made of, and not empty: give an empty one, or move "
    "it away first."
)


async def restore(db: Database, keys: KeyRing, copy: Copy, progress: Progress, then: Then) -> None:
    """Put the copy where `db` is, bring it up to date, and do `then` in its first transaction.

    Raises StorageError, and nothing has changed: the copy is damaged, of other keys, of the other kind of database or
    of a newer Mailroom; the database is in use, or not empty and not the one that the copy was made of.
    """
    facts = copy.facts
    check_marks(facts.marks, keys, of="this copy")
    if facts.dialect != db.dialect:
        raise StorageError(f"This is a copy of {facts.dialect}, and DATABASE_URL is {db.dialect}: it must be the same.")
    if facts.schema not in migrations.revisions():
        raise StorageError(
            f"This copy was made by a newer Mailroom (schema {facts.schema}): restore it with that version."
        )
    if db.path:
        with db.claimed():
            _refuse_other(keys, facts.origin, *await asyncio.to_thread(_standing, db.path))
            await asyncio.to_thread(copy.check, progress)
            await _replace_file(db.path, copy, progress, then)
    else:
        await asyncio.to_thread(copy.check, progress)
        await _replace_tables(db, keys, copy, progress, then)


def _standing(path: Path) -> list[Any]:
    """Return how many teams the file at this path has, and its own key."""
    if not path.exists() or not path.stat().st_size:
        return [0, []]
    with sqlite_copy.snapshot(path) as found:
        teams, own = (sqlite_copy.read_rows(found, statement) for statement in (_TEAMS, OWN_KEY))
    return [teams[0][0] if teams else 0, own]


def _refuse_other(keys: KeyRing, origin: str, teams: int, own: list[Any]) -> None:
    if not teams:
        return
    try:
        same = bool(origin) and origin_of(keys, bytes(own[0][0]) if own else None) == origin
    except UnsealError:
        same = False
    if not same:
        raise StorageError(_OTHER)


async def _replace_file(path: Path, copy: Copy, progress: Progress, then: Then) -> None:
    with beside(path) as draft:
        await asyncio.to_thread(sqlite_copy.unpack, copy, draft, progress)
        new = Database(f"sqlite+aiosqlite:///{draft}")
        await new.start()
        try:
            async with new.write() as session:
                await then(session)
            await new.checkpoint()
        finally:
            await new.stop()
        await asyncio.to_thread(sqlite_copy.take_log_away, path)


async def _replace_tables(db: Database, keys: KeyRing, copy: Copy, progress: Progress, then: Then) -> None:
    try:
        async with db.alone() as connection:
            await connection.run_sync(migrations.lock)
            await postgresql_copy.refuse_if_busy(connection)
            await _refuse_other_server(connection, keys, copy.facts.origin)
            await postgresql_copy.drop_tables(connection)
            await connection.run_sync(migrations.upgrade, copy.facts.schema)
            await postgresql_copy.read_body(connection, copy, progress)
            await connection.run_sync(migrations.upgrade)
            async with Session(connection, db.now(), WriterSession) as session:
                await then(session)
                await session.flush()
    except migrations.SchemaError as error:
        raise StorageError(str(error)) from None
    except SQLAlchemyError as error:
        raise StorageError(
            f"PostgreSQL does not take the copy ({type(error).__name__}); nothing has changed. Try an empty database."
        ) from error


async def _refuse_other_server(connection: AsyncConnection, keys: KeyRing, origin: str) -> None:
    if (await connection.execute(text("SELECT to_regclass('link_key') IS NULL"))).scalar():
        return
    teams = (await connection.execute(text(_TEAMS))).scalar_one()
    schema, _, own = await rows_of(connection)
    if schema and schema[0][0] not in migrations.revisions():
        raise StorageError("The database at DATABASE_URL is of a newer Mailroom: restore the copy into an empty one.")
    _refuse_other(keys, origin, teams, own)
