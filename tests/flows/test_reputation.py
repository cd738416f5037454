"""A4: bounces and complaints climb."""

import pytest
from sqlmodel import select

from storage.models import Broadcast, Delivery, Mailer, Suppression
from storage.states import BroadcastState, DeliveryState
from tests.flows.world import OVER_HTTP, OVER_SOCKET_MODE, UNDO_SECONDS, World, long_case


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
@pytest.mark.long
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
@pytest.mark.long
async def test_simulator_mail_does_not_count(world: World) -> None:
    await world.is_ready()
    rows = [f"bounce+{number}@simulator.amazonses.com" for number in range(20)]

    await world.sends("\n".join(["email", *rows, *(f"good{number}@else.test" for number in range(280))]).encode())
    await world.passes(60)

    assert not [text for text in world.bob.reads(world.news) if "bounced for good" in text]


@OVER_SOCKET_MODE
@pytest.mark.parametrize(
    ("count", "reason", "label"), [(13, "BOUNCE", "bounced"), long_case(3, "COMPLAINT", "complained")], ids=str
)
async def test_what_aws_kept_to_itself_is_shown_as_suppressed_and_stops_nothing(
    world: World, count: int, reason: str, label: str
) -> None:
    await world.is_ready(quota=250)
    for number in range(count):  # another program has put them on the account's list
        world.ses.suppress(f"bad{number}@else.test", reason)

    await world.sends(csv(250 - count, count))
    await world.passes(60)

    report = await world.bob.sees(world.news, "to 250 recipients is done")
    assert f"{250 - count} delivered" in report.text
    assert f"{count} suppressed, not mailed" in report.text
    assert f" {label}" not in report.text
    async with world.bot.db.read() as session:
        mailer = (await session.exec(select(Mailer))).one()
        suppressed = {row.address: row.reason.upper() for row in await session.exec(select(Suppression))}
    assert (mailer.bounced_lately, mailer.complained_lately) == (0, 0)
    assert suppressed == {f"bad{number}@else.test": reason for number in range(count)}
    assert not [
        text for text in world.bob.reads(world.news) if "bounced for good" in text or "drew a complaint" in text
    ]


@OVER_SOCKET_MODE
@pytest.mark.parametrize("outcome", ["NOT_SPAM", long_case("OUT_OF_OFFICE")])
async def test_not_spam_and_out_of_office_answers_are_deliveries(world: World, outcome: str) -> None:
    await world.is_ready(quota=250)
    bad(world, 13, outcome)

    await world.sends(csv(237, 13))
    await world.passes(60)

    report = await world.bob.sees(world.news, "to 250 recipients is done")
    assert "250 delivered" in report.text
    async with world.bot.db.read() as session:
        assert (await session.exec(select(Suppression))).all() == []
        notes = {row.error for row in await session.exec(select(Delivery)) if row.address.startswith("bad")}
    note = "not-spam" if outcome == "NOT_SPAM" else "Transient, General: smtp; 550 5.1.1 user unknown"
    assert notes == {note}


@OVER_SOCKET_MODE
@pytest.mark.long
async def test_what_was_not_delivered_for_now_is_bounced_and_neither_suppressed_nor_counted(world: World) -> None:
    await world.is_ready(quota=250)
    bad(world, 13, "SOFT_BOUNCE")
    world.ses.outcome("bad0@else.test", "UNDETERMINED")

    await world.sends(csv(237, 13))
    await world.passes(60)

    report = await world.bob.sees(world.news, "to 250 recipients is done")
    assert "237 delivered" in report.text
    assert "13 bounced" in report.text
    async with world.bot.db.read() as session:
        assert (await session.exec(select(Suppression))).all() == []
        assert (await session.exec(select(Mailer))).one().bounced_lately == 0


async def test_at_five_percent_a_running_broadcast_is_stopped_and_an_admin_may_go_on(world: World) -> None:
    await world.is_ready(quota=250)
    bad(world, 13, "BOUNCE")
    modal = await world.composes(csv(287, 13))  # the quota lets 250 go, and the rest waits
    modal.fill("Over the daily quota", ["Send it over days"])
    await world.confirms(modal)
    await world.passes(UNDO_SECONDS)
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
