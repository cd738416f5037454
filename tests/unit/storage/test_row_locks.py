import pytest
from sqlmodel import select

from storage.database import Database
from storage.models import Team, TeamAdmin
from storage.row_locks import NotHeldError


@pytest.fixture
async def team(db: Database) -> Team:
    row = Team(slack_team_id="T1", channel_id="C1", name="news", created_by="U1", created_at=db.now())
    async with db.write() as session:
        session.add(row)
        await session.flush()
        row.private = True  # made here, so nobody else can have changed it
    return row


async def test_a_row_that_was_read_without_a_lock_is_neither_changed_nor_deleted(db: Database, team: Team) -> None:
    with pytest.raises(NotHeldError, match="Team"):
        async with db.write() as session:
            (await session.get_one(Team, team.id)).name = "got"
    with pytest.raises(NotHeldError):
        async with db.write() as session:
            (await session.exec(select(Team))).one().name = "selected"
    with pytest.raises(NotHeldError):
        async with db.write() as session:
            await session.delete((await session.exec(select(Team))).one())
    async with db.read() as session:
        assert (await session.exec(select(Team.name, Team.private))).all() == [("news", True)]


async def test_what_was_read_somewhere_else_is_not_written_back(db: Database, team: Team) -> None:
    with pytest.raises(NotHeldError):
        async with db.write() as session:
            await session.merge(Team(**{**team.model_dump(), "name": "merged"}))
    team.name = "as it was long ago"
    with pytest.raises(NotHeldError):
        async with db.write() as session:
            session.add(team)


async def test_a_lock_on_what_is_read_already_does_not_make_it_current(db: Database, team: Team) -> None:
    with pytest.raises(NotHeldError):
        async with db.write() as session:
            row = await session.get_one(Team, team.id)
            await session.exec(select(Team).with_for_update())  # the session keeps what it has read before
            row.name = "old"
    async with db.write() as session:
        row = await session.get_one(Team, team.id)
        await session.exec(select(Team).with_for_update().execution_options(populate_existing=True))
        row.name = "new"


async def test_a_row_that_is_held_is_changed(db: Database, team: Team) -> None:
    async with db.write() as session:
        (await session.get_one(Team, team.id, with_for_update=True)).name = "got"
    async with db.write() as session:
        (await session.exec(select(Team).with_for_update(skip_locked=True))).one().name = "selected"
    async with db.write() as session:
        row = await session.get_one(Team, team.id)
        await session.refresh(row, with_for_update=True)
        row.name = "refreshed"
    async with db.read() as session:
        assert (await session.exec(select(Team.name))).one() == "refreshed"


async def test_of_a_join_only_the_table_that_is_locked_is_held(db: Database, team: Team) -> None:
    async with db.write() as session:
        session.add(TeamAdmin(team_id=team.id, user_id="U1", appointed_by="U1", appointed_at=db.now()))
    both = select(TeamAdmin, Team).join(Team)
    async with db.write() as session:
        admin, _ = (await session.exec(both.with_for_update(of=TeamAdmin))).one()
        admin.appointed_by = "U2"
    with pytest.raises(NotHeldError, match="Team"):
        async with db.write() as session:
            _, row = (await session.exec(both.with_for_update(of=TeamAdmin))).one()
            row.name = "joined"
    async with db.write() as session:
        _, row = (await session.exec(both.with_for_update())).one()
        row.name = "joined"
