"""The names of an audience's columns for programs: that of the addresses is `email`, whatever a file called it."""

from collections.abc import Iterable, Sequence
from typing import Final

from storage import Audience

ADDRESS: Final = "email"
"""Reserved for the addresses; as `external_id` is for what a program calls a recipient."""


def address_place(audience: Audience) -> int:
    """Return which column holds the addresses; -1 where none does."""
    name = audience.import_summary.get("address_column") or ADDRESS
    return audience.columns.index(name) if name in audience.columns else -1


def shown_columns(columns: Sequence[str], at: int) -> list[str]:
    """Return the names for programs, in order; another column that is called `email` is `email_2`."""
    taken = {ADDRESS, *(name for place, name in enumerate(columns) if place != at and name != ADDRESS)}
    return [
        ADDRESS if place == at else free_name(name, taken) if name == ADDRESS else name
        for place, name in enumerate(columns)
    ]


def columns_of(audience: Audience) -> list[str]:
    """Return the names of a stored audience's columns for programs."""
    return shown_columns(audience.columns, address_place(audience))


def free_name(name: str, taken: Iterable[str]) -> str:
    """Return a name like this that is none of those."""
    used, found, number = {*taken}, name, 1
    while found in used:
        number += 1
        found = f"{name}_{number}"
    return found
