"""What the flows take for a statement that names no team (`tests/team_filter.py`)."""

from typing import Any

import pytest
from sqlalchemy.dialects.postgresql.asyncpg import dialect as postgresql
from sqlalchemy.dialects.sqlite import dialect as sqlite
from sqlmodel import col, delete, insert, select, update

from storage.models import ApiToken, Audience, Broadcast, Delivery, Mailer, OpenForm, Suppression, Team
from tests.team_filter import names_nobody

NOBODY = {
    "all of a table": select(Audience),
    "by a name": select(Audience).where(Audience.name_key == "customers"),
    "joined, which names nobody": select(Broadcast).join(Team).where(Broadcast.subject == "News"),
    "by a person": select(OpenForm).where(OpenForm.user_id == "U1"),
    "all but one": select(Audience).where(Audience.id != "a1"),
    "a column of each": select(Delivery).where(Delivery.broadcast_id == Broadcast.id, Delivery.error == ""),
    "changed": update(Suppression).values(team_id="t1").where(col(Suppression.word) == "x"),
    "deleted": delete(OpenForm).where(col(OpenForm.user_id) == "U1"),
}
SOMEBODY = {
    "the team": select(Audience).where(Audience.team_id == "t1", Audience.name_key == "customers"),
    "a record": select(Audience).where(Audience.id == "a1"),
    "some records": select(Delivery).where(col(Delivery.broadcast_id).in_(["b1", "b2"])),
    "none": select(Audience).where(col(Audience.id).in_([])),
    "the workspace": select(Mailer).join(Team).where(Team.slack_team_id == "T1"),
    "deleted": delete(OpenForm).where(col(OpenForm.id) == "f1"),
    "a token": select(ApiToken).where(ApiToken.token_hash == "h1"),
    "a new row": insert(Suppression).values(team_id="t1"),
    "teams themselves": select(Team),
}


@pytest.mark.parametrize("dialect", [sqlite, postgresql], ids=["sqlite", "postgresql"])
@pytest.mark.parametrize(
    ("statement", "is_nobody"),
    [
        *(pytest.param(each, True, id=f"nobody: {name}") for name, each in NOBODY.items()),
        *(pytest.param(each, False, id=f"somebody: {name}") for name, each in SOMEBODY.items()),
    ],
)
def test_a_statement_names_a_team_or_is_taken_for_one_that_names_nobody(
    statement: Any, is_nobody: bool, dialect: Any
) -> None:
    sent = str(statement.compile(dialect=dialect(), compile_kwargs={"render_postcompile": True}))
    assert names_nobody(sent) is is_nobody
