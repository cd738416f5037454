"""*Mail me one*: the very mail of a recipient, mailed to somebody else, who can neither leave nor settle anybody."""

import copy
import json
import re
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from tests.databases import Clock
from tests.flows.test_unsubscribe import PUBLIC_URL, ask, link_of
from tests.flows.world import BOTH_DATABASES, UNDO_SECONDS, World, open_world
from tests.playground.aws import AwsPlayground
from tests.playground.slack.surfaces import Modal

PEOPLE = b"""email,first_name,town
ann@elsewhere.test,Ann,Bonn
broken line
ben@elsewhere.test,Benedict the Younger,Bad Homburg vor der Hoehe
cyd@elsewhere.test,,Rome
"""
TOKEN = re.compile(rf"{re.escape(PUBLIC_URL)}/u/[\w-]+")


@pytest.fixture
async def world(aws: AwsPlayground, database_url: str, clock: Clock, database_kind: str) -> AsyncIterator[World]:
    """A Mailroom that has a public address."""
    socket_mode = database_kind == "postgresql"
    async with open_world(aws, database_url, clock, socket_mode=socket_mode, public_url=PUBLIC_URL) as built:
        await built.is_open()
        yield built


async def mails_one(world: World, to: str, **typed: str) -> Modal:
    """Press *Mail me one* in *Check and send*, fill what is given, and send it off."""
    above = await world.bob.modal("Mail me one")
    for label, value in ({"Send to": to} | typed).items():
        above.fill(label, value)
    await above.submit()
    await world.settle()
    return above


async def checks(world: World) -> Modal:
    modal = await world.composes(PEOPLE, message="Hello {{first_name}} of {{town}} <b>", reply_to="office@acme.test")
    await modal.press("Mail me one")
    await world.settle()
    return modal


def without_the_four(call: Mapping[str, Any], entry: Mapping[str, Any]) -> dict[str, Any]:
    """One recipient's part of a call, with To, X-Mailroom-Test, the token and the tags taken out."""
    said = {name: value for name, value in call.items() if name not in {"BulkEmailEntries", "DefaultEmailTags"}}
    one = copy.deepcopy(dict(entry))
    del one["Destination"]
    one["ReplacementHeaders"] = [each for each in one["ReplacementHeaders"] if each["Name"] != "X-Mailroom-Test"]
    return dict(json.loads(TOKEN.sub("TOKEN", json.dumps(said | {"entry": one}))))


async def test_it_is_the_mail_of_that_recipient_in_all_but_four_things(world: World) -> None:
    modal = await checks(world)
    above = await mails_one(world, "me@acme.test")
    assert "The test is on its way to 1 address" in above.text
    await above.close()

    await world.confirms(modal)
    await world.passes(UNDO_SECONDS)

    test, real = (call.params for call in world.aws.calls_of("ses:SendBulkEmail")[-2:])
    (tested,) = test["BulkEmailEntries"]
    (ben,) = (each for each in real["BulkEmailEntries"] if "ben@" in each["Destination"]["ToAddresses"][0])
    assert without_the_four(test, tested) == without_the_four(real, ben)
    assert "Benedict the Younger" in tested["ReplacementEmailContent"]["ReplacementTemplate"]["ReplacementTemplateData"]
    assert tested["Destination"] == {"ToAddresses": ["me@acme.test"]}
    names = [{each["Name"]: each["Value"] for each in entry["ReplacementHeaders"]} for entry in (tested, ben)]
    assert names[0].pop("X-Mailroom-Test") == "1"
    assert names[0].keys() == names[1].keys()
    assert names[0]["List-Unsubscribe"] != names[1]["List-Unsubscribe"]
    tags = [{each["Name"]: each["Value"] for each in call["DefaultEmailTags"]} for call in (test, real)]
    assert tags[0].keys() == tags[1].keys()
    assert tags[0]["broadcast"] != tags[1]["broadcast"]
    assert world.aws.mails_to("me@acme.test")[0].subject == "Spring news", "and no [Test]"


@BOTH_DATABASES
async def test_the_longest_one_with_a_hole_and_any_line_are_offered(world: World) -> None:
    await checks(world)
    above = await world.bob.modal("Mail me one")
    above.fill("Recipient", "One with a hole: cyd@elsewhere.test")
    above.fill("Recipient", "The longest: ben@elsewhere.test")

    above.fill("Send to", "me@acme.test")
    for line in ("3", "1", "99", "x"):
        above.fill("Line of the file", line)
        await above.submit()
        assert above.errors == {"Line of the file": "No recipient stands in this line of the file."}
    above.fill("Line of the file", "2")
    above.fill("Send to", ", ".join(f"a{number}@acme.test" for number in range(21)))
    await above.submit()
    assert "take out 1" in above.errors["Send to"]
    above.fill("Send to", "me@acme.test, you@acme.test")
    await above.submit()
    await world.settle()

    for address in ("me@acme.test", "you@acme.test"):
        (mail,) = world.aws.mails_to(address)
        assert mail.to == (address,)
        assert "Hello Ann of Bonn" in (mail.text or "")


async def test_its_unsubscribe_link_changes_nothing_and_says_so(world: World) -> None:
    await checks(world)
    await mails_one(world, "ann@elsewhere.test")
    (mail,) = world.aws.mails_to("ann@elsewhere.test")

    for method in ("GET", "POST"):
        status, page = await ask(method, link_of(world, mail))
        assert (status, "This was a test, nothing changed" in page) == (200, True)

    modal = await world.composes(PEOPLE, subject="Spring news again")
    assert "suppressed" not in modal.text


async def test_it_goes_where_the_settings_say_unless_slack_tells_the_persons_address(world: World) -> None:
    settings = await world.opens(world.ada, "/mailer settings", "Settings")
    settings.fill("Tests go to", "qa@acme.test\nQA@acme.test, boss@acme.test")
    await settings.submit()
    await world.settle()

    world.slack.workspace.scopes.discard("users:read.email")
    await checks(world)
    assert (await world.bob.modal("Mail me one")).value("Send to") == "qa@acme.test, boss@acme.test"
    world.slack.workspace.scopes.add("users:read.email")
    await checks(world)
    assert str((await world.bob.modal("Mail me one")).value("Send to")).startswith("bob@")

    settings = await world.opens(world.ada, "/mailer settings", "Settings")
    settings.fill("Tests go to", "nobody")
    await settings.submit()
    assert "has no @" in settings.errors["Tests go to"]
