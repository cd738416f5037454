"""Whose file it is, from the form and from the menu of a message."""

import gzip
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from handlers.slack.dispatch.registration import AckTimeouts
from tests.databases import Clock
from tests.flows.world import OVER_HTTP, OVER_SOCKET_MODE, World, open_world
from tests.playground.aws import AwsPlayground
from tests.playground.slack.driver import Person, Seen
from tests.playground.slack.surfaces import Modal
from tests.unit.broadcast.workbooks import ods, ods_cell, texts, xlsx

CSV = b"email\nann@elsewhere.test\n"
JUNE = b"email,first_name\nann@elsewhere.test,Ann\nben@elsewhere.test,Ben\n"
TYPED = {"From": "hello@acme.test", "Subject": "Spring news", "Message": "Hello {{first_name}}"}
USE = "Use as audience"


async def test_a_form_that_names_somebody_elses_file_shows_none_of_it(world: World) -> None:
    await world.is_open()
    vault = world.slack.channel("vault", people=[world.ada], private=True, bot_in=True)
    (secret,) = world.ada.says(vault, "our list", files=[("secret.csv", CSV)]).files
    modal = await world.composes(CSV)
    await modal.close()
    modal = await world.opens(world.bob, "/broadcast", "New broadcast")
    for label, value in {"From": "hello@acme.test", "Subject": "Spring news", "Message": "Hello"}.items():
        modal.fill(label, value)
    block, element = modal._find("Audience CSV")
    before = len(world.slack.calls_of("files.download"))

    modal.put(block, element, [secret])  # as a client that is not Slack's would
    await modal.submit()

    assert "somebody else uploaded it" in modal.errors["Audience CSV"]
    assert len(world.slack.calls_of("files.download")) == before == 1


# The menu of a message


async def uses(world: World, said: Seen, *, who: Person | None = None, title: str = "New broadcast") -> Modal:
    """Choose *Use as audience* in the menu of this message; the modal that it leads to."""
    who = who or world.bob
    await who.uses_shortcut(USE, said)
    await world.bot.tasks.idle()
    return await who.modal(title)


async def write(world: World, modal: Modal) -> None:
    """Fill the form and press *Next*."""
    for label, value in TYPED.items():
        modal.fill(label, value)
    await modal.submit()
    await world.bot.tasks.idle()


async def test_a_csv_of_a_message_is_the_audience_whoever_posted_it(world: World) -> None:
    await world.is_open()
    said = world.ada.says(world.news, "our list", files=[("june.csv", JUNE)])

    modal = await uses(world, said)
    assert "Audience: 2 from june.csv (kept)" in modal.text
    assert "Audience CSV" not in modal.labels
    modal.fill("Save audience as", "June")
    await write(world, modal)
    assert "2 addresses in the saved audience “June”" in modal.text
    await world.confirms(modal)
    await world.passes(31)

    assert sorted((mail.to[0], (mail.text or "")[:9]) for mail in world.aws.mails) == [
        ("ann@elsewhere.test", "Hello Ann"),
        ("ben@elsewhere.test", "Hello Ben"),
    ]


@OVER_HTTP
async def test_a_file_too_large_for_the_form_has_its_way_by_a_message(world: World) -> None:
    await world.is_open()
    rows = "".join(f"r{number}@elsewhere.test,{'x' * 1500}\n" for number in range(7_500))
    large = f"email,first_name\n{rows}".encode()
    assert len(large) > 11_000_000
    modal = await world.opens(world.bob, "/broadcast", "New broadcast")
    assert "10 MB at most; a larger file: post it here and use its menu, Use as audience." in modal.text
    with pytest.raises(AssertionError, match="limit of 10 MB"):
        modal.fill("Audience CSV", ("large.csv", large))
    await modal.close()

    modal = await uses(world, world.bob.says(world.news, "", files=[("large.csv", large)]))

    assert "Audience: 7,500 from large.csv (kept)" in modal.text


