"""Writing a broadcast: what is refused and where, and what the confirmation says before anything goes out."""

from datetime import timedelta

import pytest
from sqlmodel import select

from storage.models import Audience, Broadcast
from tests.flows.world import OVER_HTTP, OVER_SOCKET_MODE, World
from tests.playground.slack.surfaces import Modal

BAD_FILES = {
    b"first_name,town\nAnn,Bonn\n": "No column holds addresses (“first_name”, “town”)",
    b"": "The file is empty",
    b"email,first_name\n": "a header and no rows",
    "email,first_name\nann@elsewhere.test,Ännchen\n".encode("latin-1"): "Line 2 is not UTF-8 text",
    b'email,first_name\nann@elsewhere.test,"Ann\nben@elsewhere.test,Ben\n': "A quote in line 2 is not closed",
    b"PK\x03\x04 a workbook": "The file is cut off or damaged: save it again",
    b"email\nann\nben@\n": "The file has no address that can be mailed: line 2 has no @",
}
MIXED = """email,First name
ann@elsewhere.test,Ann
Ben@Elsewhere.test,
ANN@elsewhere.test,Annie
not an address,Nobody
cyd@elsewhere.test,Cyd
,Gap
"""


async def stored(world: World) -> tuple[int, int]:
    """How many audiences and broadcasts there are."""
    async with world.bot.db.read() as session:
        return len(list(await session.exec(select(Audience)))), len(list(await session.exec(select(Broadcast))))


@OVER_HTTP
async def test_a_file_that_is_no_audience_is_refused_in_its_field_and_nothing_typed_is_lost(world: World) -> None:
    await world.is_open()
    modal = await world.composes(b"nothing", preheader="What is new", reply_to="office@acme.test")

    for content, sentence in BAD_FILES.items():
        modal.fill("Audience CSV", ("people.csv", content))
        await modal.submit()
        assert sentence in modal.errors["Audience CSV"], content

    assert modal.value("Subject") == "Spring news"
    assert modal.value("Preheader") == "What is new"
    assert modal.value("Reply-to") == "office@acme.test"
    assert await stored(world) == (0, 0)


async def refusals(modal: Modal, label: str, typed: dict[object, str], good: object) -> None:
    """Type each of these into one field and read what is said under it; then put it right."""
    for value, sentence in typed.items():
        modal.fill(label, value)
        await modal.submit()
        assert list(modal.errors) == [label], modal.text
        assert sentence in modal.errors[label], modal.errors
    modal.fill(label, good)


@OVER_SOCKET_MODE
async def test_what_cannot_be_sent_is_refused_in_its_field(world: World) -> None:
    await world.is_open()
    modal = await world.composes(b"nothing")
    modal.fill("Audience CSV", ("people.csv", b"email,first_name\nann@elsewhere.test,Ann\n"))
    now = world.clock()

    await refusals(
        modal,
        "From",
        {"hello": "has no @", "hello@stranger.test": "belongs to no identity in your AWS account"},
        "hello@acme.test",
    )
    await refusals(modal, "Reply-to", {"office": "has no @"}, None)
    await refusals(
        modal,
        "Subject",
        {
            "Spring\nBcc: everybody@elsewhere.test": "has a line break",
            "x" * 201: "has 201 characters: shorten it to 200 at most",
            "For {{town}}": "The audience has no column for {{town}}: it has email, first_name",
        },
        "Spring news",
    )
    await refusals(modal, "Preheader", {"new\u2028and old": "has a line break"}, None)
    await refusals(
        modal,
        "Message",
        {
            "   ": "The message is empty",
            "Hello {{first_name | default: 'there'}}": "Write {{first_name|there}}.",
            "Hello {{town}} and {{first_name}}": "no column for {{town}}: it has email, first_name",
            "x" * 260_000: "Amazon SES leaves room for 500 KB. Take out",
        },
        "Hello {{first_name|there}}",
    )
    await refusals(
        modal,
        "Send at",
        {now - timedelta(days=1): "This time is past", now + timedelta(days=400): "more than a year away"},
        None,
    )
    assert await stored(world) == (0, 0)

    await modal.submit()
    assert modal.title == "Check and send"


