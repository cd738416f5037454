"""Once a broadcast is out: what is in doubt or has failed, the list of recipients, the chart, `/broadcast list`."""

import asyncio
import csv
import io

import pytest
from PIL import Image
from sqlmodel import select

from storage.models import Delivery
from tests.flows.test_broadcast import actions, in_the_middle, people
from tests.flows.test_settings_admins import saves
from tests.flows.world import BOTH_DATABASES, OVER_HTTP, UNDO_SECONDS, World
from tests.playground.slack.driver import Person, Seen
from tests.playground.slack.surfaces import Modal
from tests.playground.slack.world import File

BULK = "ses:SendBulkEmail"


async def with_doubts(world: World, csv: bytes) -> Seen:
    """The report of a broadcast of whose first call nobody knows whether AWS took it (it did not)."""
    await world.is_open(rate=5)
    world.aws.fail(BULK, "refuse")
    message = await world.sends(csv)
    await world.passes(10)
    assert "is done" in message.text
    return message


async def presses(world: World, message: Seen, label: str, who: Person, *, stale: bool = False) -> None:
    await who.press(message, label, stale=stale)
    await world.bot.tasks.idle()
    await world.settle()


async def opens(world: World, message: Seen, label: str, who: Person) -> Modal:
    await who.press(message, label)
    await world.bot.tasks.idle()
    return await who.modal(label)


async def submits(world: World, modal: Modal) -> None:
    await modal.submit()
    await world.bot.tasks.idle()
    await world.settle()
    await world.passes(10)


def files_in(world: World, person: Person) -> list[File]:
    return [file for message in world.slack.world.visible_messages(person.dm) for file in message.files]


def rows_of(file: File) -> list[list[str]]:
    return list(csv.reader(io.StringIO(file.content.decode("utf-8-sig"))))


def charts(world: World, message: Seen) -> list[File]:
    """The pictures in the thread under a message of the channel."""
    replies = [each for each in world.slack.messages(world.news) if each.thread_ts == message.ts]
    return [file for reply in replies for file in reply.files]


@pytest.mark.long
async def test_what_is_in_doubt_is_left_as_it_is_unless_somebody_says_otherwise(world: World) -> None:
    message = await with_doubts(world, people(12))
    assert "5 in doubt: AWS did not say; never sent again by itself" in message.text
    assert "5 recipients are in doubt. The connection broke before Amazon SES answered" in message.text
    assert message.buttons == ["Leave as is", "Send again", "Get the list", "Use again"]
    await world.passes(3600)
    assert len(world.aws.mails) == 7

    as_it_was = await world.ada.sees(world.news, "is done")
    world.slack.deliver_twice(2)
    await asyncio.gather(*(who.press(message, "Leave as is") for who in (world.ada, world.bob)))
    await world.bot.tasks.idle()
    await world.settle()

    assert message.buttons == ["Get the list", "Use again"]
    assert "5 in doubt" in message.text
    assert (await actions(world))[-2:] == ["finish", "leave_in_doubt"]
    await world.ada.press(as_it_was, "Send again", stale=True)
    await world.ada.sees(world.news, "so nothing was done")
    assert len(world.aws.mails) == 7


@BOTH_DATABASES
@pytest.mark.long
async def test_sending_again_says_how_many_might_get_it_twice_and_happens_once(world: World) -> None:
    message = await with_doubts(world, people(12))
    await saves(world, "/mailer settings", "Settings", {"Approval": "Always"})  # what was sent is not asked for again
    modals = [await opens(world, message, "Send again", who) for who in (world.ada, world.bob)]
    assert "5 recipients might get “Spring news” twice" in modals[0].text
    assert len(world.aws.mails) == 7

    await asyncio.gather(*(modal.submit() for modal in modals))
    await world.bot.tasks.idle()
    await world.settle()
    await world.passes(10)

    assert "12 delivered" in message.text
    assert message.buttons == ["Get the list", "Use again"]
    assert len({mail.to[0] for mail in world.aws.mails}) == len(world.aws.mails) == 12
    assert (await actions(world))[-2:] == ["send_again", "finish"]
    texts = sorted(modal.text for modal in modals)
    assert any("It goes on" in text for text in texts)
    assert any("nothing was" in text for text in texts)