@OVER_SOCKET_MODE
@pytest.mark.long
async def test_a_compressed_file_is_taken_by_a_message_and_by_the_form(world: World) -> None:
    await world.is_open()
    packed = gzip.compress(JUNE)

    modal = await uses(world, world.bob.says(world.news, "", files=[("june.csv.gz", packed)]))
    assert "Audience: 2 from june.csv.gz (kept)" in modal.text
    modal = await world.opens(world.bob, "/broadcast", "New broadcast")
    modal.fill("Audience CSV", ("june.csv.gz", packed))
    await write(world, modal)

    assert "2 addresses in the file" in modal.text


@OVER_SOCKET_MODE
async def test_a_spreadsheet_is_taken_by_a_message_and_by_the_form_which_says_which_sheet(world: World) -> None:
    await world.is_open()
    people = texts(
        ["email", "first_name"], ["ann@elsewhere.test", "Ann"], ["nobody", ""], ["ben@elsewhere.test", "Ben"]
    )
    book = xlsx({"Notes": texts(["Call Ann"]), "June": people})

    modal = await uses(world, world.bob.says(world.news, "", files=[("june.ods", ods([[ods_cell("a@b.test")]]))]))
    assert "Audience: 1 from june.ods (kept)" in modal.text
    modal = await world.opens(world.bob, "/broadcast", "New broadcast")
    modal.fill("Audience CSV", ("june.xlsx", book[:200]))
    await write(world, modal)
    assert "The file is cut off or damaged" in modal.errors["Audience CSV"]
    modal.fill("Audience CSV", ("june.xlsx", book))
    await write(world, modal)

    assert "2 addresses in the file" in modal.text
    assert "Read from the sheet “June”, the first with addresses; “Notes” is not read." in modal.text
    assert "line 3: “nobody”" in modal.text


@OVER_HTTP
async def test_of_several_files_one_is_chosen_and_of_others_it_is_said_what_is_taken(world: World) -> None:
    await world.is_open()
    picture, june, july = ("plan.png", b"x"), ("june.csv", JUNE), ("july.csv", CSV)

    modal = await uses(world, world.bob.says(world.news, "both", files=[picture, june, july]), title=USE)
    assert "plan.png" not in modal.text
    modal.fill("File", "july.csv")
    await modal.submit()
    await world.bot.tasks.idle()
    assert "Audience: 1 from july.csv (kept)" in modal.text
    await modal.close()

    for said in (world.bob.says(world.news, "no file"), world.bob.says(world.news, "", files=[("june.pdf", b"%PDF")])):
        await world.bob.uses_shortcut(USE, said)
        await world.bot.tasks.idle()
        refusal = await world.bob.sees(world.news, "This message has no file that can be an audience.", after=said)
        assert "Post a CSV (.gz too), an Excel sheet (.xlsx)" in refusal.text
        assert refusal.ephemeral


@OVER_HTTP
async def test_a_file_that_is_not_in_this_very_channel_is_not_read(world: World) -> None:
    await world.is_open()
    vault = world.slack.channel("vault", people=[world.ada], private=True, bot_in=True)
    (secret,) = world.ada.says(vault, "our list", files=[("secret.csv", JUNE)]).files
    said = world.bob.says(world.news, "look")
    said.message.files.append(secret)  # as a client that is not Slack's would say

    await world.bob.uses_shortcut(USE, said)
    await world.bot.tasks.idle()

    await world.bob.sees(world.news, "This file is gone, or not shared in this channel.", after=said)
    assert world.slack.calls_of("files.download") == []
    said = world.bob.says(world.news, "both", files=[("june.csv", JUNE), ("july.csv", CSV)])
    modal = await uses(world, said, title=USE)
    block, element = modal._find("File")
    modal.put(block, element, {**element["options"][0], "value": secret.id})
    await modal.submit()
    await world.bot.tasks.idle()
    assert "This file is gone, or not shared in this channel." in modal.text
    assert world.slack.calls_of("files.download") == []


