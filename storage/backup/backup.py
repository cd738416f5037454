"""Copies the database into one file, while the bot goes on."""

import asyncio
import sqlite3
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.backup import postgresql_copy, sqlite_copy
from storage.backup.file import Facts, Progress, beside, finish
from storage.database import Database, StorageError
from storage.key_rotation import check_marks
from storage.link_keys import OWN, origin_of
from storage.sealing import KeyRing

SCHEMA: Final = "SELECT version_num FROM alembic_version"
MARKS: Final = "SELECT key_id, sealed FROM sealing_check"
_FILES: Final = ("", "-wal", "-shm", ".keys", ".lock")  # beside each other, of a SQLite database
OWN_KEY: Final = f"SELECT key FROM link_key WHERE id = '{OWN}'"  # noqa: S608 - of a constant


async def backup(db: Database, keys: KeyRing, path: Path, progress: Progress) -> Facts:
    """Write a copy to this path, readable by its owner only; what stands there stays until the copy is whole.

    Raises StorageError: another key than the database's, nothing to copy, no room, the database's own path.
    """
    _check_place(path, db.path)
    made_at = db.now()
    with beside(path) as draft:
        if db.path:
            facts = await asyncio.to_thread(_copy_sqlite, db.path, keys, draft, made_at, progress)
        else:
            facts = await _copy_postgresql(db, keys, draft, made_at, progress)
        await asyncio.to_thread(finish, draft, facts, progress)
    return facts


def _check_place(path: Path, database: Path | None) -> None:
    if path.is_dir():
        raise StorageError(f"{path} is a folder: name a file in it.")
    if database and path.resolve() in {Path(f"{database}{more}") for more in _FILES}:
        raise StorageError(f"{path} belongs to the database itself: give the copy another place.")


def _copy_sqlite(path: Path, keys: KeyRing, draft: Path, made_at: datetime, progress: Progress) -> Facts:
    with sqlite_copy.snapshot(path) as source:
        facts = _facts("sqlite", keys, made_at, *_found(source))
        sqlite_copy.write_body(source, draft, progress)
    return facts


def _found(source: sqlite3.Connection) -> Iterable[Any]:
    return [sqlite_copy.read_rows(source, statement) for statement in (SCHEMA, MARKS, OWN_KEY)]


async def _copy_postgresql(db: Database, keys: KeyRing, draft: Path, made_at: datetime, progress: Progress) -> Facts:
    try:
        async with db.snapshot() as connection:
            present = (await connection.execute(text("SELECT to_regclass('link_key') IS NOT NULL"))).scalar()
            facts = _facts("postgresql", keys, made_at, *(await rows_of(connection) if present else ([], [], [])))
            await postgresql_copy.write_body(connection, draft, progress)
    except SQLAlchemyError as error:
        raise StorageError(f"The database cannot be read ({type(error).__name__}): see that it runs.") from error
    return facts


async def rows_of(connection: AsyncConnection) -> list[list[Any]]:
    """Return the schema, the marks and the own key of a PostgreSQL database, as rows."""
    return [list((await connection.execute(text(statement))).all()) for statement in (SCHEMA, MARKS, OWN_KEY)]


def _facts(
    dialect: Any, keys: KeyRing, made_at: datetime, schema: list[Any], marks: list[Any], own: list[Any]
) -> Facts:
    if not schema:
        raise StorageError("There is nothing to copy: no bot has opened this database yet.")
    marked = {key_id: bytes(sealed) for key_id, sealed in marks}
    check_marks(marked, keys)
    origin = origin_of(keys, bytes(own[0][0]) if own else None)
    return Facts(dialect, schema[0][0], made_at, marked, origin)
