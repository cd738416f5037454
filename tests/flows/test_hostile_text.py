"""What people type and what AWS says is shown as it is, and never pings the channel, forges a link or closes a tag."""

import json
import re
from collections.abc import Iterator
from typing import Any

from handlers.slack.text import code, esc
from tests.flows.world import OVER_HTTP, OVER_SOCKET_MODE, World

HOSTILE = "<!channel> <@U0000000001> <https://evil.test|Log in> & &lt;"
BIDI = "\u202e\u2066\u200f"  # what turns text round: mailed as typed, never shown in Slack
FORMATTED = " *bold* _italic_ ~struck~ `code`"  # is mailed as typed too, and shown with characters that look like it
SHOWN = " ∗bold∗ ˍitalicˍ ∼struck∼ ˋcodeˋ"
MARKS = ("<!channel", "<@U0000000001", "<https://evil", "<!here", "<#C")


def marked_up(payload: Any) -> Iterator[str]:
    """Every text in a payload that Slack would read as markup: mrkdwn objects, and the text of messages."""
    if isinstance(payload, str) and payload[:1] in {"[", "{"}:
        yield from marked_up(json.loads(payload))
    elif isinstance(payload, list):
        for part in payload:
            yield from marked_up(part)
    elif isinstance(payload, dict):
        text = payload.get("text")
        if isinstance(text, str) and payload.get("type", "mrkdwn") == "mrkdwn":
            yield text
        if payload.get("type") not in {"rich_text", "rich_text_input"}:
            for name, part in payload.items():
                if name != "text" or not isinstance(part, str):
                    yield from marked_up(part)


def objects(payload: Any) -> Iterator[dict[str, Any]]:
    """Every object in a payload, those in JSON within JSON too; what was typed into a form is left as it is."""
    if isinstance(payload, str) and payload[:2] in {"[{", '{"'}:
        yield from objects(json.loads(payload))
    elif isinstance(payload, list):
        for part in payload:
            yield from objects(part)
    elif isinstance(payload, dict) and payload.get("type") not in {"rich_text", "rich_text_input"}:
        yield payload
        for part in payload.values():
            yield from objects(part)


def told(world: World) -> list[Any]:
    """Whatever reached Slack: calls, and answers to submissions."""
    return [call.params for call in world.slack.calls] + [each.ack for each in world.slack.deliveries]


def forged(world: World) -> list[str]:
    """What Slack would take for a mention, a link or words in bold of ours."""
    outside_code = re.compile(r"`[^`]*`")
    return [
        text
        for text in marked_up(told(world))
        if any(mark in text for mark in MARKS)
        or any(word in outside_code.sub("", text) for word in FORMATTED.split()[:-1])
    ]


def turned_round(world: World) -> list[str]:
    """What reads as what it is not, because characters in it change the direction."""
    texts = (part for each in objects(told(world)) for part in each.values() if isinstance(part, str))
    return [text for text in texts if text[:2] not in {"[{", '{"'} and {*text} & {*BIDI}]


def linked_by_slack(world: World) -> list[dict[str, Any]]:
    """Texts in which Slack makes links of bare names and channels by itself: mrkdwn that is not verbatim."""
    return [each for each in objects(told(world)) if each.get("type") == "mrkdwn" and each.get("verbatim") is not True]


def test_the_scan_finds_what_is_not_escaped() -> None:
    block = {"type": "section", "text": {"type": "mrkdwn", "text": "Hi <!channel>"}}

    assert list(marked_up({"blocks": json.dumps([block]), "text": "hello"})) == ["hello", "Hi <!channel>"]
    assert list(marked_up({"type": "plain_text", "text": "<!channel>"})) == []
    assert block["text"] in list(objects({"blocks": json.dumps([block])}))


def test_no_backtick_ends_code() -> None:
    assert code("a`b<!here>") == "`aˋb&lt;!here&gt;`"
    assert code("_dmarc ses:*") == "`_dmarc ses:*`"


def test_a_mark_that_formats_becomes_one_that_does_not_and_others_stay() -> None:
    assert esc(FORMATTED) == SHOWN
    assert esc("*a b* (_c_) __d__") == "∗a b∗ (ˍcˍ) ˍˍdˍˍ"
    assert esc("2 * 3, {{first_name}}, ann_lee@acme.test, ~ 5, ses:*") == (
        "2 * 3, {{first_name}}, ann_lee@acme.test, ~ 5, ses:∗"
    )


@OVER_HTTP
async def test_nothing_that_is_typed_or_uploaded_becomes_markup(world: World) -> None:
    await world.is_open("acme.test", "<!channel>.test")
    await world.asks(world.bob, f"/mailer {HOSTILE}{BIDI}", "I don't know the word")
    await world.asks(world.bob, "/broadcast `<!here>`", "I don't know the word")
    await world.asks(world.ada, f"/mailer suppress {HOSTILE}", "has a space in it")
    identity = await world.opens(world.ada, "/mailer identity", "Add identity")
    identity.fill("Email address or domain", "<!channel>@acme.test")
    await identity.submit()
    assert "<!channel>@acme.test" in identity.errors["Email address or domain"]
    csv = (
        "email,first_name,<!channel>\n"
        f'ann@elsewhere.test,"{HOSTILE}{BIDI}",x\n'
        '"<!channel>@elsewhere.test",Nobody,x\n'
        '<https://evil.test|ben@elsewhere.test>,"`<!here>`",x\n'
    )
    modal = await world.composes(
        csv.encode(), subject=HOSTILE + BIDI + FORMATTED, message=f"Dear {{{{first_name}}}}, {HOSTILE}"
    )
    assert modal.title == "Check and send"
    assert f"Dear {HOSTILE}, {HOSTILE}" in modal.text
    assert HOSTILE in modal.text
    await modal.submit()
    await world.settle()
    message = await world.bob.sees(world.news, HOSTILE + SHOWN)
    await world.passes(31)
    assert "is done" in message.text
    unknown = await world.composes(csv.encode(), message="Dear {{nobody}}")
    assert "it has email, first_name, channel" in unknown.errors["Message"]

    assert (forged(world), turned_round(world), linked_by_slack(world)) == ([], [], [])
    assert {mail.subject for mail in world.aws.mails} == {HOSTILE + BIDI + FORMATTED}


@OVER_SOCKET_MODE
async def test_nothing_that_aws_says_becomes_markup(world: World) -> None:
    await world.connects()
    world.aws.fail("ses:CreateEmailIdentity", "BadRequestException", message=HOSTILE + BIDI + FORMATTED)
    identity = await world.opens(world.ada, "/mailer identity", "Add identity")
    identity.fill("Email address or domain", "acme.test")
    await identity.submit()
    assert HOSTILE in identity.errors["Email address or domain"]
    await identity.submit()
    world.ses.fail("acme.test", HOSTILE + BIDI + FORMATTED)
    world.ses.deny_production(HOSTILE + BIDI + FORMATTED)
    await world.passes(600)
    await world.bob.sees(world.news, "AWS denied production access")
    assert HOSTILE[:10] in (await world.asks(world.bob, "/mailer", "Production access")).text
    await world.asks(world.bob, "/broadcast", "You can't send broadcasts yet")
    world.ses.verify("shop.test")
    world.ses.grant_production()
    await world.passes(600)
    world.aws.fail("ses:SendBulkEmail", "BadRequestException", None, message=HOSTILE + BIDI + FORMATTED)
    message = await world.sends(sender="hello@shop.test")
    assert "was stopped" in message.text
    assert HOSTILE in message.text

    assert (forged(world), turned_round(world), linked_by_slack(world)) == ([], [], [])
