"""A4: bounces and complaints climb."""

from sqlmodel import select

from storage.models import Broadcast, Delivery
from storage.states import BroadcastState, DeliveryState
from tests.flows.world import OVER_HTTP, OVER_SOCKET_MODE, World


def csv(good: int, bad: int) -> bytes:
    bad_ones = [f"bad{number}@else.test" for number in range(bad)]
    return "\n".join(["email", *bad_ones, *(f"good{number}@else.test" for number in range(good))]).encode()


def bad(world: World, count: int, outcome: str) -> None:
    for number in range(count):
        world.ses.outcome(f"bad{number}@else.test", outcome)


async def the_broadcast(world: World) -> Broadcast:
    async with world.bot.db.read() as session:
        return (await session.exec(select(Broadcast))).one()


async def pending(world: World) -> int:
    async with world.bot.db.read() as session:
        rows = await session.exec(select(Delivery).where(Delivery.state == DeliveryState.PENDING))
        return len(rows.all())


@OVER_HTTP
async def test_bounces_warn_at_two_and_a_half_percent(world: World) -> None:
    await world.is_ready()
    bad(world, 10, "BOUNCE")

    await world.sends(csv(290, 10))
    await world.passes(60)

    alert = await world.bob.sees(world.news, "of 300 mails in the last 24 hours bounced for good")
    assert "10 of 300" in alert.text
    assert "Nothing yet" in alert.text
    assert alert.buttons == ["Acknowledge"]


@OVER_SOCKET_MODE
async def test_complaints_warn_too_and_end_after_a_day(world: World) -> None:
    await world.is_ready()
    bad(world, 3, "COMPLAINT")

    await world.sends(csv(1100, 3))
    await world.passes(60)
    await world.bob.sees(world.news, "drew a complaint")

    await world.passes(25 * 3600)
    await world.passes(600)
    await world.bob.sees(world.news, "Over since")


@OVER_SOCKET_MODE
async def test_simulator_mail_does_not_count(world: World) -> None:
    await world.is_ready()
    rows = [f"bounce+{number}@simulator.amazonses.com" for number in range(20)]

    await world.sends("\n".join(["email", *rows, *(f"good{number}@else.test" for number in range(280))]).encode())
    await world.passes(60)

    assert not [text for text in world.bob.reads(world.news) if "bounced for good" in text]


async def test_at_five_percent_a_running_broadcast_is_stopped_and_an_admin_may_go_on(world: World) -> None:
    await world.is_ready(quota=250)
    bad(world, 13, "BOUNCE")
    await world.sends(csv(287, 13))  # the quota lets 250 go, and the rest waits
    await world.passes(60)

    broadcast = await the_broadcast(world)
    assert broadcast.state is BroadcastState.STOPPED
    assert await pending(world) == 50
    message = await world.bob.sees(world.news, "was stopped")
    assert "13 of 250 mails bounced for good (5.2 %)" in message.text
    await world.bob.sees(world.news, "has been stopped")

    await world.bob.press(message, "Resume")
    await world.bob.sees(world.news, "Only team admins can do this")
    assert (await the_broadcast(world)).state is BroadcastState.STOPPED

    world.ses.grant_production(quota=50_000, rate=50)
    await world.passes(600)
    await world.ada.press(message, "Resume")
    await world.settle()
    await world.passes(60)

    assert (await the_broadcast(world)).state is BroadcastState.DONE
    assert await pending(world) == 0
