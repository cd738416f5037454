"""A draft: taken back, edited, by two people too, used again, discarded; and its end."""

from datetime import timedelta

from sqlmodel import func, select

from storage.models import Broadcast, Delivery
from storage.states import BroadcastState
from tests.audit_log import audits
from tests.flows.program import Program
from tests.flows.test_api_sending import create
from tests.flows.world import AUDIENCE, BOTH_DATABASES, OVER_HTTP, OVER_SOCKET_MODE, UNDO_SECONDS, World
from tests.playground.slack.driver import Person, Seen
from tests.playground.slack.surfaces import Modal

THREE = b"email,first_name\nann@elsewhere.test,Ann\nben@elsewhere.test,\ncyd@elsewhere.test,Cyd\n"
FORM = "New broadcast"


async def pressed(world: World, on: Seen | Modal, label: str, *, who: Person | None = None) -> None:
    if isinstance(on, Modal):
        await on.press(label)
    else:
        await (who or world.bob).press(on, label)
    await world.settle()


async def submitted(world: World, modal: Modal) -> Modal:
    await modal.submit()
    await world.settle()
    return modal


async def the_broadcast(world: World) -> Broadcast:
    async with world.bot.db.read() as session:
        return (await session.exec(select(Broadcast))).one()


async def actions(world: World) -> list[str]:
    return [row.action.removeprefix("broadcast.") for row in await audits(world.bot.db, "broadcast.")]


async def test_undo_makes_a_draft_again_that_anybody_who_may_send_edits_and_sends(world: World) -> None:
    await world.is_open()
    message = await world.confirms(await world.composes())

    await pressed(world, message, "Undo")
    await world.passes(UNDO_SECONDS)

    assert "Taken back, nothing was sent" in message.text
    assert message.buttons == ["Edit", "Check and send", "Discard"]
    assert world.aws.mails == []
    async with world.bot.db.read() as session:
        assert (await session.exec(select(func.count()).select_from(Delivery))).one() == 0

    await pressed(world, message, "Edit", who=world.ada)
    form = await world.ada.modal(FORM)
    assert (form.value("Subject"), form.value("Send at")) == ("Spring news", None)
    assert "Audience: 2 from people.csv (kept)" in form.text
    form.fill("Subject", "Spring news, mended")
    await world.confirms(await submitted(world, form))
    await world.passes(UNDO_SECONDS)

    assert sorted(mail.to[0] for mail in world.aws.mails) == ["ann@elsewhere.test", "ben@elsewhere.test"]
    assert {mail.subject for mail in world.aws.mails} == {"Spring news, mended"}
    assert (await actions(world))[:4] == ["confirm", "undo", "edit", "confirm"]


@OVER_HTTP
async def test_a_scheduled_one_that_is_edited_leaves_the_schedule_and_keeps_its_time(world: World) -> None:
    await world.is_open()
    at = int(world.clock().timestamp()) + 86_400
    message = await world.confirms(await world.composes(send_at=at))

    await pressed(world, message, "Edit")

    form = await world.bob.modal(FORM)
    assert form.value("Send at") == at
    assert (await the_broadcast(world)).state is BroadcastState.DRAFT
    await world.passes(2 * 86_400)
    assert world.aws.mails == []
    await form.close()
    await pressed(world, message, "Edit")
    form = await world.bob.modal(FORM)
    assert form.value("Send at") is None
    assert "The time chosen for it is past" in form.text
    await form.close()
    await pressed(world, message, "Check and send")
    await submitted(world, check := await world.bob.modal("Check and send"))
    assert "This time is past" in check.text
    assert (await the_broadcast(world)).state is BroadcastState.DRAFT


@OVER_SOCKET_MODE
async def test_one_that_was_paused_before_it_began_is_edited_and_one_that_has_begun_is_not(world: World) -> None:
    await world.is_open()
    message = await world.confirms(await world.composes(send_at=world.clock() + timedelta(hours=2)))
    await world.passes(timedelta(hours=4).total_seconds())
    assert message.buttons == ["Resume", "Edit", "Cancel broadcast"]
    await pressed(world, message, "Edit")
    assert (await the_broadcast(world)).state is BroadcastState.DRAFT
    await (await world.bob.modal(FORM)).close()

    await pressed(world, message, "Edit")
    await world.confirms(await submitted(world, await world.bob.modal(FORM)))
    async with world.bot.db.write() as session:
        row = (await session.exec(select(Broadcast).with_for_update())).one()
        row.state, row.started_at = BroadcastState.SENDING, world.clock()
        session.add(row)
    await world.bob.press(message, "Undo", stale=True)
    await world.bob.sees(
        world.news, "This broadcast has begun, so it cannot be taken back. Pause or cancel it instead."
    )


