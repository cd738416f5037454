"""From a draft to its confirmation: saved audiences, a long file, a test of what is typed, a message made a draft."""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlmodel import select

from handlers.slack.dispatch.registration import AckTimeouts
from storage.models import Audience, Broadcast
from storage.states import BroadcastState
from tests.databases import Clock
from tests.flows.world import OVER_HTTP, OVER_SOCKET_MODE, World, open_world
from tests.playground.aws import AwsPlayground
from tests.playground.aws.outbox import Mail
from tests.playground.slack.driver import Seen
from tests.playground.slack.posting import content, post
from tests.playground.slack.surfaces import Modal

HOSTILE = "<!channel> Kunden & <https://evil.test|click>"
SHORTCUT = "Write a broadcast"
ONE = b"email\nann@elsewhere.test\n"


async def next_page(world: World, modal: Modal, **fields: Any) -> None:
    """Fill what is named and press *Next*."""
    for label, value in ({"From": "hello@acme.test", "Subject": "Spring news", "Message": "Hello"} | fields).items():
        modal.fill(label, value)
    await modal.submit()
    await world.bot.tasks.idle()


async def test_an_upload_is_kept_under_a_name_chosen_again_and_removed(world: World) -> None:
    await world.is_open()
    modal = await world.opens(world.bob, "/broadcast", "New broadcast")
    assert "Saved audience" not in modal.labels
    csv = ("people.csv", b"email,first_name\nann@elsewhere.test,Ann\nben@elsewhere.test,\n")
    await next_page(world, modal, **{"Audience CSV": csv, "Save audience as": HOSTILE})
    assert f"2 addresses in the saved audience “{HOSTILE}”" in modal.text

    modal = await world.opens(world.ada, "/broadcast", "New broadcast")
    await next_page(world, modal, **{"Saved audience": f"{HOSTILE} (2)", "Audience CSV": csv})
    assert modal.errors == {"Saved audience": "Choose a CSV or a saved audience, not both."}
    await next_page(world, modal, **{"Audience CSV": None})
    await world.confirms(modal)
    await world.passes(31)
    assert sorted(mail.to[0] for mail in world.aws.mails) == ["ann@elsewhere.test", "ben@elsewhere.test"]

    modal = await world.opens(world.bob, "/broadcast audiences", "Saved audiences")
    assert HOSTILE in modal.text
    assert "Columns: email, first_name" in modal.text
    await modal.press("Remove")
    await world.bot.tasks.idle()
    assert HOSTILE in (world.bob.last_confirm or "")
    assert "Nothing is saved yet" in modal.text
    modal = await world.opens(world.ada, "/broadcast", "New broadcast")
    assert "Saved audience" not in modal.labels


@OVER_SOCKET_MODE
async def test_a_saved_audience_that_somebody_removed_meanwhile_is_refused_in_its_field(world: World) -> None:
    await world.is_open()
    modal = await world.opens(world.bob, "/broadcast", "New broadcast")
    csv = ("people.csv", b"email\nann@elsewhere.test\n")
    await next_page(world, modal, **{"Audience CSV": csv, "Save audience as": "Customers"})
    modal = await world.opens(world.bob, "/broadcast", "New broadcast")
    async with world.bot.db.read() as session:
        saved = (await session.exec(select(Audience).where(Audience.name == "Customers"))).one()
    await world.bot.services.audiences.remove(
        await world.bot.services.teams.get(saved.team_id, world.slack.workspace.id), saved.id, world.ada.id
    )

    await next_page(world, modal, **{"Saved audience": "Customers (1)"})

    assert modal.errors == {"Saved audience": "This saved audience is no longer there: choose another."}


# Long files


@pytest.fixture
async def hasty(aws: AwsPlayground, database_url: str, clock: Clock) -> AsyncIterator[World]:
    """A world in which every submission shows its waiting view at once."""
    async with open_world(aws, database_url, clock, patience=AckTimeouts(opening=25, submission=0)) as built:
        await built.is_open()
        yield built


@OVER_HTTP
@pytest.mark.long
async def test_while_a_long_file_is_read_the_person_sees_how_far_it_is(hasty: World) -> None:
    rows = "".join(f"r{number}@elsewhere.test\n" for number in range(120_000))
    modal = await hasty.composes(f"email\n{rows}".encode())

    assert re.search(r"Reading the audience… \d0,000 rows so far\.", hasty.slack.transcript())
    assert modal.title == "Check and send"
    assert "120,000 recipients" in modal.text


