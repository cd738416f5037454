"""A writer changes only rows that it holds, those it has read locked and those it has made, and moves none illegally.

PostgreSQL lets others write between a plain read and the change that follows from it (READ COMMITTED), and what they
wrote is lost then. SQLite, which has one writer, hides that. So a session that is about to store such a change refuses,
on both, and any test that comes by finds the place.
"""

from typing import Any

from sqlalchemy import event, inspect
from sqlalchemy.orm import Mapper
from sqlalchemy.orm.context import QueryContext
from sqlmodel import Session, SQLModel

from storage import transitions

_HELD = "held"


class NotHeldError(RuntimeError):
    """The code is wrong: it changes a row that others may have changed since it was read."""


class WriterSession(Session):
    """Refuses to change or delete a row that it does not hold, or to move one to a state it may not go to."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.info[_HELD] = set()


@event.listens_for(WriterSession, "before_flush")
def _check(session: Session, *_: Any) -> None:
    transitions.check(session.dirty)
    held = session.info[_HELD]
    for row in (*session.dirty, *session.deleted):
        if inspect(row).identity_key not in held and (row in session.deleted or session.is_modified(row)):
            raise NotHeldError(f"{type(row).__name__} is changed, and was read without FOR UPDATE")


@event.listens_for(WriterSession, "pending_to_persistent")
def _made(session: Session, row: SQLModel) -> None:
    session.info[_HELD].add(inspect(row).identity_key)


@event.listens_for(SQLModel, "load", propagate=True)
@event.listens_for(SQLModel, "refresh", propagate=True)
def _read(row: SQLModel, context: QueryContext | None, *_: Any) -> None:
    held = context.session.info.get(_HELD) if context else None
    if held is not None and context is not None and _locks(context.query, inspect(type(row))):
        held.add(inspect(row).identity_key)


def _locks(query: Any, mapper: Mapper[Any]) -> bool:
    """Whether the SELECT locks the rows of this table."""
    lock = query._for_update_arg  # noqa: SLF001 - where `with_for_update` is kept; there is no other way to ask
    if lock is None:
        return False
    return not lock.of or any(mapper.local_table in element._from_objects for element in lock.of)  # noqa: SLF001
