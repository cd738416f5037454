"""Of two teams that connect one AWS account at the same moment the second sees the first."""

import asyncio

import pytest
from sqlmodel import col, select

from bot.alerts.outbox import Notice
from bot.mailer.connection.shared_accounts import share_account
from storage.database import Database
from storage.models import Mailer, Outbox, SendingAccount, Team
from tests.databases import Clock
from tests.unit.alerts.rows import mailer_row, team_row

pytestmark = pytest.mark.both_databases

TEAMS = 6


async def connect(db: Database, team: Team, clock: Clock) -> Mailer:
    async with db.write() as session:
        mailer = mailer_row(team, clock())
        session.add(mailer)
        await session.flush()
        await share_account(session, mailer, clock())
    return mailer


async def test_of_many_who_connect_one_account_at_once_every_pair_is_told(db: Database, clock: Clock) -> None:
    teams = [team_row(f"C{number}", clock()) for number in range(TEAMS)]
    async with db.write() as session:
        session.add_all(teams)

    await asyncio.gather(*(connect(db, team, clock) for team in teams))

    async with db.read() as session:
        told = (await session.exec(select(Outbox).where(col(Outbox.kind) == Notice.ACCOUNT_SHARED))).all()
        assert len((await session.exec(select(SendingAccount))).all()) == 1
    # the first to connect is told of each of the others, the last of those before it once
    assert len(told) == TEAMS * (TEAMS - 1) // 2 + TEAMS - 1
    assert {row.team_id for row in told} == {team.id for team in teams}
