"""Where a team's data may hold the address of a person.

Every column that may hold one is listed; a test knows those that may not, so that a new one is not forgotten.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote

from sqlalchemy import Column, ColumnElement, Table, Text, cast, collate, func, or_, select
from sqlmodel import SQLModel

from bot.email_addresses import address_key

_tables = SQLModel.metadata.tables

SWEPT: Final[Mapping[str, tuple[str, ...]]] = {
    "audience": ("name", "name_key", "rejected", "import_summary", "file_name"),
    "audience_block": ("addresses", "fields"),
    "audit": ("subject", "before", "after"),
    "broadcast": ("audience_name", "error", "selection"),
    "chunk": ("error",),
    "delivery": ("address", "address_key", "error"),
    "incident": ("detail",),
    "lifted_suppression": ("word",),
    "open_form": ("chosen", "view"),
    "seen_request": ("reply",),
    "suppression": ("word",),
    "team": ("tests_go_to",),
    "webhook": ("attempts",),
    "webhook_event": ("data",),
}
"""In these columns an address is replaced wherever it stands."""
WHOLE: Final = frozenset({"address", "address_key", "addresses"})
"""Of them these hold addresses and nothing else."""

_OF_TEAM: Final = "team_id"
_parents = {"audience_block": "audience", "chunk": "broadcast", "delivery": "broadcast"}


def of_team(table: Table, team_id: str) -> ColumnElement[bool]:
    """Return the condition that a row is this team's."""
    if table.name == "team":
        return table.c.id == team_id
    if table.name == "seen_request":
        return table.c.key.startswith(f"api:{team_id}:", autoescape=True)
    parent = _parents.get(table.name)
    if parent is None:
        return table.c[_OF_TEAM] == team_id
    owner = _tables[parent]
    return table.c[f"{parent}_id"].in_(select(owner.c.id).where(owner.c.team_id == team_id))


def mentions(dialect: str, column: Column[Any], key: str) -> ColumnElement[bool]:
    """Return the condition that the text of a column may hold the address with this key; `standing_for` is sure.

    A link may have it encoded in full, or its @ alone.
    """
    plain: ColumnElement[str] = cast(column, Text)
    folded = func.lower(collate(plain, "C")) if dialect == "postgresql" else func.lower(plain)
    encoded = () if column.name in WHOLE else (key.replace("@", "%40"), quote(key, safe="").lower())
    forms = dict.fromkeys((key, *encoded))
    return or_(*(folded.contains(form, autoescape=True) for form in forms))


def standing_for(address: str, by: str) -> Callable[[str], str]:
    """Return what makes this address, however it is written, another text, and leaves others as they are."""
    key = address_key(address)
    return lambda found: by if address_key(found) == key else found