async def test_more_rows_than_fit_come_in_a_direct_message_with_their_lines(world: World) -> None:
    await world.is_open()
    rows = "".join(f"nobody {number},=1+1\n" for number in range(40))

    modal = await world.composes(f"email,x\nann@elsewhere.test,1\n{rows}".encode())

    assert "line 3: “nobody 0” has a space in it" in modal.text
    assert "and 25 more rows: you have them all in a direct message" in modal.text
    (message,) = [each for each in world.slack.messages(world.bob.dm) if each.files]
    lines = message.files[0].content.decode("utf-8-sig").splitlines()
    assert len(lines) == 41
    assert lines[-1] == "42,nobody 39,has a space in it"
    await world.bob.sees(world.bob.dm, "40 rows of your upload were left out")


@OVER_HTTP
async def test_where_the_direct_message_fails_the_confirmation_promises_none(world: World) -> None:
    await world.is_open()
    world.slack.fail("files.getUploadURLExternal")

    modal = await world.composes(b"email\nann@elsewhere.test\n" + b"nobody\n" * 30)

    assert "and 15 more rows" in modal.text
    assert "direct message" not in modal.text


# A test of what is typed


@pytest.mark.long
async def test_a_test_goes_out_from_the_composer_as_it_would_read_and_nothing_typed_is_lost(world: World) -> None:
    await world.is_open()
    composer = await world.opens(world.bob, "/broadcast", "New broadcast")
    typed = {
        "From": "hello@acme.test",
        "Reply-to": "office@acme.test",
        "Subject": "News for {{first_name|you}}",
        "Preheader": "What is new",
        "Message": "Hello {{first_name|there}}",
        "Save audience as": "Customers",
    }
    for label, value in typed.items():
        composer.fill(label, value)
    before = {label: composer.value(label) for label in composer.labels}
    await composer.press("Send a test")
    await world.bot.tasks.idle()

    test = await world.bob.modal("Send a test")
    assert (test.value("From"), test.value("Preheader")) == ("hello@acme.test", "What is new")
    test.fill("To", "not an address")
    await test.submit()
    assert "has a space in it" in test.errors["To"]
    test.fill("To", "ann@elsewhere.test")
    await test.submit()
    await world.settle()
    assert "on its way to 1 address" in test.text
    await test.close()

    (mail,) = world.aws.mails
    assert (mail.subject, mail.reply_to) == ("[Test] News for you", ("office@acme.test",))
    assert "What is new" in (mail.html or "")
    assert "Hello there" in (mail.html or "")
    assert {label: composer.value(label) for label in composer.labels} == before
    composer.fill("Audience CSV", ("people.csv", b"email,first_name\nann@elsewhere.test,Ann\n"))
    await composer.submit()
    await world.bot.tasks.idle()
    assert composer.title == "Check and send"
    assert "News for Ann" in composer.text


# A message made a draft


def text(value: str, *styles: str) -> dict[str, Any]:
    return {"type": "text", "text": value} | ({"style": dict.fromkeys(styles, True)} if styles else {})