async def test_back_gives_the_form_again_with_the_audience_kept(world: World) -> None:
    await world.is_open()
    modal = await world.composes(preheader="What is new", reply_to="office@acme.test")

    await pressed(world, modal, "Back")

    assert modal.title == FORM
    assert [modal.value(label) for label in ("Subject", "Preheader", "Reply-to")] == [
        "Spring news",
        "What is new",
        "office@acme.test",
    ]
    modal.fill("Subject", "Summer news for {{first_name|you}}")
    await submitted(world, modal)
    assert "2 recipients will get “Summer news for {{first_name|you}}”" in modal.text
    assert "Summer news for Ann" in modal.text

    await pressed(world, modal, "Back")
    modal.fill("Subject", "Spring news")
    await pressed(world, modal, "Choose another")
    assert modal.value("Subject") == "Spring news"
    modal.fill("Audience CSV", ("three.csv", THREE))
    await submitted(world, modal)
    assert "3 recipients will get “Spring news”" in modal.text
    draft = await the_broadcast(world)
    assert (draft.size, draft.version) == (3, 3)


async def test_next_without_an_audience_saves_the_draft_and_says_what_is_missing(world: World) -> None:
    await world.is_open()
    modal = await world.opens(world.bob, "/broadcast", FORM)
    for label, value in (("From", "hello@acme.test"), ("Subject", "Spring news"), ("Message", "Hello {{first_name}}")):
        modal.fill(label, value)

    await submitted(world, modal)

    assert "It has no audience yet" in modal.text
    await pressed(world, modal, "Back")
    assert modal.value("Subject") == "Spring news"
    modal.fill("Audience CSV", ("people.csv", AUDIENCE))
    await world.confirms(await submitted(world, modal))
    await world.passes(UNDO_SECONDS)
    assert len(world.aws.mails) == 2


@OVER_HTTP
async def test_each_sees_their_own_drafts_and_discards_one(world: World) -> None:
    await world.is_open()
    await world.composes()
    form = await world.opens(world.bob, "/broadcast", FORM)
    assert "You have 1 draft: /broadcast drafts" in form.text
    await form.close()
    await world.asks(world.ada, "/broadcast drafts", "You have no drafts")

    mine = await world.asks(world.bob, "/broadcast drafts", "Spring news")
    assert "2 from people.csv" in mine.text
    before = len(world.slack.messages(world.news))
    await pressed(world, mine, "Discard")

    await world.bob.sees(world.news, "The draft “Spring news” was discarded")
    assert len(world.slack.messages(world.news)) == before
    await world.asks(world.bob, "/broadcast drafts", "You have no drafts")
    assert (await actions(world)) == ["discard"]


@OVER_HTTP
async def test_the_draft_of_somebody_else_is_not_touched(world: World) -> None:
    await world.is_open()
    await world.composes()
    mine = await world.asks(world.bob, "/broadcast drafts", "Spring news")
    stored = await world.everything_stored()
    mine.message.shown_to = None  # as if they had it
    cyd = world.slack.person("Cyd", role="member")
    world.news.members.add(cyd.id)

    for label in ("Edit", "Check and send", "Discard"):
        await pressed(world, mine, label, who=cyd)

    await cyd.sees(world.news, "This draft is somebody else's")
    assert await world.everything_stored() == stored
    for label in ("Edit", "Discard"):  # an admin
        await pressed(world, mine, label, who=world.ada)
    await world.ada.sees(world.news, "This draft is somebody else's")
    assert await actions(world) == ["discard"]