@pytest.mark.parametrize(("database_kind", "encoding"), [("sqlite", "utf-8"), ("postgresql", "utf-16")])
async def test_the_confirmation_shows_the_counts_what_is_left_out_by_line_and_how_it_reads(
    world: World, encoding: str
) -> None:
    await world.is_open(rate=14)

    modal = await world.composes(
        MIXED.encode(encoding), subject="News for {{first_name|you}}", message="Hello {{first_name|there}}"
    )

    for text in (
        "3 recipients will get “News for {{first_name|you}}” from hello@acme.test",
        "3 addresses in the file",
        "1 duplicate left out",
        "2 invalid rows left out",
        "line 4: “ANN@elsewhere.test” is the same as line 2",
        "line 5: “not an address” has a space in it",
        "line 7: has no address",
        "To ann@elsewhere.test\nNews for Ann\n",
        "Hello Ann",
        "To Ben@elsewhere.test\nNews for you\n",
        "Hello there",
        "It takes about 1 second",
    ):
        assert text in modal.text, text
    assert world.aws.mails == []


@OVER_HTTP
async def test_the_confirmation_says_what_of_the_text_is_filled_otherwise_than_it_looks(world: World) -> None:
    await world.is_open()

    modal = await world.composes(subject="Spring news for {first_name}", message="Hello {{name|there}}")

    assert "{first_name} goes out as it stands: it is another program's way to write a field" in modal.text
    assert "Here it is {{first_name}}." in modal.text
    assert "The audience has no column name: everybody gets “there”." in modal.text
    await world.confirms(modal)

    modal = await world.composes(message="x" * 110_000)
    assert "The mail has 111 KB as HTML, and Gmail cuts off what is beyond 102 KB" in modal.text


@OVER_HTTP
async def test_without_a_public_address_unsubscribing_goes_by_mail_and_the_person_is_warned(world: World) -> None:
    await world.is_open()

    modal = await world.composes(reply_to="office@acme.test")
    assert "no public address" in modal.text
    assert "/mailer suppress" in modal.text
    await world.confirms(modal)
    await world.passes(31)

    mail = world.aws.mails[0]
    assert mail.headers["List-Unsubscribe"] == "<mailto:office@acme.test?subject=unsubscribe>"
    assert "List-Unsubscribe-Post" not in mail.headers
    assert mail.text is not None
    assert "Unsubscribe: send a mail to office@acme.test" in mail.text
    card = await world.asks(world.bob, "/mailer", "You can send broadcasts")
    assert "no public address" in card.text


@OVER_SOCKET_MODE
async def test_the_address_used_last_is_there_the_next_time(world: World) -> None:
    await world.is_open()
    await world.sends(sender="news@acme.test", reply_to="office@acme.test")

    modal = await world.opens(world.ada, "/broadcast", "New broadcast")

    assert modal.value("From") == "news@acme.test"
    assert modal.value("Reply-to") == "office@acme.test"
    assert "any address at acme.test" in modal.text


async def test_with_a_time_it_waits_until_then_and_can_be_undone_until_then(world: World) -> None:
    await world.is_open()
    at = world.clock() + timedelta(days=1)

    message = await world.confirms(await world.composes(send_at=at))
    assert "to 2 recipients starts 2026-11-25 09:00 UTC" in message.text
    assert message.buttons == ["Undo", "Edit", "Cancel broadcast"]
    for _ in range(2):
        await world.passes(timedelta(hours=11, minutes=50).total_seconds())
    assert world.aws.mails == []
    await world.passes(timedelta(minutes=21).total_seconds())

    assert sorted(mail.to[0] for mail in world.aws.mails) == ["ann@elsewhere.test", "ben@elsewhere.test"]
    assert "is done" in message.text


@OVER_SOCKET_MODE
async def test_a_start_missed_by_more_than_an_hour_asks_first(world: World) -> None:
    await world.is_open()
    message = await world.confirms(await world.composes(send_at=world.clock() + timedelta(hours=2)))

    await world.passes(timedelta(hours=4).total_seconds())  # as if nothing had been running meanwhile
    assert "its start was missed by over an hour" in message.text
    assert world.aws.mails == []
    assert "Cancel broadcast" in message.buttons
    await world.bob.press(message, message.buttons[0])
    await world.bot.tasks.idle()
    await world.settle()

    assert len(world.aws.mails) == 2
    assert "is done" in message.text
