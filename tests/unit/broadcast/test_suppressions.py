"""Of several reasons never to mail an address the strongest one counts, in whatever order they come."""

from itertools import product

import pytest
from sqlmodel import select

from bot.suppression.suppression_list import suppress, suppress_all
from storage.database import Database
from storage.models import Suppression, Team
from storage.states import SuppressionReason
from tests.databases import Clock
from tests.unit.alerts.rows import team_row

R = SuppressionReason
STRONGEST_FIRST = [R.COMPLAINT, R.UNSUBSCRIBED, R.BOUNCE, R.BY_HAND]


@pytest.fixture
async def team(db: Database, clock: Clock) -> Team:
    row = team_row("C1", clock())
    async with db.write() as session:
        session.add(row)
    return row


async def test_a_stronger_reason_replaces_a_weaker_one_and_no_other(db: Database, clock: Clock, team: Team) -> None:
    assert set(STRONGEST_FIRST) == set(R)
    for first, then in product(R, R):
        address = f"{first}.{then}@else.test"
        stronger = STRONGEST_FIRST.index(then) < STRONGEST_FIRST.index(first)
        async with db.write() as session:
            assert await suppress(session, team.id, address, first, source="first", now=clock())
            began = clock()
            clock.advance(1)
            assert await suppress(session, team.id, address, then, source="then", now=clock()) is stronger
        async with db.read() as session:
            row = (await session.exec(select(Suppression).where(Suppression.address == address))).one()
        expected = (then, "then", clock()) if stronger else (first, "first", began)
        assert (row.reason, row.source, row.created_at) == expected


async def test_of_one_address_twice_in_a_batch_the_stronger_reason_counts(
    db: Database, clock: Clock, team: Team
) -> None:
    batch = [("Ann@else.test", R.COMPLAINT), ("ann@else.test", R.BOUNCE), ("ben@else.test", R.BOUNCE)]
    async with db.write() as session:
        assert await suppress_all(session, team.id, batch, source="aws", now=clock()) == 2
    async with db.read() as session:
        rows = await session.exec(select(Suppression))
        assert {row.address: row.reason for row in rows} == {"Ann@else.test": R.COMPLAINT, "ben@else.test": R.BOUNCE}