def part(kind: str, *elements: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": f"rich_text_{kind}", "elements": list(elements), **more}


async def drafts(world: World, said: Seen) -> Modal:
    """Choose *Write a broadcast* in the menu of a message."""
    while (top := world.bob.top_modal) is not None:
        await top.close()
    await world.bob.uses_shortcut(SHORTCUT, said)
    await world.bot.tasks.idle()
    return await world.bob.modal("New broadcast")


def posted(world: World, text: str = "", blocks: list[dict[str, Any]] | None = None) -> Seen:
    """A message of another app."""
    message = post(world.slack.world, world.news, world.news.workspace, *content(text, blocks))
    return Seen(message, world.slack)


async def mailed(world: World, modal: Modal) -> Mail:
    """Send what the form begins with."""
    await next_page(world, modal, Message=modal.value("Message"), **{"Audience CSV": ("people.csv", ONE)})
    await world.confirms(modal)
    await world.passes(31)
    return world.aws.mails[-1]


FORMATTED = [
    part(
        "section",
        text("Dear "),
        text("all", "bold"),
        text(", meet "),
        {"type": "user", "user_id": "ADA", "style": {"bold": True}},
        text(" "),
        {"type": "emoji", "name": "smile"},
        {"type": "emoji", "name": "acme-logo"},
    ),
    part("list", part("section", text("one")), part("section", text("two")), style="ordered", offset=3),
    part("quote", {"type": "link", "url": "https://acme.test/sale", "text": "our shop"}),
    part("preformatted", text("code")),
]


async def test_a_message_becomes_a_draft_with_its_formatting(world: World) -> None:
    """Slack has members in a message that an input does not take, and cannot submit a mention that stands in one."""
    await world.is_open()
    FORMATTED[0]["elements"][3]["user_id"] = world.ada.id

    said = world.bob.says(world.news, "", rich=FORMATTED)
    modal = await drafts(world, said)

    assert "display_url" in str(said.message.blocks)
    assert modal.value("Message")["elements"] == [
        part(
            "section",
            text("Dear "),
            text("all", "bold"),
            text(", meet "),
            text("@Ada", "bold"),
            text(" "),
            {"type": "emoji", "name": "smile", "unicode": "1f604"},
            {"type": "emoji", "name": "acme-logo"},
        ),
        part("list", part("section", text("one")), part("section", text("two")), style="ordered", indent=0, offset=3),
        part("quote", {"type": "link", "url": "https://acme.test/sale", "text": "our shop"}),
        part("preformatted", text("code")),
    ]
    assert "Left out" not in modal.text
    mail = await mailed(world, modal)
    assert (mail.text or "").startswith(
        "Dear all, meet @Ada \N{SMILING FACE WITH OPEN MOUTH AND SMILING EYES}:acme-logo:"
    )
    assert "<strong>@Ada</strong>" in (mail.html or "")
    assert '<a href="https://acme.test/sale">our shop</a>' in (mail.html or "")


@OVER_HTTP
async def test_what_was_typed_is_given_back_as_the_input_takes_it(world: World) -> None:
    """In the form above that sends a test, and where the form is drawn again: Slack has added to it here too."""
    await world.is_open()
    FORMATTED[0]["elements"][3]["user_id"] = world.ada.id
    composer = await world.opens(world.bob, "/broadcast", "New broadcast")
    composer.fill("From", "hello@acme.test")
    composer.fill("Subject", "Spring news")
    composer.fill("Message", {"type": "rich_text", "elements": FORMATTED})

    await composer.press("Send a test")
    await world.bot.tasks.idle()
    test = await world.bob.modal("Send a test")
    test.fill("To", "ann@elsewhere.test")
    await test.submit()
    await world.settle()

    assert "on its way to 1 address" in test.text
    assert "@Ada" in (world.aws.mails[0].text or "")


@OVER_HTTP
async def test_where_slack_does_not_take_the_formatting_the_form_opens_with_the_text(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    await world.is_open()
    said = world.bob.says(world.news, "", rich=[*FORMATTED[1:], part("section", {"type": "user", "user_id": "U404"})])
    world.slack.fail("views.open", error="invalid_arguments")

    modal = await drafts(world, said)

    assert "Slack did not take the formatting of this message: here is its text." in modal.text
    (shown,) = modal.value("Message")["elements"]
    assert [element["type"] for element in shown["elements"] if element["type"] != "text"] == ["user"]
    lines = "".join(element.get("text", "@") for element in shown["elements"]).split("\n")
    assert lines[:4] == ["4. one", "5. two", "our shop (https://acme.test/sale)", "code"]
    assert "did not take the formatting of a message" in caplog.text


@OVER_HTTP
async def test_a_form_that_slack_refuses_for_another_reason_is_not_opened_again(world: World) -> None:
    await world.is_open()
    before = len(world.slack.calls_of("views.open"))
    world.slack.fail("views.open", error="invalid_arguments")

    await world.bob.types(world.news, "/broadcast")
    await world.bot.tasks.idle()

    assert len(world.slack.calls_of("views.open")) == before + 1


MARKED_UP = """*Spring sale*: <https://acme.test/a_b|our _shop_> &amp; <!here> _today_ ~1 &lt; 2~ :smile:
&gt; Hello <@ADA>, {{first_name|there}}
```x = *y*
```2*3*4 snake_case_name `*code*` <mailto:a@acme.test|a@acme.test> <!date^1|tomorrow> *open"""


@OVER_HTTP
async def test_a_message_of_an_app_becomes_a_draft_of_what_it_shows(world: World) -> None:
    await world.is_open()

    modal = await drafts(world, posted(world, MARKED_UP.replace("ADA", world.ada.id)))

    assert modal.value("Message")["elements"] == [
        part(
            "section",
            text("Spring sale", "bold"),
            text(": "),
            {"type": "link", "url": "https://acme.test/a_b", "text": "our _shop_"},
            text(" & "),
            {"type": "broadcast", "range": "here"},
            text(" "),
            text("today", "italic"),
            text(" "),
            text("1 < 2", "strike"),
            text(" "),
            {"type": "emoji", "name": "smile"},
        ),
        part("quote", text("Hello "), text("@Ada"), text(", {{first_name|there}}")),
        part("preformatted", text("x = *y*")),
        part(
            "section",
            text("2*3*4 snake_case_name "),
            text("*code*", "code"),
            text(" "),
            {"type": "link", "url": "mailto:a@acme.test"},
            text(" "),
            text("tomorrow"),
            text(" *open"),
        ),
    ]
    mail = await mailed(world, modal)
    assert (mail.text or "").startswith("Spring sale: our _shop_ (https://acme.test/a_b) & @here today")
    assert (await drafts(world, posted(world, "", [{"type": "divider"}]))).value("Message") is None


@OVER_HTTP
async def test_what_of_a_message_a_mail_cannot_have_is_named(world: World) -> None:
    await world.is_open()
    picture = {"type": "image", "image_url": "https://acme.test/a.png", "alt_text": "a chart"}
    button = {"type": "button", "text": {"type": "plain_text", "text": "Open"}}
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": "Sales & more"}},
        {"type": "section", "text": {"type": "mrkdwn", "text": "Up by *4 %*"}, "accessory": picture},
        {"type": "section", "fields": [{"type": "plain_text", "text": "*North*"}, {"type": "mrkdwn", "text": "7"}]},
        {"type": "context", "elements": [picture, {"type": "mrkdwn", "text": "as of today"}]},
        {"type": "divider"},
        picture,
        {"type": "actions", "elements": [button, {**button, "action_id": "b"}]},
    ]

    modal = await drafts(world, posted(world, "Sales", blocks))

    assert modal.value("Message")["elements"] == [
        part("section", text("Sales & more", "bold")),
        part("section", text("Up by "), text("4 %", "bold")),
        part("section", text("*North*")),
        part("section", text("7")),
        part("section", text("as of today")),
    ]
    assert "A mail cannot have all of this message. Left out: 3 pictures, 1 divider, 2 buttons." in modal.text

    file = ("chart.svg", b"<svg/>")
    modal = await drafts(world, world.bob.says(world.news, "See the chart", files=[file, ("a.csv", b"a")]))
    assert modal.value("Message")["elements"] == [part("section", text("See the chart"))]
    assert "Left out: 1 picture, 1 file." in modal.text


@OVER_SOCKET_MODE
async def test_the_shortcut_is_for_members_and_says_what_is_missing_before_broadcasts_are_open(world: World) -> None:
    said = world.bob.says(world.news, "Dear all")
    await world.gus.uses_shortcut(SHORTCUT, said)
    assert (await world.gus.sees(world.news, "guest accounts cannot use it")).ephemeral

    await world.bob.uses_shortcut(SHORTCUT, said)
    await world.bot.tasks.idle()

    assert (await world.bob.sees(world.news, "You can't send broadcasts yet")).ephemeral
    async with world.bot.db.read() as session:
        assert (await session.exec(select(Broadcast))).first() is None


# Warnings and numbers


@OVER_HTTP
async def test_the_confirmation_warns_of_a_from_address_at_a_mail_provider_and_tells_the_quota(world: World) -> None:
    await world.is_open("ann@gmail.com", quota=1_000)

    modal = await world.composes(sender="ann@gmail.com")

    assert "Others may junk or refuse what SES sends from ann@gmail.com (DMARC)" in modal.text
    assert "It leaves 998 of the daily quota; left now: 1,000." in modal.text
    async with world.bot.db.read() as session:
        assert (await session.exec(select(Broadcast.state))).one() is BroadcastState.DRAFT
