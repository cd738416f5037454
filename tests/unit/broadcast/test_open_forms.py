"""What is chosen in a form that is still open is kept for whoever chose it, and not for long."""

import pytest
from sqlmodel import select

from bot.broadcast.audience.selection.filter import Condition, Filter, Match, Operator
from bot.broadcast.audience.selection.open_forms import LAST, OpenForms
from storage.database import Database
from storage.models import Broadcast, OpenForm, Team
from storage.states import SendKind
from tests.databases import Clock
from tests.unit.broadcast.fixtures import Station

PRO = Filter(Match.ALL, (Condition("plan", Operator.IS, "pro"),))


@pytest.fixture
async def team(db: Database) -> Team:
    row = Station.new_team("C1")
    async with db.write() as session:
        session.add(row)
    return row


async def test_what_is_chosen_is_there_for_who_chose_it_for_a_day(db: Database, clock: Clock, team: Team) -> None:
    forms, other = OpenForms(db), Station.new_team("C2")
    assert await forms.get(team, "U1", "f1") is None
    await forms.begin(team, "U1", "f1", where=None, columns=["plan"], view={"blocks": []})

    assert await forms.choose(team, "U1", "f1", PRO)

    row = await forms.get(team, "U1", "f1")
    assert row is not None
    assert (row.chosen, row.columns, row.view) == (PRO.to_json(), ["plan"], {"blocks": []})
    for stranger in ((team, "U2"), (other, "U1")):
        assert await forms.get(*stranger, "f1") is None
        assert await forms.choose(*stranger, "f1", None) is None
    await forms.begin(team, "U2", "f1", where=None, columns=[], view={})
    assert (await forms.get(team, "U1", "f1")) == row
    assert await forms.choose(team, "U1", "f1", None)
    await forms.begin(team, "U1", "f1", where=PRO, columns=[], view={})
    clock.advance(23 * 60 * 60)
    await forms.forget()
    assert await forms.get(team, "U1", "f1")
    clock.advance(2 * 60 * 60)
    await forms.forget()
    async with db.read() as session:
        assert (await session.exec(select(OpenForm))).all() == []


async def test_the_last_broadcasts_are_offered_and_those_that_are_chosen(
    db: Database, clock: Clock, team: Team
) -> None:
    async with db.write() as session:
        for number in range(LAST + 5):
            clock.advance(60)
            sent = Broadcast(
                id=f"{number:032}",
                team_id=team.id,
                mailer_id=None,
                kind=SendKind.BROADCAST,
                from_address="a@b.test",
                subject="Hi",
                created_by="U1",
                created_at=clock(),
                started_at=clock() if number else None,
                recipients_gone_at=clock() if number in {2, LAST + 3} else None,
            )
            session.add(sent)

    offered = await OpenForms(db).broadcasts(team, [f"{1:032}", f"{2:032}"])

    assert [int(each.id) for each in offered] == [LAST + 4, *range(LAST + 2, 3, -1), 1]