@OVER_HTTP
async def test_what_failed_is_sent_again_alone(world: World) -> None:
    await world.is_open()
    for name in ("ann", "ben", "cleo"):
        world.ses.outcome(f"{name}@elsewhere.test", "REJECT")
    message = await world.sends(
        b"email\nann@elsewhere.test\nben@elsewhere.test\ncleo@elsewhere.test\ndan@elsewhere.test"
    )
    await world.passes(10)
    assert "1 delivered · 3 failed" in message.text
    for name in ("ann", "ben", "cleo"):
        world.ses.outcome(f"{name}@elsewhere.test", None)
    await world.asks(world.ada, "/mailer suppress cleo@elsewhere.test", "never mailed again")
    await saves(world, "/mailer settings", "Settings", {"Approval": "Always"})  # what was sent is not asked for again

    modal = await opens(world, message, "Resend failed", world.bob)
    assert "2 recipients whose mail failed will get “Spring news” once more" in modal.text
    assert "Bad content (3)" in modal.text
    assert "1 other is left out" in modal.text
    await submits(world, modal)

    assert "3 delivered · 1 failed" in message.text
    again = world.aws.mails[4:]
    assert [mail.to[0] for mail in again] == ["ann@elsewhere.test", "ben@elsewhere.test"]
    assert all("List-Unsubscribe" in mail.headers for mail in again)
    await world.bob.press(message, "Resend failed")
    await world.bob.sees(world.news, "All of them are suppressed by now")


@OVER_HTTP
async def test_over_the_quota_the_question_says_what_that_means(world: World) -> None:
    message = await with_doubts(world, people(12))
    world.ses.set_quota(max_24h=9, sent=7)
    await world.passes(600)

    modal = await opens(world, message, "Send again", world.bob)
    assert "2 of the daily quota of 9 is left" in modal.text
    await submits(world, modal)

    assert "is paused: the daily quota is used up" in message.text
    assert len(world.aws.mails) == 9


async def test_the_list_comes_in_a_direct_message_and_is_safe_to_open(world: World) -> None:
    await world.is_open()
    world.ses.outcome("=cmd@elsewhere.test", "REJECT")
    message = await world.sends(b"email\nann@elsewhere.test\n\n=cmd@elsewhere.test\n+1@elsewhere.test")
    await world.passes(10)

    await presses(world, message, "Get the list", world.bob)

    answer = await world.bob.sees(world.news, "comes to you in a direct message")
    assert answer.ephemeral
    await world.bob.sees(world.bob.dm, "The list of “Spring news”, as of")
    (file,) = files_in(world, world.bob)
    header, *rows = rows_of(file)
    assert header == ["address", "state", "message_id", "error", "at", "line"]
    assert [(row[0], row[1], row[5]) for row in rows] == [
        ("ann@elsewhere.test", "delivered", "2"),
        ("'=cmd@elsewhere.test", "failed", "4"),
        ("'+1@elsewhere.test", "delivered", "5"),
    ]
    async with world.bot.db.read() as session:
        stored = {row.address: row for row in await session.exec(select(Delivery))}
    assert rows[0][2] == stored["ann@elsewhere.test"].message_id
    assert rows[1][3] == stored["=cmd@elsewhere.test"].error == "Bad content"
    assert rows[0][4] == stored["ann@elsewhere.test"].at.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert not files_in(world, world.ada)
    assert not [each for each in world.slack.messages(world.news) for file in each.files if file.name.endswith("csv")]
    assert (await actions(world))[-1] == "list"

    await presses(world, message, "Get the list", world.bob)
    assert len(files_in(world, world.bob)) == 2


@OVER_HTTP
async def test_the_list_can_be_had_while_it_is_being_sent_and_a_hurried_person_gets_it_once(world: World) -> None:
    await world.is_open(rate=5)
    message = await world.confirms(await world.composes(people(12)))
    async with in_the_middle(world):
        assert message.buttons == ["Pause", "Cancel broadcast", "Get the list"]
        await asyncio.gather(*(world.bob.press(message, "Get the list") for _ in range(3)))
        await world.bot.tasks.idle()
        await world.says_what_it_has_to()
        (file,) = files_in(world, world.bob)
        assert (await actions(world)).count("list") == 1
    assert sorted({row[1] for row in rows_of(file)[1:]}) == ["pending", "sending"]


@OVER_HTTP
async def test_the_list_survives_whatever_slack_does(world: World) -> None:
    await world.is_open()
    message = await world.sends()
    await world.passes(10)
    world.slack.rate_limit("files.getUploadURLExternal", retry_after=40)
    world.slack.fail("files.completeUploadExternal", error="internal_error")

    await presses(world, message, "Get the list", world.bob)
    assert not files_in(world, world.bob)
    await world.passes(60)
    await world.passes(60)

    assert len(files_in(world, world.bob)) == 1
    told = [text for text in world.bob.reads(world.bob.dm) if "The list of" in text]
    assert len(told) == 1


@OVER_HTTP
async def test_a_list_that_a_dead_process_had_begun_is_made_by_the_next(world: World) -> None:
    await world.is_open()
    message = await world.sends()
    await world.passes(10)
    world.slack.hang("files.getUploadURLExternal")
    await world.bob.press(message, "Get the list")
    await world.bot.tasks.idle()
    await world.bot.slack.uploader.tick()
    await world.slack.settled(lambda: len(world.slack.calls_of("files.getUploadURLExternal")) == 2)  # the chart's, too
    await world.bot.slack.uploader._working.finish(0)  # as by a kill: nothing of it is recorded

    await world.passes(15 * 60)

    assert len(files_in(world, world.bob)) == 1


