"""The numbers behind the chart, and the chart itself: every outcome is counted once, in its step."""

import io
from datetime import datetime, timedelta

from PIL import Image
from sqlmodel import col, update

from bot.broadcast.reporting.timeline import Timeline, is_settled, timeline_of
from handlers.slack.outbound import delivery_chart
from storage.models import Broadcast, Delivery
from storage.states import DeliveryState
from tests.databases import Clock
from tests.unit.broadcast.fixtures import Station

DELIVERED, BOUNCED, COMPLAINED = DeliveryState.DELIVERED, DeliveryState.BOUNCED, DeliveryState.COMPLAINED


async def becomes(station: Station, broadcast: Broadcast, seq: int, state: DeliveryState, at: datetime) -> None:
    this = update(Delivery).where(col(Delivery.broadcast_id) == broadcast.id, col(Delivery.seq) == seq)
    async with station.db.write() as session:
        await session.exec(this.values(state=state, at=at))


async def timeline(station: Station, broadcast: Broadcast) -> Timeline | None:
    async with station.db.read() as session:
        return await timeline_of(session, broadcast)


async def test_every_outcome_is_counted_once_in_its_step(connected: Station) -> None:
    broadcast = await connected.confirmed(28)
    await connected.run()
    broadcast = await connected.broadcast(broadcast.id)
    assert await timeline(connected, broadcast) is None
    start = broadcast.started_at or connected.clock()
    for seq in range(1, 25):
        await becomes(connected, broadcast, seq, DELIVERED, start + timedelta(seconds=seq * 10))
    await becomes(connected, broadcast, 25, BOUNCED, start + timedelta(seconds=95))
    await becomes(connected, broadcast, 26, COMPLAINED, start + timedelta(hours=1, seconds=59))

    line = await timeline(connected, broadcast)

    assert line is not None
    assert (line.size, line.step) == (28, timedelta(minutes=2))
    assert [line.total(outcome) for outcome in (DELIVERED, BOUNCED, COMPLAINED)] == [24, 1, 1]
    for outcome, after in ((BOUNCED, timedelta(seconds=95)), (COMPLAINED, timedelta(hours=1, seconds=59))):
        assert line.counts[outcome].index(1) == (start + after - line.start) // line.step
    assert line.start <= start < line.end


async def test_it_is_settled_once_nobody_is_on_the_way_or_ten_minutes_have_passed(connected: Station) -> None:
    broadcast = await connected.confirmed(2)
    await connected.run()
    broadcast = await connected.broadcast(broadcast.id)

    async def settled() -> bool:
        async with connected.db.read() as session:
            return await is_settled(session, broadcast)

    assert not await settled()
    await becomes(connected, broadcast, 1, DELIVERED, connected.clock())
    assert not await settled()
    connected.clock.advance(600)
    assert await settled()
    connected.clock.advance(-600)
    await becomes(connected, broadcast, 2, BOUNCED, connected.clock())
    assert await settled()


def drawn(delivered: list[int], bounced: list[int], step: timedelta, clock: Clock) -> Image.Image:
    line = Timeline(10**6, clock(), step, {DELIVERED: delivered, BOUNCED: bounced, COMPLAINED: [0] * len(bounced)})
    assert len(delivery_chart.alt_text(line)) <= delivery_chart.ALT_TEXT_LIMIT
    return Image.open(io.BytesIO(delivery_chart.draw(line)))


def test_the_chart_is_drawn_for_few_and_for_many(clock: Clock) -> None:
    for delivered, bounced, step in (
        ([1] + [0] * 11, [0] * 12, timedelta(seconds=1)),
        ([0] * 48, [1] * 48, timedelta(hours=12)),
        ([2_000_000] * 48, [1] + [0] * 47, timedelta(minutes=15)),
        ([7, 3] * 200, [1] * 400, timedelta(days=1)),
    ):
        picture = drawn(delivered, bounced, step, clock)
        assert (picture.format, picture.size) == ("PNG", (1200, 620))


def test_bars_stand_where_and_as_high_as_they_should(clock: Clock) -> None:
    picture = drawn([10] + [0] * 10 + [5], [0] * 12, timedelta(minutes=1), clock).convert("RGB")
    blue = (0, 114, 178)
    width = (1160 - 92) / 12
    tops = [
        next((y for y in range(176, 396) if picture.getpixel((round(92 + (step + 0.5) * width), y)) == blue), None)
        for step in range(12)
    ]
    assert tops[1:11] == [None] * 10
    assert tops[0] is not None
    assert tops[11] is not None
    assert abs((396 - tops[0]) - 2 * (396 - tops[11])) <= 4  # edges are smooth
