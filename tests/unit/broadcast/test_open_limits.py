"""How many broadcasts a team may have open; what is beyond is refused, and leaves nothing."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest
from sqlmodel import col, func, select

from bot.broadcast.draft import Prepared
from bot.broadcast.open_limits import DRAFTS, LIVE
from bot.errors import BotError
from storage.models import Audience, Broadcast
from storage.states import BroadcastState
from tests.interleaving import interleaving
from tests.unit.broadcast.fixtures import Station, csv, draft

SCHEDULED, DRAFT = BroadcastState.SCHEDULED, BroadcastState.DRAFT


async def fill(station: Station, state: BroadcastState, count: int) -> None:
    """Bring the team to where it has so many in this state, beside one draft."""
    row = (await prepares(station)).broadcast
    async with station.db.write() as session:
        for _ in range(count):
            session.add(Broadcast(**row.model_dump(exclude={"id", "state"}), state=state))


async def prepares(station: Station) -> Prepared:
    return await station.broadcasts.prepare(station.team, "U1", draft(), csv(3), None)


async def uses_saved(station: Station, audience: Audience) -> Prepared:
    return await station.broadcasts.prepare(station.team, "U1", draft(), audience, None)


async def confirm(station: Station, prepared: Prepared) -> Broadcast:
    made = prepared.broadcast
    return await station.broadcasts.confirm(station.team, made.id, made.version, "U1")


async def send_test(station: Station) -> Broadcast:
    return await station.broadcasts.prepare_test(station.team, "U1", draft(), ["ann@x.example"])


async def of_two_one_is_refused(station: Station, *both: Callable[[], Awaitable[Any]]) -> None:
    """Do both, on PostgreSQL statement by statement in turns."""

    async def code_of(work: Callable[[], Awaitable[Any]]) -> str:
        try:
            await work()
        except BotError as error:
            return error.code
        return ""

    works = [partial(code_of, work) for work in both]
    if station.db.path:
        codes = await asyncio.gather(*(work() for work in works))
    else:
        async with interleaving(station.db) as two:
            codes = await two.run(*works, order=[0, 1] * 20)
    assert sorted(codes) == ["", "TOO_MANY_BROADCASTS"]


async def counted(station: Station, state: BroadcastState) -> int:
    async with station.db.read() as session:
        return (await session.exec(select(func.count()).where(col(Broadcast.state) == state))).one()


async def audiences(station: Station) -> int:
    async with station.db.read() as session:
        return len((await session.exec(select(Audience.id))).all())


async def test_of_two_who_write_the_last_draft_that_fits_one_is_refused_and_leaves_nothing(connected: Station) -> None:
    await fill(connected, DRAFT, DRAFTS - 2)
    held = await connected.broadcasts.hold(connected.team, "U1", csv(3))
    before = await audiences(connected)

    await of_two_one_is_refused(connected, *[partial(uses_saved, connected, held)] * 2)
    with pytest.raises(BotError, match="TOO_MANY_BROADCASTS"):
        await prepares(connected)

    assert (await counted(connected, DRAFT), await audiences(connected)) == (DRAFTS, before)
    other = connected.new_team("C2")
    await connected.connect(other)
    assert (await connected.broadcasts.prepare(other, "U1", draft(), csv(3), None)).broadcast.size == 3


async def test_of_two_who_send_the_last_that_fits_one_is_refused_and_stays_a_draft(connected: Station) -> None:
    await fill(connected, SCHEDULED, LIVE - 1)
    first, second = await prepares(connected), await prepares(connected)

    await of_two_one_is_refused(connected, partial(confirm, connected, first), partial(confirm, connected, second))

    assert (await counted(connected, SCHEDULED), await counted(connected, DRAFT)) == (LIVE, 2)
    with pytest.raises(BotError, match="which is all it can have"):
        await send_test(connected)
    with pytest.raises(BotError, match="TOO_MANY_BROADCASTS"):
        await connected.broadcasts.check_room(connected.team)
    assert await counted(connected, SCHEDULED) == LIVE


async def test_a_paused_one_counts_and_one_that_is_over_does_not(connected: Station) -> None:
    await fill(connected, BroadcastState.PAUSED, LIVE)
    prepared = await prepares(connected)
    with pytest.raises(BotError, match="TOO_MANY_BROADCASTS"):
        await confirm(connected, prepared)
    async with connected.db.read() as session:
        paused = (await session.exec(select(Broadcast).where(Broadcast.state == BroadcastState.PAUSED))).first()
    assert paused is not None
    await connected.broadcasts.cancel(connected.team, paused.id, paused.version, "U1")

    assert (await confirm(connected, prepared)).state is SCHEDULED