@OVER_SOCKET_MODE
async def test_what_cannot_be_read_and_who_may_not_are_refused(world: World) -> None:
    await world.is_open()
    bad = world.ada.says(world.news, "", files=[("june.csv", b"first_name\nAnn\n")])
    await world.bob.uses_shortcut(USE, bad)
    await world.bot.tasks.idle()
    assert (await world.bob.sees(world.news, "No column holds addresses (“first_name”)")).ephemeral

    await world.gus.uses_shortcut(USE, world.ada.says(world.news, "", files=[("june.csv", JUNE)]))
    assert (await world.gus.sees(world.news, "guest accounts cannot use it")).ephemeral


@OVER_HTTP
async def test_another_audience_is_chosen_in_place_and_what_is_typed_stays(world: World) -> None:
    await world.is_open()
    modal = await uses(world, world.bob.says(world.news, "", files=[("june.csv", JUNE)]))
    at = world.clock() + timedelta(days=1)
    for label, value in {**TYPED, "Save audience as": "June", "Send at": at}.items():
        modal.fill(label, value)
    before = {label: modal.value(label) for label in modal.labels}

    await modal.press("Choose another")
    await world.bot.tasks.idle()

    assert "june.csv" not in modal.text
    assert {label: modal.value(label) for label in before} == before
    modal.fill("Audience CSV", ("july.csv", b"email,first_name\ncyd@elsewhere.test,Cyd\n"))
    await modal.submit()
    await world.bot.tasks.idle()
    assert modal.errors == {}
    assert "1 address in the saved audience “June”" in modal.text


@OVER_HTTP
async def test_what_is_wrong_in_the_form_keeps_the_audience_and_a_test_of_it_goes_out(world: World) -> None:
    await world.is_open()
    modal = await uses(world, world.bob.says(world.news, "", files=[("june.csv", JUNE)]))
    modal.fill("From", "hello@stranger.test")
    modal.fill("Subject", "Hello {{town}}")
    modal.fill("Message", "Hello")
    await modal.submit()
    assert "belongs to no identity" in modal.errors["From"]
    await write(world, modal)
    assert modal.title == "Check and send"


@OVER_HTTP
async def test_an_audience_that_was_held_for_a_day_is_asked_for_again_and_nothing_typed_is_lost(world: World) -> None:
    await world.is_open()
    modal = await uses(world, world.bob.says(world.news, "", files=[("june.csv", JUNE)]))
    world.clock.advance(timedelta(days=1, minutes=1).total_seconds())
    await world.bot.services.audiences.tidy()
    await world.settle()

    await write(world, modal)

    assert "This audience is no longer there: choose the file again." in modal.text
    assert modal.value("Subject") == "Spring news"
    assert "Audience CSV" in modal.labels


# A long file


@pytest.fixture
async def hasty(aws: AwsPlayground, database_url: str, clock: Clock) -> AsyncIterator[World]:
    """A world in which every modal shows its waiting view at once."""
    async with open_world(aws, database_url, clock, patience=AckTimeouts(opening=0, submission=0)) as built:
        await built.is_open()
        yield built


@OVER_HTTP
@pytest.mark.long
async def test_while_a_long_file_is_read_one_sees_how_far_it_is_and_may_close_the_view(hasty: World) -> None:
    rows = "".join(f"r{number}@elsewhere.test\n" for number in range(60_000))
    said = hasty.bob.says(hasty.news, "", files=[("long.csv", f"email\n{rows}".encode())])
    modal = await uses(hasty, said)
    assert "Reading the audience… 10,000 rows so far." in hasty.slack.transcript()
    assert "Audience: 60,000 from long.csv (kept)" in modal.text
    await modal.close()

    await hasty.bob.uses_shortcut(USE, said)
    await (await hasty.bob.modal("New broadcast")).close()
    await hasty.bot.tasks.idle()
    message = await hasty.bob.sees(hasty.news, "long.csv is read: 60,000 addresses.")
    assert message.ephemeral
    await hasty.bob.press(message, "New broadcast")
    await hasty.bot.tasks.idle()

    assert "Audience: 60,000 from long.csv (kept)" in (await hasty.bob.modal("New broadcast")).text