@OVER_HTTP
async def test_an_app_that_may_not_upload_says_what_mends_it(world: World) -> None:
    await world.is_open()
    message = await world.sends()
    await world.passes(10)
    world.slack.workspace.scopes.discard("files:write")

    await presses(world, message, "Get the list", world.bob)

    told = await world.bob.sees(world.bob.dm, "the app lacks the scope files:write: install it again")
    assert "The list of “Spring news”" in told.text
    assert not files_in(world, world.bob)


@pytest.mark.long
async def test_the_report_has_a_chart_with_its_words_once_all_is_known(world: World) -> None:
    await world.is_open()
    world.ses.outcome("gone@elsewhere.test", "BOUNCE")
    world.ses.outcome("angry@elsewhere.test", "COMPLAINT")

    message = await world.sends(b"email\nann@elsewhere.test\ngone@elsewhere.test\nangry@elsewhere.test")
    await world.passes(10)

    (chart,) = charts(world, message)
    picture = Image.open(io.BytesIO(chart.content))
    assert (picture.format, picture.size) == ("PNG", (1200, 620))
    assert "Chart of a broadcast to 3 recipients" in chart.alt_text
    assert "1 delivered, 1 bounced, 1 complained" in chart.alt_text
    await world.passes(3600)
    assert len(charts(world, message)) == 1


@OVER_HTTP
@pytest.mark.long
async def test_the_chart_waits_ten_minutes_at_most_for_what_is_not_told(world: World) -> None:
    await world.is_open()
    world.ses.outcome("slow@elsewhere.test", "DELIVERY_DELAY")
    message = await world.sends(b"email\nann@elsewhere.test\nslow@elsewhere.test")
    await world.passes(300)
    assert charts(world, message) == []

    await world.passes(330)

    (chart,) = charts(world, message)
    assert "to 2 recipients" in chart.alt_text
    assert "1 delivered, 0 bounced" in chart.alt_text


@OVER_HTTP
async def test_where_nothing_was_told_there_is_no_chart(world: World) -> None:
    message = await with_doubts(world, people(3))
    await world.passes(3600)
    assert charts(world, message) == []


@OVER_HTTP
async def test_the_list_of_broadcasts_is_paged_in_place_and_shows_one(world: World) -> None:
    await world.is_open()
    assert (await world.asks(world.bob, "/broadcast list", "Nothing was broadcast")).ephemeral
    for number in range(1, 8):
        await world.confirms(await world.composes(subject=f"Spring news {number}"))
        await world.passes(UNDO_SECONDS)
    page = await world.asks(world.bob, "/broadcast list", "Spring news 7")
    assert page.ephemeral
    assert "page 1 of 2" in page.text
    assert "Spring news 2\n" not in page.text
    assert "sent · 2 recipients\n2 delivered" in page.text
    assert "by @Bob" in page.text

    await world.bob.press(page, "Older")
    await world.bot.tasks.idle()
    assert "Spring news 2\n" in page.text
    assert "page 2 of 2" in page.text
    assert page.buttons == ["Show", "Use again", "Show", "Use again", "Newer"]

    await world.bob.press(page, "Newer")
    await world.bot.tasks.idle()
    assert "Spring news 7\n" in page.text
    await presses_first(world, page, "Show")
    shown = await world.bob.sees(world.news, "Broadcast “Spring news 7” to 2 recipients is done")
    assert shown.ephemeral


@OVER_HTTP
@pytest.mark.long
async def test_scheduled_ones_are_cancelled_from_the_list_and_drafts_are_not_in_it(world: World) -> None:
    await world.is_open()
    await world.composes(subject="Spring draft")
    await world.confirms(await world.composes(send_at=int(world.clock().timestamp()) + 86_400))

    page = await world.asks(world.bob, "/broadcast list", "scheduled")
    assert "Spring draft" not in page.text
    assert page.buttons == ["Show", "Undo", "Edit", "Cancel broadcast"]
    await presses_first(world, page, "Cancel broadcast")
    page = await world.asks(world.bob, "/broadcast list", "cancelled")

    assert page.buttons == ["Show", "Use again"]


async def presses_first(world: World, page: Seen, label: str) -> None:
    """Press the first of several buttons with this label."""
    blocks = [block for block in page.message.blocks if block["type"] == "actions"]
    block, element = next((b, e) for b in blocks for e in b["elements"] if e["text"]["text"] == label)
    assert world.bob.agrees(element, confirm=True)
    await world.bob.act(page, block, element, None, f"presses [{label}]")
    await world.bot.tasks.idle()
    await world.settle()
