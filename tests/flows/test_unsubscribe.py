"""Leaving: one-click unsubscribe, the page behind the link, and what is recorded by hand."""

import re
from collections.abc import AsyncIterator

import aiohttp
import pytest

from storage.key_rotation import check_keys, rotate
from storage.link_keys import link_keys
from storage.sealing import KeyRing
from tests.databases import Clock
from tests.flows.test_broadcast import in_the_middle, numbers, people
from tests.flows.world import BOTH_DATABASES, OVER_HTTP, OVER_SOCKET_MODE, World, open_world
from tests.playground.aws import AwsPlayground
from tests.playground.aws.outbox import Mail

PUBLIC_URL = "https://mail.acme.test"


@pytest.fixture
async def world(aws: AwsPlayground, database_url: str, clock: Clock, database_kind: str) -> AsyncIterator[World]:
    """A Mailroom that has a public address."""
    socket_mode = database_kind == "postgresql"
    async with open_world(aws, database_url, clock, socket_mode=socket_mode, public_url=PUBLIC_URL) as built:
        await built.is_open(rate=5)
        yield built


def link_of(world: World, mail: Mail) -> str:
    """The one-click address of a mail, as it is reached from here."""
    assert mail.headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    url = mail.headers["List-Unsubscribe"].strip("<>")
    assert url.startswith(f"{PUBLIC_URL}/u/")
    return url.replace(PUBLIC_URL, f"http://127.0.0.1:{world.bot.http.port}")


async def ask(method: str, url: str) -> tuple[int, str]:
    body = {"List-Unsubscribe": "One-Click"} if method == "POST" else None
    async with aiohttp.ClientSession() as http, http.request(method, url, data=body) as answer:
        return answer.status, await answer.text()


async def test_one_click_leaves_them_out_of_the_next_broadcast_and_opening_the_link_does_nothing(world: World) -> None:
    await world.sends()
    ann = world.aws.mails_to("ann@elsewhere.test")[0]
    link = link_of(world, ann)
    assert ann.headers["List-Unsubscribe"].strip("<>") in (ann.text or "")
    assert ann.headers["List-Unsubscribe"].strip("<>") in (ann.html or "")

    status, page = await ask("GET", link)
    assert status == 200
    assert "Unsubscribe?" in page
    assert '<form method="post">' in page
    modal = await world.composes(subject="Spring news again")
    assert "suppressed" not in modal.text

    for _ in range(2):
        status, page = await ask("POST", link)
        assert status == 200
        assert "You are unsubscribed" in page
    modal = await world.composes(subject="Spring news once more")
    assert "1 recipient will get" in modal.text
    assert "1 suppressed address left out" in modal.text
    assert "To ben@elsewhere.test" in modal.text
    assert "To ann@elsewhere.test" not in modal.text  # how it reads is shown for those who get it
    message = await world.confirms(modal)
    await world.passes(31)

    assert [mail.subject for mail in world.aws.mails_to("ann@elsewhere.test")] == ["Spring news"]
    assert len(world.aws.mails_to("ben@elsewhere.test")) == 2
    assert numbers(message).get("suppressed") == 1


async def test_links_mailed_before_a_rotation_and_after_it_work_without_the_old_key(world: World) -> None:
    bot = world.bot
    bot.services.link_keys[:] = bot.keys.derive("unsubscribe")  # as they were made before there was a key of their own
    await world.sends()
    links = [link_of(world, world.aws.mails_to("ann@elsewhere.test")[0])]
    new = KeyRing({"new": b"n" * 32})
    bot.services.link_keys[:] = await link_keys(bot.db, bot.keys)

    await rotate(bot.db, KeyRing.parse(f"{new.export().reveal()},{bot.keys.export().reveal()}"))
    vars(bot.keys).update(vars(new))  # a restart without the old one
    await check_keys(bot.db, bot.keys)
    bot.services.link_keys[:] = await link_keys(bot.db, bot.keys)
    await world.sends(subject="Spring news again")
    links.append(link_of(world, world.aws.mails_to("ben@elsewhere.test")[1]))

    for link in links:
        assert (await ask("GET", link))[0] == (await ask("POST", link))[0] == 200
    modal = await world.composes(subject="Spring news once more")
    assert "Every address in it is suppressed" in modal.errors["Audience CSV"]


@OVER_HTTP
async def test_a_link_that_is_not_ours_changes_nothing(world: World) -> None:
    await world.sends()
    link = link_of(world, world.aws.mails[0])
    stored = await world.everything_stored()
    token = link.rpartition("/")[2]
    letter = "A" if token[0] != "A" else "B"

    for wrong in (letter + token[1:], token[:-1], token + "A", "x" * 600, "%3Cscript%3E"):
        for method in ("GET", "POST"):
            status, page = await ask(method, link.replace(token, wrong))
            assert status == 404
            assert "This link does not work" in page
            assert wrong not in page

    assert await world.everything_stored() == stored


async def test_the_link_of_a_test_changes_nothing_and_says_so(world: World) -> None:
    await world.tests("ann@elsewhere.test")
    link = link_of(world, world.aws.mails[0])
    stored = await world.everything_stored()

    for method in ("GET", "POST"):
        status, page = await ask(method, link)
        assert status == 200
        assert "This was a test, nothing changed" in page
        assert "<form" not in page

    assert await world.everything_stored() == stored
    await world.tests("ann@elsewhere.test")
    assert len(world.aws.mails_to("ann@elsewhere.test")) == 2


@BOTH_DATABASES
async def test_whoever_leaves_while_it_is_being_sent_is_not_mailed_any_more(world: World) -> None:
    await world.sends(b"email\nperson11@elsewhere.test\n", subject="Spring news before")
    link = link_of(world, world.aws.mails[0])

    message = await world.confirms(await world.composes(people(12)))
    async with in_the_middle(world):
        assert (await ask("POST", link))[0] == 200

    assert len(world.aws.mails) == 1 + 11
    assert numbers(message).get("suppressed") == 1
    assert sum(numbers(message).values()) == 12


async def test_mailer_suppress_records_by_hand(world: World) -> None:
    done = await world.asks(world.ada, "/mailer suppress ANN@Elsewhere.test", "never mailed again from this channel")
    assert done.ephemeral
    await world.asks(world.ada, "/mailer suppress ann@elsewhere.test", "was suppressed already")
    await world.asks(world.ada, "/mailer suppress", "Type an email address")

    modal = await world.composes()

    assert re.search(r"To ben@elsewhere\.test", modal.text)
    assert "1 suppressed address left out" in modal.text


@OVER_SOCKET_MODE
async def test_when_everybody_has_left_there_is_nobody_to_mail(world: World) -> None:
    await world.asks(world.ada, "/mailer suppress ann@elsewhere.test", "never mailed again")

    modal = await world.composes(b"email\nann@elsewhere.test\n")

    assert "Every address in it is suppressed" in modal.errors["Audience CSV"]
