"""No statement that a handler sends is about the data of all teams: each names the team, a record, or the workspace.

All statements of each world of the flows are looked at, in the tasks of Slack's handlers and of HTTP's routes. That an
id is one of the very team is shown by the walks with ids of another team (`tests/flows/test_permissions.py`).
"""

import asyncio
import re
from functools import cache
from typing import Any, Final

from sqlalchemy import event
from sqlmodel import SQLModel

from app import Mailroom

_OF_HANDLERS: Final = {"RequestHandler._handle_request", "Listeners._answer", "Listeners._attempt"}  # their tasks
_ENGINE: Final = {"outbox"}  # what is to be said to whom, which the notifier reads for all
_OF_TEAMS: Final = (
    {table.name for table in SQLModel.metadata.sorted_tables if "team_id" in table.c}
    | {"audience_block", "chunk", "delivery"}  # by their audience, or their broadcast
) - _ENGINE
_TABLE: Final = re.compile(r"\b(?:FROM|JOIN|UPDATE) (\w+)")
_RECORD: Final = "|".join(sorted(f"{name}_id" for name in _OF_TEAMS))
_NAMES: Final = re.compile(  # a column that is compared with a value, not with another column, or is to be one of none
    rf"\b(?:id|team_id|slack_team_id|source_id|previous_id|{_RECORD}) (?:=|IN) \(?(?:\?|\$\d|SELECT 1 FROM|NULL\))"
)
ALLOWED: Final = {
    "token_hash = ": "a token says which team it is of",
    "mailer.connection = ": "what SNS is to post to names the mailer",
    "account_id = ": "teams of one AWS account share its rate, and are told so",
}


class TeamFilter:
    """Collects the statements of handlers that name nobody."""

    def __init__(self) -> None:
        self._found: dict[str, None] = {}

    def watch(self, bot: Mailroom) -> None:
        db = bot.services.db
        for engine in {db._reader.sync_engine, db._writer.sync_engine}:
            event.listen(engine, "before_cursor_execute", self._look)

    def check(self) -> None:
        """Fail where there are some."""
        assert not self._found, [*self._found]

    def _look(self, _connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if names_nobody(statement) and _is_of_a_handler():
            self._found[statement] = None


@cache
def names_nobody(statement: str) -> bool:
    """Whether a statement is about the data of teams, and of no team's in particular."""
    if _OF_TEAMS.isdisjoint(_TABLE.findall(statement)):
        return False
    where = statement.partition("WHERE")[2]
    return not _NAMES.search(where) and not any(allowed in where for allowed in ALLOWED)


def _is_of_a_handler() -> bool:
    task = asyncio.current_task()
    return task is not None and getattr(task.get_coro(), "__qualname__", "") in _OF_HANDLERS
