"""A broadcast under way: undo, pause, resume, cancel, the quota; and that one click has one effect, by whomever."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlmodel import col, select

from storage.models import Broadcast, Mailer
from storage.states import BroadcastState
from tests.audit_log import audits
from tests.flows.world import BOTH_DATABASES, UNDO_SECONDS, World, long_case
from tests.playground.slack.driver import Seen

DAY = 24 * 3600


def people(count: int) -> bytes:
    return "\n".join(["email", *(f"person{number}@elsewhere.test" for number in range(count))]).encode()


def numbers(message: Seen) -> dict[str, int]:
    """The counts that a message about a broadcast shows, by label."""
    found = re.findall(
        r"([\d,]+) (sent|delivered|waiting|being sent|in doubt|failed|suppressed|cancelled)", message.text
    )
    return {label: int(number.replace(",", "")) for number, label in found}


async def the_broadcast(world: World) -> Broadcast:
    async with world.bot.db.read() as session:
        return (
            await session.exec(select(Broadcast).order_by(col(Broadcast.created_at).desc()))
        ).first() or pytest.fail()


async def actions(world: World) -> list[str]:
    """What the audit says was done to broadcasts, in order."""
    return [row.action.removeprefix("broadcast.") for row in await audits(world.bot.db, "broadcast.")]


@asynccontextmanager
async def in_the_middle(world: World) -> AsyncIterator[None]:
    """Stop the clock's hands while the first call of a broadcast is on its way to AWS."""
    fault = world.aws.fail("ses:SendBulkEmail", "hang_before")
    world.clock.advance(UNDO_SECONDS)
    await world.bot.services.dispatcher.tick()
    await asyncio.to_thread(fault.reached.wait, 10)
    await world.says_what_it_has_to()
    yield
    await world.bot.tasks.idle()
    fault.release()
    await world.bot.services.dispatcher.idle()
    await world.settle()


async def test_a_broadcast_can_be_undone_for_thirty_seconds(world: World) -> None:
    await world.is_open()
    modal = await world.composes()
    message = await world.confirms(modal)
    assert "It starts in 30 seconds; Undo is in the channel until then" in modal.text
    assert "Broadcast “Spring news” to 2 recipients starts" in message.text

    await world.bob.press(message, "Undo")
    await world.passes(UNDO_SECONDS)

    assert "Taken back, nothing was sent" in message.text
    assert message.buttons == ["Edit", "Check and send", "Discard"]
    assert world.aws.mails == []


@BOTH_DATABASES
async def test_everybody_gets_it_once_and_the_report_adds_up(world: World) -> None:
    await world.is_open(rate=5)

    message = await world.sends(people(12))

    await world.passes(10)
    assert "“Spring news” to 12 recipients is done" in message.text
    assert sum(numbers(message).values()) == 12
    receivers = [mail.to[0] for mail in world.aws.mails]
    assert len(receivers) == len(set(receivers)) == 12
    assert len([m for m in world.slack.messages(world.news) if "Spring news" in world.slack.text_of(m)]) == 1


async def test_pause_stops_after_what_is_under_way_and_resume_goes_on(world: World) -> None:
    await world.is_open(rate=5)
    message = await world.confirms(await world.composes(people(12)))

    async with in_the_middle(world):
        assert message.buttons == ["Pause", "Cancel broadcast", "Get the list"]
        assert numbers(message) == {"being sent": 5, "waiting": 7}
        assert "is being sent" in message.text
        await world.bob.press(message, "Pause")
    assert "is paused: somebody pressed Pause" in message.text
    assert len(world.aws.mails) == 5
    assert sum(numbers(message).values()) == 12
    assert numbers(message)["waiting"] == 7
    await world.passes(3600)
    assert len(world.aws.mails) == 5

    await world.ada.press(message, "Resume")
    await world.bot.tasks.idle()
    await world.settle()

    assert "is done" in message.text
    assert len({mail.to[0] for mail in world.aws.mails}) == len(world.aws.mails) == 12


async def test_cancel_asks_once_more_and_then_nobody_else_is_mailed(world: World) -> None:
    await world.is_open(rate=5)
    message = await world.confirms(await world.composes(people(12)))

    async with in_the_middle(world):
        await world.bob.press(message, "Cancel broadcast", confirm=False)
        await world.bot.tasks.idle()
        assert (await the_broadcast(world)).state is BroadcastState.SENDING
        await world.bob.press(message, "Cancel broadcast")

    assert "was cancelled" in message.text
    assert len(world.aws.mails) == 5
    assert numbers(message)["cancelled"] == 7
    assert sum(numbers(message).values()) == 12
    await world.passes(3600)
    assert len(world.aws.mails) == 5


