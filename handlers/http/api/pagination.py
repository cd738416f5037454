"""Opaque cursors: where the next page of a list begins. They carry a place in an order, and no permission."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Generic, TypeVar

from pydantic import Field, TypeAdapter, ValidationError

from handlers.http.api.problems import Refusal

Place = TypeVar("Place")
Row = TypeVar("Row")

Name = Annotated[str, Field(max_length=1000, pattern=r"^[^\x00]*$")]  # PostgreSQL takes no NUL
Number = Annotated[int, Field(ge=0, lt=2**31)]


class Cursor(Generic[Place]):
    """Args: `kind` is the type of a place, and holds the limits within which the database can compare one."""

    def __init__(self, kind: Any, place: Callable[[Any], Place], *, name: str = "cursor") -> None:
        self._adapter: TypeAdapter[Place] = TypeAdapter(kind)
        self._name = name
        self._place = place

    def read(self, text: str) -> Place | None:
        """Return the place, None for the beginning.

        Raises:
            Refusal: it was not made here.
        """
        if not text:
            return None
        try:
            return self._adapter.validate_json(base64.urlsafe_b64decode(text))
        except (binascii.Error, ValueError, ValidationError):
            raise Refusal.invalid(self._name, "Use next_cursor of the page before, or none.") from None

    def page(self, rows: Sequence[Row], limit: int) -> tuple[Sequence[Row], str | None]:
        """Cut rows, of which one more than the limit was read, to a page, and return the cursor of the next one."""
        if len(rows) <= limit:
            return rows, None
        return rows[:limit], self.written(self._place(rows[limit - 1]))

    def written(self, place: Place) -> str:
        """Return the cursor of what comes after a place."""
        return base64.urlsafe_b64encode(self._adapter.dump_json(place)).decode()
