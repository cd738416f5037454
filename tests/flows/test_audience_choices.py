"""*Check and send* and the API say how a file was read, and read it again as somebody wants it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from handlers.slack.dispatch.registration import AckTimeouts
from tests.databases import Clock
from tests.flows.program import Program
from tests.flows.test_api_sending import create
from tests.flows.world import OVER_HTTP, OVER_SOCKET_MODE, UNDO_SECONDS, World, long_case, open_world
from tests.playground.aws import AwsPlayground
from tests.playground.slack.surfaces import Modal

CASES = Path(__file__).parents[1] / "cases"
TWO = (CASES / "07_thunderbird.csv").read_bytes()
MARKED = (CASES / "32_unsubscribed_column.csv").read_bytes()
OPEN = b"work,private,name\nann@work.test,ann@home.test,Ann\nben@work.test,ben@home.test,\n"
COLUMN, LEAVE_OUT = "Address column", "Marked rows"


async def chooses(world: World, modal: Modal, label: str, value: Any) -> None:
    await modal.choose(label, value)
    await world.bot.tasks.idle()


async def mailed(world: World, modal: Modal) -> list[str]:
    """Confirm, let it go out, and return to whom."""
    await world.confirms(modal)
    await world.passes(UNDO_SECONDS)
    return sorted(mail.to[0] for mail in world.aws.mails)


# The column of the addresses


async def test_the_column_that_was_taken_is_named_and_another_is_read_and_mailed(world: World) -> None:
    await world.is_open()
    modal = await world.composes(TWO, save_as="June", message="Hello {{first_name}}")
    before = modal.view.body["private_metadata"]
    assert "[Primary Email (mila.okafor@north.test)]" in modal.text
    assert "To mila.okafor@north.test" in modal.text

    await chooses(world, modal, COLUMN, "Secondary Email (mila@second.test)")

    assert modal.title == "Check and send"
    assert "[Secondary Email (mila@second.test)]" in modal.text
    assert "3 addresses in the saved audience “June”" in modal.text
    assert "To mila@second.test" in modal.text
    assert modal.view.body["private_metadata"] != before
    assert await mailed(world, modal) == ["ines@second.test", "mila@second.test", "tomas@second.test"]
    assert "Hello Mila" in (world.aws.mails_to("mila@second.test")[0].text or "")
    saved = await world.opens(world.ada, "/broadcast audiences", "Saved audiences")
    assert saved.buttons[-1] == "Remove"


@OVER_HTTP
@pytest.mark.parametrize(("header", "shown"), [(b"", "Column 2"), long_case(b"work,private,name\n", "private")])
async def test_where_nothing_tells_columns_apart_the_person_is_asked_and_may_change_their_mind(
    world: World, header: bytes, shown: str
) -> None:
    await world.is_open()
    rows = OPEN.partition(b"\n")[2]
    modal = await world.composes(header + rows)
    first = modal.value(COLUMN)

    await chooses(world, modal, COLUMN, f"{shown} (ann@home.test)")
    assert "To ann@home.test" in modal.text
    await chooses(world, modal, COLUMN, first["text"]["text"])
    assert "To ann@work.test" in modal.text
    await chooses(world, modal, COLUMN, f"{shown} (ann@home.test)")

    assert await mailed(world, modal) == ["ann@home.test", "ben@home.test"]


@OVER_HTTP
async def test_of_more_columns_than_a_menu_takes_the_best_are_offered(world: World) -> None:
    await world.is_open()
    names = [f"{number} {'x' * 200 if number == 7 else ''}" for number in range(150)]
    csv = ",".join(names) + "\n" + ",".join(f"c{number}@a.test" for number in range(150)) + "\n"

    modal = await world.composes(csv.encode())
    await chooses(world, modal, COLUMN, "42 (c42@a.test)")

    assert "To c42@a.test" in modal.text


@OVER_HTTP
async def test_where_one_column_alone_can_be_meant_nothing_is_asked(world: World) -> None:
    await world.is_open()
    modal = await world.composes()

    assert modal.labels == []


@OVER_SOCKET_MODE
async def test_what_was_not_read_as_it_is_chosen_is_not_sent(world: World) -> None:
    await world.is_open()
    modal = await world.composes(OPEN)
    block, element = modal._find(COLUMN)
    modal.put(block, element, element["options"][1])  # and the file is not read yet

    await modal.submit()

    assert "The file is still being read as you chose" in modal.errors[COLUMN]
    await world.passes(UNDO_SECONDS)
    assert world.aws.mails == []


@OVER_HTTP
async def test_a_file_that_is_gone_stays_as_it_was_read_and_can_be_sent(world: World) -> None:
    await world.is_open()
    modal = await world.composes(OPEN)
    taken = modal.value(COLUMN)["text"]["text"]
    world.slack.world.files.clear()

    await chooses(world, modal, COLUMN, "private (ann@home.test)")

    assert "This file is gone" in modal.text
    await modal.press("Check and send")
    await world.bot.tasks.idle()
    assert f"[{taken}]" in modal.text
    assert await mailed(world, modal) == ["ann@work.test", "ben@work.test"]


@OVER_HTTP
@pytest.mark.long
async def test_a_file_of_a_message_is_read_again_though_another_posted_it(world: World) -> None:
    await world.is_open()
    await world.bob.uses_shortcut("Use as audience", world.ada.says(world.news, "", files=[("june.csv", OPEN)]))
    await world.bot.tasks.idle()
    modal = await world.bob.modal("New broadcast")
    for label, value in {"From": "hello@acme.test", "Subject": "Spring news", "Message": "Hello"}.items():
        modal.fill(label, value)
    await modal.submit()
    await world.bot.tasks.idle()

    await chooses(world, modal, COLUMN, "private (ann@home.test)")

    assert await mailed(world, modal) == ["ann@home.test", "ben@home.test"]


@OVER_HTTP
@pytest.mark.long
async def test_a_draft_that_somebody_sent_meanwhile_is_not_read_again(world: World) -> None:
    await world.is_open()
    message = await world.confirms(await world.composes(OPEN))
    await world.bob.press(message, "Undo")
    await world.settle()
    for person in (world.bob, world.ada):
        await person.press(message, "Check and send")
        await world.bot.tasks.idle()
    modal = await world.bob.modal("Check and send")
    await world.confirms(await world.ada.modal("Check and send"))

    await chooses(world, modal, COLUMN, "private (ann@home.test)")
    await world.passes(UNDO_SECONDS)

    assert "This broadcast is scheduled already, so nothing was changed." in world.slack.transcript()
    assert sorted(mail.to[0] for mail in world.aws.mails) == ["ann@work.test", "ben@work.test"]


@pytest.fixture
async def hasty(aws: AwsPlayground, database_url: str, clock: Clock) -> AsyncIterator[World]:
    """A world in which every modal shows its waiting view at once."""
    async with open_world(aws, database_url, clock, patience=AckTimeouts(opening=0)) as built:
        await built.is_open()
        yield built


@OVER_HTTP
@pytest.mark.long
async def test_while_a_long_file_is_read_again_one_sees_how_far_it_is_and_cannot_send(hasty: World) -> None:
    rows = b"".join(b"r%d@work.test,r%d@home.test\n" % (number, number) for number in range(60_000))
    modal = await hasty.composes(b"work,private\n" + rows)
    seen = len(hasty.slack.transcript())

    await chooses(hasty, modal, COLUMN, "private (r0@home.test)")

    assert "Reading the audience… 10,000 rows so far." in hasty.slack.transcript()[seen:]
    assert modal.title == "Check and send"
    assert "To r0@home.test" in modal.text


# Rows that are marked as not to be mailed


async def test_rows_marked_as_unsubscribed_are_left_out_unless_somebody_wants_them(world: World) -> None:
    await world.is_open()
    modal = await world.composes(MARKED)
    assert "2 rows say “unsubscribed” or “cleaned” in Status: left out." in modal.text
    assert "2 marked rows left out" in modal.text
    assert "invalid" not in modal.text
    assert "line 3: “tomas@reyes.test” is marked “unsubscribed”" in modal.text
    assert "[x] Leave out rows marked unsubscribed or cleaned" in modal.text

    await chooses(world, modal, LEAVE_OUT, [])
    assert "3 recipients will get" in modal.text
    assert "2 rows say “unsubscribed” or “cleaned” in Status: mailed all the same." in modal.text
    assert "[ ] Leave out rows marked unsubscribed or cleaned" in modal.text
    await chooses(world, modal, LEAVE_OUT, "Leave out rows marked unsubscribed or cleaned")

    assert "1 recipient will get" in modal.text
    assert await mailed(world, modal) == ["mila@north.test"]


@OVER_HTTP
async def test_of_how_many_a_field_has_no_value_is_said_where_nothing_takes_its_place(world: World) -> None:
    await world.is_open()
    csv = b"email,first_name,town\n" + b"".join(b"r%d@a.test,,Graz\n" % n for n in range(299)) + b"z@a.test,Zoe,\n"

    modal = await world.composes(csv, subject="News for {{first_name}}", message="Hello {{first_name}}, {{town|you}}")

    assert "299 of 300 have no first_name; their mail reads “News for”. {{first_name|…}} has a fallback." in modal.text
    assert "no town" not in modal.text
    await modal.press("Show them")
    await world.settle()
    assert "You have them as a CSV, in a direct message." in (await world.bob.modal("Show them")).text
    await world.bob.sees(world.bob.dm, "299 recipients of your audience without a value that the message uses")
    (message,) = [each for each in world.slack.messages(world.bob.dm) if each.files]
    lines = message.files[0].content.decode("utf-8-sig").splitlines()
    assert (len(lines), lines[:2], lines[-1]) == (
        300,
        ["line,address,missing", "2,r0@a.test,first_name"],
        "300,r298@a.test,first_name",
    )


# By the API


@OVER_HTTP
async def test_a_program_says_which_column_it_means_and_is_told_which_there_are(world: World, program: Program) -> None:
    await world.is_open()

    refused = await create(program, audience=OPEN.decode(), message="Hello")
    assert (refused.status, refused.json.get("code")) == (422, "AUDIENCE_AMBIGUOUS")
    assert (refused.json["candidates"], refused.json["line"]) == (["work", "private"], None)
    unknown = await create(program, audience=OPEN.decode(), message="Hello", address_column="home")
    assert (unknown.status, unknown.json["code"]) == (422, "UNKNOWN_COLUMN")
    assert [error["parameter"] for error in unknown.json["errors"]] == ["address_column"]
    broken = await create(program, audience='email\n"ann@work.test\n', message="Hello")
    assert (broken.json["code"], broken.json["line"], broken.json["candidates"]) == ("AUDIENCE_QUOTE", 2, [])

    made = await create(program, audience=OPEN.decode(), message="Hello", address_column="private")
    assert made.status == 201, made.raw
    await world.passes(UNDO_SECONDS)
    assert sorted(mail.to[0] for mail in world.aws.mails) == ["ann@home.test", "ben@home.test"]


@OVER_HTTP
async def test_a_program_keeps_marked_rows_where_it_says_so(world: World, program: Program) -> None:
    await world.is_open()

    without = await create(program, audience=MARKED.decode(), message="Hello")
    kept = await create(program, audience=MARKED.decode(), message="Hello", keep_marked_rows=True)

    assert (without.json["size"], kept.json["size"]) == (1, 3)