@pytest.mark.parametrize("size", [12, long_case(51)])  # a small one, and a larger
async def test_over_the_quota_it_is_confirmed_pauses_by_itself_and_goes_on_as_the_quota_frees(
    world: World, size: int
) -> None:
    await world.is_open(quota=1_000, rate=50)
    world.ses.set_quota(sent=990)
    await world.passes(600)

    modal = await world.composes(people(size))
    assert f"This goes to {size} recipients, and 10 of the daily quota of 1,000 is left (990 sent" in modal.text
    assert "it pauses when the quota is used up, goes on as it frees, takes about 24 hours" in modal.text
    assert modal.text.count("24 hours.") == 1, "said once"
    modal.fill("Over the daily quota", ["Send it over days"])
    message = await world.confirms(modal)
    await world.passes(UNDO_SECONDS)
    assert "is paused: the daily quota is used up; it goes on by itself as the quota frees" in message.text
    assert len(world.aws.mails) == 10
    assert sum(numbers(message).values()) == size

    await world.passes(DAY)
    await world.passes(700)

    assert "is done" in message.text
    assert len({mail.to[0] for mail in world.aws.mails}) == len(world.aws.mails) == size


@pytest.mark.parametrize("how", ["Resume", "newer facts"])
async def test_a_quota_that_is_free_lets_a_broadcast_go_on_at_once(world: World, how: str) -> None:
    await world.is_open(quota=1_000, rate=50)
    world.ses.set_quota(sent=990)
    await world.passes(600)
    modal = await world.composes(people(12))
    modal.fill("Over the daily quota", ["Send it over days"])
    message = await world.confirms(modal)
    await world.passes(UNDO_SECONDS)
    assert "is paused: the daily quota is used up" in message.text
    await world.ada.press(message, "Resume")
    await world.bot.tasks.idle()
    assert await world.ada.sees(world.news, "The daily quota is used up: this broadcast goes on by itself as it frees.")

    world.ses.set_quota(sent=100)
    if how == "Resume":  # asks AWS, whatever the last facts say
        await world.ada.press(message, "Resume")
        await world.bot.tasks.idle()
        await world.settle()
    else:
        async with world.bot.db.read() as session:
            mailer = (await session.exec(select(Mailer))).one()
        await world.bot.services.monitor.refresh(mailer)
        await world.passes(60)

    assert "is done" in message.text
    assert len({mail.to[0] for mail in world.aws.mails}) == len(world.aws.mails) == 12


@BOTH_DATABASES
async def test_every_button_of_a_broadcast_has_one_effect_however_often_and_by_whomever_it_is_pressed(
    world: World,
) -> None:
    await world.is_open(rate=5)
    modal = await world.composes(people(12))
    world.slack.deliver_twice(1)
    message = await world.confirms(modal)
    assert await actions(world) == ["confirm"]

    async def both_press(label: str) -> None:
        """Two people at the same moment, and one of them again, on what was there before."""
        world.slack.deliver_twice(2)
        await asyncio.gather(*(who.press(message, label, stale=False) for who in (world.ada, world.bob)))
        await world.bot.tasks.idle()

    async with in_the_middle(world):
        await both_press("Pause")
    assert await actions(world) == ["confirm", "start", "pause"]
    await both_press("Resume")
    await world.bot.services.dispatcher.idle()
    assert (await actions(world))[3:] == ["resume"]
    await world.settle()
    assert await actions(world) == ["confirm", "start", "pause", "resume", "finish"]
    assert len({mail.to[0] for mail in world.aws.mails}) == len(world.aws.mails) == 12

    for label in ("Undo", "Cancel broadcast"):
        message = await world.confirms(await world.composes(people(3)))
        before = await actions(world)
        await both_press(label)
        assert (await actions(world))[len(before) :] == ["undo" if label == "Undo" else "cancel"]
        losers = [text for who in (world.ada, world.bob) for text in who.reads(world.news) if "already" in text]
        now = "is a draft" if label == "Undo" else "was cancelled"
        assert any(f"This broadcast {now} already, so nothing was changed." in text for text in losers)
    await world.passes(UNDO_SECONDS)
    assert len(world.aws.mails) == 12


async def test_a_button_that_is_out_of_date_gets_an_honest_answer_that_only_its_reader_sees(world: World) -> None:
    await world.is_open()
    message = await world.sends()
    await world.passes(10)
    assert message.buttons == ["Get the list", "Use again"]

    await world.bob.press(message, "Undo", stale=True)

    answer = await world.bob.sees(world.news, "This broadcast is done already, so nothing was changed.")
    assert answer.ephemeral
    assert (await the_broadcast(world)).state is BroadcastState.DONE


async def test_a_button_drawn_before_a_change_does_nothing_and_says_so(world: World) -> None:
    await world.is_open(rate=5)
    message = await world.confirms(await world.composes(people(12)))
    async with in_the_middle(world):
        seen_by_bob = await world.bob.sees(world.news, "is being sent")
        await world.ada.press(message, "Pause")
    await world.ada.press(message, "Resume")
    await world.bot.tasks.idle()

    await world.bob.press(seen_by_bob, "Pause", stale=True)

    assert (await world.bob.sees(world.news, "has changed since this message was drawn")).ephemeral
    assert await actions(world) == ["confirm", "start", "pause", "resume"]
