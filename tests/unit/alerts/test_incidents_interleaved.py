"""Somebody acknowledges an alert while a look at AWS changes or ends it: whatever comes first, neither is lost."""

from functools import partial

import pytest
from sqlmodel import select

from bot.alerts.incidents import Incidents
from bot.errors import BotError
from storage.database import Database
from storage.models import Incident
from storage.states import Access, IncidentState
from tests.databases import Clock
from tests.interleaving import interleaving, orders
from tests.unit.alerts.rows import Watched


@pytest.fixture
def database_kind() -> str:
    return "postgresql"  # SQLite has one writer at a time


async def _acknowledged(watched: Watched, incident: Incident) -> bool:
    try:
        await Incidents(watched.db).acknowledge(watched.team, incident.id, "U2")
    except BotError as error:
        assert error.code == "ALREADY"
        return False
    return True


@pytest.mark.parametrize("ends", [False, True])
async def test_an_acknowledgement_and_a_change_are_both_kept_in_every_order(
    db: Database, clock: Clock, ends: bool
) -> None:
    watched = Watched(db, clock(), "acme.test")
    await watched.store()

    async def open_anew() -> Incident:
        await watched.follow(clock.advance(600), access=Access.OK)
        await watched.follow(clock.advance(600), access=Access.LOST, access_error="")
        async with db.read() as session:
            return (await session.exec(select(Incident).where(Incident.state == IncidentState.OPEN))).one()

    async def changes() -> None:
        facts = {"access": Access.OK} if ends else {"access_error": "ExpiredToken"}
        await watched.follow(clock(), **facts)

    async with interleaving(db) as interleaved:
        steps = [
            await interleaved.steps(partial(_acknowledged, watched, await open_anew())),
            await interleaved.steps(changes),
        ]
        for order in orders(*steps):
            before = await open_anew()
            acknowledging = partial(_acknowledged, watched, before)
            acknowledged, _ = await interleaved.run(acknowledging, changes, order=order)
            async with db.read() as session:
                after = await session.get_one(Incident, before.id)
            state = IncidentState.ACKNOWLEDGED if acknowledged else IncidentState.OPEN
            assert after.state is (IncidentState.RESOLVED if ends else state)
            assert after.acknowledged_by == ("U2" if acknowledged else "")
            assert after.version == before.version + 1 + acknowledged
