"""The schema's history (Alembic), and the one way up through it.

A revision is made with `python -m storage.migrations "what it does"`, read, and mended by hand where it must be. A
start on an empty database makes what the models say; Alembic is imported where the schema is an older one.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Column, Connection, MetaData, PrimaryKeyConstraint, String, Table, inspect, select, text

from storage import models

if TYPE_CHECKING:
    from alembic.config import Config

_DIRECTORY = Path(__file__).parent
# As Alembic makes it (https://alembic.sqlalchemy.org/en/latest/api/runtime.html).
_version = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
# Any number will do, as long as it never changes: it is what replicas that start together wait for.
_LOCK = 0x6D61696C726F6F6D


class SchemaError(Exception):
    """The schema that was found is not one that this code can work with."""


def upgrade(connection: Connection, target: str = "head") -> None:
    """Bring the schema up to `target` within the caller's transaction, so that a kill leaves the old one whole.

    Replicas that start together wait here for the first one. Raises SchemaError where the schema is newer than this
    code, or rows would be left that refer to nothing.
    """
    lock(connection)
    if is_current(connection):
        return
    if target == "head" and _revision(connection) is None:
        _make_newest(connection)
    else:
        _migrate(connection, target)
    if connection.dialect.name == "sqlite" and connection.exec_driver_sql("PRAGMA foreign_key_check").first():
        raise SchemaError("The migration would have left rows that refer to nothing; the database is as it was.")


def lock(connection: Connection) -> None:
    """Have every process that starts wait until this transaction has ended; SQLite has its file lock for that."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})


def is_current(connection: Connection) -> bool:
    """Tell whether the schema is the newest that this code knows. Raises SchemaError where it is newer."""
    found, known = _revision(connection), revisions()
    if found and found not in known:
        raise SchemaError(
            f"The database was made by a newer Mailroom (schema {found}; this one knows {known[-1]}): run the version "
            "that ran last, or a newer one, or restore a copy from before the upgrade."
        )
    return found == known[-1]


def pending(connection: Connection) -> list[str]:
    """Return what a start would do to the schema, in words, oldest first. Raises SchemaError where it is newer."""
    if is_current(connection):
        return []
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - a start on the newest schema needs none of it

    left = ScriptDirectory(str(_DIRECTORY)).iterate_revisions("head", _revision(connection))
    return [f"{each.revision} {(each.doc or '').strip().rstrip('.')}" for each in left][::-1]


@cache
def revisions() -> Sequence[str]:
    """Return the ids of every revision, oldest first: each file is named for its own."""
    return sorted(file.stem.partition("_")[0] for file in (_DIRECTORY / "versions").glob("[0-9]*.py"))


def config_for(connection: Connection) -> Config:
    """Return what Alembic's commands need in order to work on this connection."""
    from alembic.config import Config  # noqa: PLC0415 - as above

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(_DIRECTORY).replace("%", "%%"))
    return config


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table(_version.name):
        return None
    return connection.execute(select(_version.c.version_num)).scalar()


def _migrate(connection: Connection, target: str) -> None:
    from alembic import command  # noqa: PLC0415 - as above

    command.upgrade(config_for(connection), target)


def _make_newest(connection: Connection) -> None:
    """Make all tables in an empty database, which every revision one after the other would make as well."""
    models.Team.metadata.create_all(connection, checkfirst=False)
    _version.create(connection)
    connection.execute(_version.insert().values(version_num=revisions()[-1]))
