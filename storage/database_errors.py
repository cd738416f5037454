"""Tells and counts what the database refuses or does not answer, over all connections of this process.

A broken constraint is no such error: a row that is there already is how many a question is asked.
"""

import threading
from typing import Any, Final

from sqlalchemy import Engine, event
from sqlalchemy.engine import Dialect, ExceptionContext
from sqlalchemy.exc import IntegrityError

# The result codes of https://www.sqlite.org/rescode.html for PRIMARY KEY, UNIQUE and ROWID, and the SQLSTATE of
# https://www.postgresql.org/docs/current/errcodes-appendix.html.
_SQLITE_UNIQUE = {1555, 2067, 2579}
_POSTGRESQL_UNIQUE = "23505"


class DatabaseErrors:
    """Called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0

    @property
    def count(self) -> int:
        """How many there were since the start."""
        with self._lock:
            return self._count

    def met(self) -> None:
        with self._lock:
            self._count += 1


def is_unique_violation(error: IntegrityError) -> bool:
    """Tell a row that is there already from every other broken constraint."""
    code = getattr(error.orig, "sqlite_errorcode", None)
    return code in _SQLITE_UNIQUE or getattr(error.orig, "sqlstate", None) == _POSTGRESQL_UNIQUE


errors: Final = DatabaseErrors()


def count_errors(engine: Engine) -> None:
    """Count the connections of an engine that are refused or lost, and the statements that fail."""

    @event.listens_for(engine, "do_connect")
    def connect(dialect: Dialect, _record: Any, arguments: Any, named: Any) -> Any:
        try:
            return dialect.connect(*arguments, **named)
        except Exception:  # asyncpg's own, which SQLAlchemy does not translate here, and the socket's
            errors.met()
            raise

    @event.listens_for(engine, "handle_error")
    def failed(context: ExceptionContext) -> None:
        connecting = context.connection is None  # counted above, or a ping, after which a connection is made anew
        if not connecting and not isinstance(context.sqlalchemy_exception, IntegrityError):
            errors.met()
