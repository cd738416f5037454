"""The schema's history (Alembic), and the one way up through it.

A revision is made with `python -m storage.migrations "what it does"`, read, and mended by hand where it must be.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

_DIRECTORY = str(Path(__file__).parent)
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
    command.upgrade(config_for(connection), target)
    if connection.dialect.name == "sqlite" and connection.exec_driver_sql("PRAGMA foreign_key_check").first():
        raise SchemaError("The migration would have left rows that refer to nothing; the database is as it was.")


def lock(connection: Connection) -> None:
    """Have every process that starts wait until this transaction has ended; SQLite has its file lock for that."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})


def is_current(connection: Connection) -> bool:
    """Tell whether the schema is the newest that this code knows. Raises SchemaError where it is newer."""
    found = MigrationContext.configure(connection).get_current_revision()
    known = revisions()
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
    found = MigrationContext.configure(connection).get_current_revision()
    left = ScriptDirectory(_DIRECTORY).iterate_revisions("head", found)
    return [f"{each.revision} {(each.doc or '').strip().rstrip('.')}" for each in left][::-1]


@cache
def revisions() -> Sequence[str]:
    """Return the ids of every revision, oldest first."""
    return [script.revision for script in ScriptDirectory(_DIRECTORY).walk_revisions()][::-1]


def config_for(connection: Connection) -> Config:
    """Return what Alembic's commands need in order to work on this connection."""
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", _DIRECTORY.replace("%", "%%"))
    return config
