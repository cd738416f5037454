"""What people type and what AWS says is shown as it is, and never pings the channel, forges a link or closes a tag."""

import json
from collections.abc import Iterator
from typing import Any

from tests.flows.world import OVER_HTTP, OVER_SOCKET_MODE, World

HOSTILE = "<!channel> <@U0000000001> <https://evil.test|Log in> & &lt;"
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


def forged(world: World) -> list[str]:
    """Whatever reached Slack that it would take for a mention or a link of ours: calls, and answers to submissions."""
    payloads = [call.params for call in world.slack.calls] + [each.ack for each in world.slack.deliveries]
    return [text for text in marked_up(payloads) if any(mark in text for mark in MARKS)]


def test_the_scan_finds_what_is_not_escaped() -> None:
    block = {"type": "section", "text": {"type": "mrkdwn", "text": "Hi <!channel>"}}

    assert list(marked_up({"blocks": json.dumps([block]), "text": "hello"})) == ["hello", "Hi <!channel>"]
    assert list(marked_up({"type": "plain_text", "text": "<!channel>"})) == []


@OVER_HTTP
async def test_nothing_that_is_typed_or_uploaded_becomes_markup(world: World) -> None:
    await world.is_open("acme.test", "<!channel>.test")
    await world.asks(world.bob, f"/mailer {HOSTILE}", "I don't know the word")
    await world.asks(world.bob, "/broadcast `<!here>`", "I don't know the word")
    await world.asks(world.ada, f"/mailer suppress {HOSTILE}", "has a space in it")
    identity = await world.opens(world.ada, "/mailer identity", "Add identity")
    identity.fill("Email address or domain", "<!channel>@acme.test")
    await identity.submit()
    assert "<!channel>@acme.test" in identity.errors["Email address or domain"]
    csv = (
        "email,first_name,<!channel>\n"
        f'ann@elsewhere.test,"{HOSTILE}",x\n'
        '"<!channel>@elsewhere.test",Nobody,x\n'
        '<https://evil.test|ben@elsewhere.test>,"`<!here>`",x\n'
    )
    modal = await world.composes(csv.encode(), subject=HOSTILE, message=f"Dear {{{{first_name}}}}, {HOSTILE}")
    assert modal.title == "Check and send"
    assert f"Dear {HOSTILE}, {HOSTILE}" in modal.text
    assert HOSTILE in modal.text
    await modal.submit()
    await world.settle()
    message = await world.bob.sees(world.news, HOSTILE)
    await world.passes(31)
    assert "is done" in message.text
    unknown = await world.composes(csv.encode(), message="Dear {{nobody}}")
    assert "it has email, first_name, channel" in unknown.errors["Message"]

    assert forged(world) == []
    assert {mail.subject for mail in world.aws.mails} == {HOSTILE}


@OVER_SOCKET_MODE
async def test_nothing_that_aws_says_becomes_markup(world: World) -> None:
    await world.connects()
    world.aws.fail("ses:CreateEmailIdentity", "BadRequestException", message=HOSTILE)
    identity = await world.opens(world.ada, "/mailer identity", "Add identity")
    identity.fill("Email address or domain", "acme.test")
    await identity.submit()
    assert HOSTILE in identity.errors["Email address or domain"]
    await identity.submit()
    world.ses.fail("acme.test", HOSTILE)
    world.ses.deny_production(HOSTILE)
    await world.passes(600)
    await world.bob.sees(world.news, "AWS denied production access")
    assert HOSTILE[:10] in (await world.asks(world.bob, "/mailer", "Production access")).text
    await world.asks(world.bob, "/broadcast", "You can't send broadcasts yet")
    world.ses.verify("shop.test")
    world.ses.grant_production()
    await world.passes(600)
    world.aws.fail("ses:SendBulkEmail", "BadRequestException", None, message=HOSTILE)
    message = await world.sends(sender="hello@shop.test")
    assert "was stopped" in message.text
    assert HOSTILE in message.text

    assert forged(world) == []
