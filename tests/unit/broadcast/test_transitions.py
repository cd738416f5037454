"""A thing with a state moves as its table has it, or its transaction is rolled back; docs/states.md is that table."""

import pytest
from sqlalchemy.exc import DBAPIError
from sqlmodel import col, update

from storage import states, transitions
from storage.models import Broadcast, Delivery
from storage.states import BroadcastState, DeliveryState
from storage.transitions import IllegalTransitionError
from tests.states_page import PAGE, page
from tests.unit.broadcast.fixtures import Station

pytestmark = pytest.mark.both_databases

NEVER_LEFT = {BroadcastState.CANCELLED, DeliveryState.CANCELLED, DeliveryState.COMPLAINED, states.ChunkState.DONE}
NEVER_SET = {states.ChunkState.PENDING, states.ChunkState.CANCELLED}


def test_the_page_is_drawn_from_the_tables() -> None:
    assert PAGE.read_text() == page(), "python -m tests.states_page writes it again"


def test_every_state_is_in_its_table_and_is_left_unless_it_is_the_end() -> None:
    for table in transitions.TABLES.values():
        (kind,) = {type(each.target) for each in table}
        sources = {source for each in table for source in each.sources}
        ends = {each.target for each in table} - sources
        assert ends <= NEVER_LEFT | {states.IncidentState.RESOLVED}
        assert set(kind) - sources - ends <= NEVER_SET


async def test_an_illegal_move_of_a_row_raises_and_is_rolled_back(connected: Station) -> None:
    broadcast = await connected.confirmed(3)
    with pytest.raises(IllegalTransitionError, match="from scheduled to done"):
        await connected.change(broadcast, state=BroadcastState.DONE)
    assert (await connected.broadcast(broadcast.id)).state is BroadcastState.SCHEDULED


async def test_an_illegal_move_in_bulk_is_refused_by_the_databases_of_the_tests(connected: Station) -> None:
    broadcast = await connected.confirmed(3)
    moves = (
        update(Delivery).where(col(Delivery.broadcast_id) == broadcast.id).values(state=DeliveryState.DELIVERED),
        update(Broadcast).where(col(Broadcast.id) == broadcast.id).values(state=BroadcastState.DONE),
    )
    for illegal in moves:
        with pytest.raises(DBAPIError, match="an illegal move"):
            async with connected.db.write() as session:
                await session.exec(illegal)
