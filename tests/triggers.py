"""Triggers of a test's database: the tables of `storage/transitions.py`, for moves in bulk too; and rows it refuses."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

from sqlalchemy import text
from sqlmodel import SQLModel

from storage import transitions
from storage.database import Database


def triggers(kind: str) -> Iterator[str]:
    """The statements that make them, for one kind of database."""
    for model, legal in transitions.LEGAL.items():
        table = SQLModel.metadata.tables[model.__tablename__].name  # type: ignore[attr-defined]
        moves = ", ".join(sorted(f"'{source}>{target}'" for source, target in legal))
        changed = f"OLD.state <> NEW.state AND (OLD.state || '>' || NEW.state) NOT IN ({moves})"
        if kind == "sqlite":
            yield (
                f"CREATE TRIGGER legal_{table} BEFORE UPDATE OF state ON {table} WHEN {changed} "
                f"BEGIN SELECT RAISE(ABORT, 'an illegal move of a {table}'); END"
            )
        else:
            yield (
                f"CREATE FUNCTION legal_{table}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                f"RAISE 'an illegal move of a {table}: % to %', OLD.state, NEW.state; END $$"
            )
            yield (
                f"CREATE TRIGGER legal_{table} BEFORE UPDATE OF state ON {table} FOR EACH ROW WHEN ({changed}) "
                f"EXECUTE FUNCTION legal_{table}()"
            )


@asynccontextmanager
async def refusing(db: Database, table: str, when: str) -> AsyncIterator[None]:
    """A database that takes every change but those of rows for which `when` is true, as no check of ours foresees."""
    made = {
        "postgresql": [
            "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused here'; END $$",
            f"CREATE TRIGGER no BEFORE UPDATE ON {table} FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION no()",
        ],
        "sqlite": [
            f"CREATE TRIGGER no BEFORE UPDATE ON {table} WHEN {when} BEGIN SELECT raise(ABORT, 'refused here'); END"
        ],
    }
    await _execute(db, made[db.dialect])
    try:
        yield
    finally:
        await _execute(db, ["DROP FUNCTION no CASCADE" if db.dialect == "postgresql" else "DROP TRIGGER no"])


async def _execute(db: Database, statements: list[str]) -> None:
    async with db.write() as session:
        for statement in statements:
            await (await session.connection()).execute(text(statement))
