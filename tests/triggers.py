"""The tables of `storage/transitions.py` as triggers of a test's database: moves in bulk are held to them too."""

from collections.abc import Iterator

from sqlmodel import SQLModel

from storage import transitions


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