@BOTH_DATABASES
async def test_who_saves_second_sees_what_the_other_changed_and_loses_nothing_typed(world: World) -> None:
    await world.is_open()
    message = await world.confirms(await world.composes())
    await pressed(world, message, "Undo")
    await pressed(world, message, "Edit")
    await pressed(world, message, "Edit", who=world.ada)
    bobs, adas = await world.bob.modal(FORM), await world.ada.modal(FORM)
    adas.fill("Subject", "Ada's news")
    await submitted(world, adas)
    bobs.fill("Subject", "Bob's news")
    bobs.fill("Preheader", "By Bob")

    await submitted(world, bobs)

    assert "@Ada changed the subject since you opened this form" in bobs.text
    assert "the subject: “Ada's news”" in bobs.text
    assert (bobs.value("Subject"), bobs.value("Preheader")) == ("Bob's news", "By Bob")
    await submitted(world, bobs)
    assert "will get “Bob's news”" in bobs.text

    await pressed(world, adas, "Back")
    assert adas.value("Subject") == "Bob's news"
    await pressed(world, bobs, "Back")
    adas.fill("Subject", "Ada's again")
    await submitted(world, adas)
    bobs.fill("Subject", "Bob's again")
    await submitted(world, bobs)
    await pressed(world, bobs, "Take theirs")
    assert "will get “Ada's again”" in bobs.text
    await pressed(world, bobs, "Back")
    assert bobs.value("Subject") == "Ada's again"


async def test_a_file_chosen_in_a_form_that_is_drawn_for_a_conflict_is_asked_for_again(world: World) -> None:
    await world.is_open()
    message = await world.confirms(await world.composes())
    await pressed(world, message, "Undo")
    await pressed(world, message, "Edit")
    await pressed(world, message, "Edit", who=world.ada)
    bobs, adas = await world.bob.modal(FORM), await world.ada.modal(FORM)
    adas.fill("Subject", "Ada's news")
    await submitted(world, adas)
    await pressed(world, bobs, "Choose another")
    bobs.fill("Audience CSV", ("three.csv", THREE))

    await submitted(world, bobs)

    assert "@Ada changed the subject since you opened this form" in bobs.text
    assert "Choose the file again: Slack does not keep it." in bobs.text


async def test_the_same_subject_to_the_same_audience_within_a_day_is_said(world: World) -> None:
    await world.is_open()
    await world.confirms(await world.composes())
    await world.passes(UNDO_SECONDS)
    await world.passes(3 * 3_600)
    said = "The same subject went to the same audience 3 hours ago."

    assert said in (await world.composes()).text
    for other in (await world.composes(subject="Summer news"), await world.composes(THREE)):
        assert "The same subject went" not in other.text
    world.clock.advance(22 * 3_600)
    assert "The same subject went" not in (await world.composes()).text


async def test_one_that_was_sent_is_used_again_with_its_saved_audience_as_it_is_now(world: World) -> None:
    await world.is_open()
    await world.confirms(await world.composes(save_as="Customers", reply_to="office@acme.test"))
    await world.passes(UNDO_SECONDS)
    await world.composes(THREE, save_as="Customers")
    message = await world.bob.sees(world.news, "“Spring news” to 2 recipients is done")

    await (await world.bob.modal("Check and send")).close()
    await pressed(world, message, "Use again", who=world.ada)

    form = await world.ada.modal(FORM)
    assert "The saved audience is as it is now: 2 then, 3 now." in form.text
    assert (form.value("Subject"), form.value("Reply-to")) == ("Spring news", "office@acme.test")
    await submitted(world, form)
    assert "3 recipients will get “Spring news”" in form.text
    assert "The same subject went to the same audience" in form.text


async def test_a_draft_that_nobody_changes_is_discarded_after_a_notice_a_day_before(world: World) -> None:
    await world.is_open()
    await world.composes()

    for days in (28.5, 1, 0.2):
        world.clock.advance(days * 86_400)
        await world.bot.housekeeping.purge()
    await world.says_what_it_has_to()

    told = [m for m in world.slack.messages(world.bob.dm) if "The draft “Spring news” goes" in world.slack.text_of(m)]
    assert len(told) == 1
    world.clock.advance(86_400)
    await world.bot.housekeeping.purge()
    assert (await actions(world)) == ["expire"]
    await world.asks(world.bob, "/broadcast drafts", "You have no drafts")


@OVER_HTTP
async def test_of_a_programs_draft_that_ends_the_channel_hears(world: World, program: Program) -> None:
    await world.is_open()
    await create(program)
    await world.settle()
    await pressed(world, await world.bob.sees(world.news, "Spring news"), "Undo")

    for days in (28.5, 1):
        world.clock.advance(days * 86_400)
        await world.bot.housekeeping.purge()
    await world.says_what_it_has_to()

    notice = await world.ada.sees(world.news, "The draft “Spring news” goes")
    assert notice.buttons == ["Edit", "Check and send", "Discard"]
