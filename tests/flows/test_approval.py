"""Approval in the channel: the settings, a request, its review, changes asked for, withdrawn, approved, over."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlmodel import select

from bot.broadcast.approval.follow_up import APPROVERS_TICK
from bot.metrics import measure
from storage.models import Broadcast
from storage.states import BroadcastState
from tests.flows.program import Program
from tests.flows.test_api_sending import create, drafts
from tests.flows.test_draft_life import actions, pressed, submitted, the_broadcast
from tests.flows.test_identity_recovery import fails, replaces
from tests.flows.test_settings_admins import saves, team
from tests.flows.world import OVER_HTTP, OVER_SOCKET_MODE, UNDO_SECONDS, World
from tests.playground.slack.driver import Person, Seen
from tests.playground.slack.surfaces import Modal

HOURS = 3_600


def member(world: World, name: str, role: str = "member") -> Person:
    person = world.slack.person(name, role=role)
    world.news.members.add(person.id)
    return person


async def approval(world: World, **settings: Any) -> Modal:
    typed = {"Approval": "Always"} | {label.replace("_", " "): value for label, value in settings.items()}
    modal = await saves(world, "/mailer settings", "Settings", typed)
    await world.says_what_it_has_to()
    return modal


async def asks_for_approval(world: World, send_at: datetime | None = None) -> Seen:
    modal = await world.composes(send_at=send_at)
    assert "[Ask for approval]" in modal.text
    await submitted(world, modal)
    assert "waits for approval" in modal.text
    await modal.close()
    return await world.bob.sees(world.news, "asks to send")


async def answer(world: World, who: Person, message: Seen, label: str, title: str) -> Modal:
    """Press a button of a request, and look at what opens."""
    await pressed(world, message, label, who=who)
    return await who.modal(title)


# Settings


@OVER_HTTP
async def test_approvers_are_people_of_the_channel_and_enough_for_what_one_of_them_asks(world: World) -> None:
    cleo, far = member(world, "Cleo"), world.slack.person("Fay")

    modal = await approval(world, Approvers=[world.gus])
    assert "cannot be chosen here" in modal.errors["Approvers"]
    for people, said in (([cleo, far], "people of this channel"), ([cleo], "Name at least 2 people")):
        modal.fill("Approvers", people)
        await modal.submit()
        assert said in modal.errors["Approvers"]
    modal.fill("Approvers", [cleo, world.bob])
    modal.fill("How many", "2")
    await modal.submit()
    assert "Name at least 3 people" in modal.errors["Approvers"]
    modal.fill("How many", "1")
    await submitted(world, modal)

    assert "Saved" in modal.text
    told = await world.bob.sees(world.news, "changed the approval of broadcasts")
    assert "@Ada changed" in told.text
    assert "needs the approval of one of them now" in told.text
    assert set((await team(world)).approvers) == {cleo.id, world.bob.id}


@OVER_SOCKET_MODE
async def test_without_named_approvers_too_few_admins_are_a_warning(world: World) -> None:
    modal = await approval(world, At_least_this_many_recipients="500")

    assert "Saved" in modal.text
    assert "Too few team admins have been seen" in modal.text
    opened = await world.opens(world.ada, "/mailer settings", "Settings")
    assert (opened.value("Approval")["value"], opened.value("At least this many recipients")) == ("always", "500")


# A request


@OVER_HTTP
async def test_a_request_goes_back_with_a_note_is_mended_and_approved_by_another(world: World) -> None:
    cleo = member(world, "Cleo")
    await world.is_open()
    await approval(world, Approvers=[cleo, world.bob])

    message = await asks_for_approval(world)
    assert "@Bob asks to send Spring news to 2 people from hello@acme.test" in message.text.replace("*", "")
    assert message.text.count("hello@acme.test") == 1
    assert message.buttons == ["Review", "Approve and send", "Request changes", "Withdraw"]
    for who, why in (
        (world.bob, "somebody else must approve it"),
        (world.ada, "Only the approvers that the settings name"),
    ):
        await pressed(world, message, "Approve and send", who=who)
        assert (await who.sees(world.news, why)).ephemeral

    listed = await world.asks(world.ada, "/broadcast list", "waits for approval")
    assert "Approve and send" in listed.buttons

    note = await answer(world, cleo, message, "Request changes", "Request changes")
    note.fill("What should change", "Say *when* <!channel>")
    await submitted(world, note)
    back = await cleo.sees(world.news, "@Cleo asks for changes")
    assert back.in_thread
    assert "<!channel>" not in str(back.message.blocks)
    assert "is a draft again" in message.text
    await note.close()

    await pressed(world, message, "Edit")
    form = await world.bob.modal("New broadcast")
    form.fill("Subject", "Spring news on Monday")
    await submitted(world, form)
    await submitted(world, form)
    again = await cleo.sees(world.news, "asks again for approval")
    assert again.in_thread
    assert "@Cleo" in again.text

    review = await answer(world, cleo, message, "Review", "Review")
    assert "Changed since the last request: the subject." in review.text
    assert "[Approve and send]" in review.text
    await submitted(world, review)
    assert "Approved" in review.text
    assert world.aws.mails == []
    await world.passes(UNDO_SECONDS)

    assert "is done" in message.text
    assert "approved by @Cleo" in message.text
    assert {mail.subject for mail in world.aws.mails} == {"Spring news on Monday"}
    assert await actions(world) == ["ask", "request_changes", "edit", "ask", "approve", "start", "finish"]
    told = await world.asks(world.ada, "/mailer audit", "What was done last")
    assert "@Cleo asked for changes of the broadcast" in told.text


@OVER_SOCKET_MODE
async def test_who_may_not_approve_reviews_and_who_asked_withdraws(world: World) -> None:
    cleo, dan = member(world, "Cleo"), member(world, "Dan")
    await world.is_open()
    await approval(world, Approvers=[cleo, world.bob])
    message = await asks_for_approval(world)

    review = await answer(world, dan, message, "Review", "Review")
    assert "2 recipients will get" in review.text
    assert "[Approve and send]" not in review.text
    await pressed(world, message, "Withdraw", who=dan)
    await dan.sees(world.news, "Only who asked for approval, and team admins")

    await pressed(world, message, "Withdraw")

    assert "is a draft again" in message.text
    assert (await cleo.sees(world.news, "@Bob withdrew the request")).in_thread
    assert (await the_broadcast(world)).state is BroadcastState.DRAFT


@OVER_HTTP
async def test_two_approvals_where_two_are_wanted(world: World) -> None:
    cleo, dan = member(world, "Cleo"), member(world, "Dan")
    await world.is_open()
    await approval(world, Approvers=[cleo, dan, world.bob], How_many="2")
    message = await asks_for_approval(world)

    first = await answer(world, cleo, message, "Approve and send", "Approve and send")
    assert "Somebody else must approve it, too" in first.text
    assert "Approved so far by @Cleo" in message.text
    assert (await measure(world.bot.db, world.clock())).approvals_waiting == 1
    second = await answer(world, dan, message, "Approve and send", "Approve and send")

    assert "The channel shows how it goes" in second.text
    await world.passes(UNDO_SECONDS)
    assert len(world.aws.mails) == 2


@OVER_HTTP
async def test_an_approver_who_left_the_channel_approves_nothing_and_the_channel_hears_that_too_few_are_left(
    world: World,
) -> None:
    cleo = member(world, "Cleo", role="admin")
    await world.is_open()
    await approval(world, Approvers=[cleo, world.bob])
    message = await asks_for_approval(world)
    await world.bot.slack.watch_approvers()
    await world.settle()
    assert not any("Too few people are left" in text for text in world.bob.reads(world.news))
    review = await answer(world, cleo, message, "Review", "Review")

    world.news.members.discard(cleo.id)
    await world.passes(301)  # who is in a channel is remembered for five minutes
    for _ in range(2):
        await world.bot.slack.watch_approvers()
        await world.settle()

    told = [text for text in world.bob.reads(world.news) if "Too few people are left" in text]
    assert len(told) == 1
    assert "/mailer settings" in told[0]
    await review.submit()
    await world.settle()
    assert "Approvers must be in the channel" in review.text
    assert (await the_broadcast(world)).state is BroadcastState.AWAITING_APPROVAL
    assert message.buttons


@OVER_HTTP
async def test_that_an_approver_was_deactivated_is_looked_at_at_once(world: World) -> None:
    cleo = member(world, "Cleo")
    await world.is_open()
    await approval(world, Approvers=[cleo, world.bob])
    await asks_for_approval(world)
    await world.bot.slack.watch_approvers()
    woken: list[str] = []
    world.bot.db.wake = woken.append

    await world.slack.change_role(world.gus, "member")
    assert APPROVERS_TICK not in woken
    await world.slack.change_role(cleo, "deactivated")
    assert APPROVERS_TICK in woken
    await world.bot.slack.watch_approvers()
    await world.settle()

    told = await world.bob.sees(world.news, "Too few people are left")
    assert "owners and admins of the workspace" in told.text


@OVER_HTTP
async def test_too_few_approvers_are_said_at_a_click_and_the_appointed_admins_named(world: World) -> None:
    cleo, dan = member(world, "Cleo"), member(world, "Dan")
    await world.is_open()
    await saves(world, "/mailer admins", "Team admins", {"Team admins": [dan]})
    await approval(world, Approvers=[cleo, world.bob])
    message = await asks_for_approval(world)
    world.news.members.discard(cleo.id)
    await world.passes(301)

    await answer(world, world.bob, message, "Review", "Review")

    assert "@Dan" in (await world.bob.sees(world.news, "Too few people are left")).text


@OVER_SOCKET_MODE
@pytest.mark.long
async def test_its_clock_stands_while_access_is_lost_and_the_channel_hears_how_long(world: World) -> None:
    cleo = member(world, "Cleo")
    await world.is_open()
    await approval(world, Approvers=[cleo, world.bob])
    message = await asks_for_approval(world)
    key = str(world.aws.calls[-1].access_key_id)
    world.aws.revoke(key)
    await world.passes(600)
    await world.passes(30)
    await world.bot.services.approval_follow_up.tick()
    await world.passes(8 * 24 * HOURS)
    await world.bot.services.approval_follow_up.tick()
    assert (await the_broadcast(world)).state is BroadcastState.AWAITING_APPROVAL

    world.aws.restore(key)
    await world.passes(600)
    await world.bot.services.approval_follow_up.tick()
    await world.says_what_it_has_to()

    told = await cleo.sees(world.news, "nobody could give it")
    assert told.in_thread
    assert "For 8 days" in told.text
    assert "Approve and send" in message.buttons


@OVER_SOCKET_MODE
async def test_it_reminds_after_four_hours_and_is_a_draft_again_after_seven_days(world: World) -> None:
    cleo = member(world, "Cleo")
    await world.is_open()
    await approval(world, Approvers=[cleo, world.bob])
    message = await asks_for_approval(world)

    world.clock.advance(4 * HOURS)
    woken: list[str] = []
    world.bot.db.wake = woken.append
    await world.bot.services.approval_follow_up.tick()
    assert APPROVERS_TICK in woken
    await world.says_what_it_has_to()
    reminder = await cleo.sees(world.news, "still waits for approval")
    assert reminder.in_thread
    assert "@Cleo" in reminder.text
    world.clock.advance(7 * 24 * HOURS)
    await world.bot.services.approval_follow_up.tick()
    await world.says_what_it_has_to()

    assert (await cleo.sees(world.news, "Nobody approved")).in_thread
    assert "is a draft again" in message.text


@OVER_HTTP
async def test_a_form_drawn_before_the_rule_asks_for_approval_instead_of_sending(world: World) -> None:
    cleo = member(world, "Cleo")
    await world.is_open()
    modal = await world.composes()
    await approval(world, Approvers=[cleo, world.bob])

    await submitted(world, modal)

    assert "[Ask for approval]" in modal.text
    await submitted(world, modal)
    assert (await the_broadcast(world)).state is BroadcastState.AWAITING_APPROVAL


# A program


@OVER_HTTP
async def test_a_program_is_refused_what_needs_approval_and_nothing_of_it_stays(world: World, program: Program) -> None:
    await world.is_open()
    await approval(world, Approval="From … recipients", At_least_this_many_recipients="2")

    refused = await create(program, "k1")

    assert (refused.status, refused.json.get("code")) == (409, "APPROVAL_REQUIRED"), refused.raw
    assert await drafts(world) == 0
    async with world.bot.db.read() as session:
        assert (await session.exec(select(Broadcast))).all() == []
    made = await create(program, "k2", audience="email\nann@elsewhere.test\n")
    assert made.status == 201


# Another From


@OVER_HTTP
async def test_what_was_approved_is_asked_for_again_when_its_from_address_is_replaced(world: World) -> None:
    cleo = member(world, "Cleo")
    await world.is_ready()
    await approval(world, Approvers=[cleo, world.bob])
    message = await asks_for_approval(world, send_at=world.clock.now() + timedelta(days=7))
    await (await answer(world, cleo, message, "Approve and send", "Approve and send")).close()
    before = await the_broadcast(world)
    assert (before.state, before.approved_by) == (BroadcastState.SCHEDULED, [cleo.id])

    await replaces(world, await fails(world), "acme.example", move=True)

    waits = await the_broadcast(world)
    assert (waits.state, waits.approved_by) == (BroadcastState.AWAITING_APPROVAL, [])
    assert (waits.start_at, waits.from_address) == (before.start_at, "hello@acme.example")
    assert "@Ada asks to send" in message.text
    world.ses.verify("acme.example")
    await world.passes(600)
    await (await answer(world, cleo, message, "Approve and send", "Approve and send")).close()
    await world.passes(7 * 24 * HOURS)
    assert {mail.sender for mail in world.aws.mails} == {"hello@acme.example"}


@OVER_HTTP
async def test_the_approvals_of_a_request_are_void_when_its_from_address_is_replaced(world: World) -> None:
    cleo, dan = member(world, "Cleo"), member(world, "Dan")
    await world.is_ready()
    await approval(world, Approvers=[cleo, dan, world.bob], How_many="2")
    message = await asks_for_approval(world)
    await (await answer(world, cleo, message, "Approve and send", "Approve and send")).close()
    assert (await the_broadcast(world)).approved_by == [cleo.id]

    await replaces(world, await fails(world), "acme.example", move=True)
    world.ses.verify("acme.example")
    await world.passes(600)
    await (await answer(world, dan, message, "Approve and send", "Approve and send")).close()

    waits = await the_broadcast(world)
    assert (waits.state, waits.approved_by) == (BroadcastState.AWAITING_APPROVAL, [dan.id])
