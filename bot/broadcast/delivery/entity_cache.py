"""Entities that a claim only reads, made again when what is stored of them has changed."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Generic, TypeVar

from cachetools import LRUCache
from sqlalchemy import Connection, Select
from sqlalchemy.orm import Session

T = TypeVar("T")

_KEPT: Final = 16


class EntityCache(Generic[T]):
    """Keeps what the ORM made of some rows, with those rows: it takes several times as long as to read them.

    Nothing here is ever older than the rows that its caller has read in its own transaction.
    """

    def __init__(self, statement: Select[T]) -> None:
        """`statement` selects the entities."""
        self._statement = statement
        self._kept = LRUCache[tuple[Any, ...], tuple[Sequence[Any], tuple[T, ...]]](_KEPT)

    def of(self, connection: Connection, rows: Sequence[Any], parameters: Mapping[str, Any]) -> tuple[T, ...]:
        """Return the entities of these rows: all columns of what the statement selects with these parameters."""
        key = tuple(map(str, parameters.values()))
        kept = self._kept.get(key)
        if kept is None or kept[0] != rows:
            with Session(connection) as session:
                kept = self._kept[key] = rows, tuple(session.scalars(self._statement, parameters))
        return kept[1]
