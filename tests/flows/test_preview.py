"""*See it*: the page behind a signed link, or, without a public address, the mail as a file in a direct message."""

import re
from collections.abc import AsyncIterator
from html import unescape

import aiohttp
import pytest

from bot.broadcast.preview import Previews
from storage.models import new_id
from tests.databases import Clock
from tests.flows.test_broadcast import the_broadcast
from tests.flows.test_mail_me_one import PEOPLE
from tests.flows.test_reports import files_in
from tests.flows.test_unsubscribe import PUBLIC_URL
from tests.flows.world import OVER_HTTP, World, open_world
from tests.playground.aws import AwsPlayground

HOUR = 3600


@pytest.fixture
async def public(aws: AwsPlayground, database_url: str, clock: Clock, database_kind: str) -> AsyncIterator[World]:
    """A Mailroom that has a public address."""
    socket_mode = database_kind == "postgresql"
    async with open_world(aws, database_url, clock, socket_mode=socket_mode, public_url=PUBLIC_URL) as built:
        await built.is_open()
        yield built


async def sees(world: World) -> str:
    """Press *See it* in *Check and send*; the link, as it is reached from here."""
    modal = await world.composes(PEOPLE, message="Hello {{first_name}} of {{town}} <script>alert(1)</script>")
    await modal.press("See it")
    await world.settle()
    above = await world.bob.modal("See it")
    found = re.search(rf"{re.escape(PUBLIC_URL)}(/p/[\w-]+)", str(above.view.blocks))
    assert found, above.text
    return f"http://127.0.0.1:{world.bot.http.port}{found[1]}"


async def get(url: str) -> tuple[int, str, str]:
    """Status, page and CSP."""
    async with aiohttp.ClientSession() as http, http.get(url) as answer:
        return answer.status, await answer.text(), answer.headers["Content-Security-Policy"]


def frame_of(page: str) -> str:
    found = re.search(r'srcdoc="([^"]*)"', page)
    assert found, page
    return unescape(found[1])


async def test_the_page_shows_each_recipients_mail_in_a_frame_without_scripts(public: World) -> None:
    link = await sees(public)

    status, page, csp = await get(link)

    assert status == 200
    assert "Hello Ann of Bonn &lt;script&gt;" in frame_of(page)
    assert '<iframe sandbox="" referrerpolicy="no-referrer"' in page
    assert "<script" not in page
    assert "default-src 'none'" in csp
    assert "script-src" not in csp
    assert "img-src data:;" in csp
    for label in ("Wide", "Narrow", "Text", "Images off", "Next recipient"):
        assert f">{label}</a>" in page
    assert "Recipient</dt><dd>1 of 3" in page
    assert 'row=2">Next recipient' in page


async def test_its_views_and_rows(public: World) -> None:
    link = await sees(public)

    assert "width:409px" in (await get(f"{link}?view=narrow"))[1]
    _, page, _ = await get(f"{link}?view=text&row=2")
    assert "<pre>Hello Benedict the Younger of Bad Homburg vor der Hoehe &lt;script&gt;" in page
    assert "<iframe" not in page
    _, page, csp = await get(f"{link}?images=off&row=3")
    assert "img-src 'none';" in csp
    assert 'images=off&amp;row=1">Next recipient' in page, "and round again"
    for strange in ("row=0", "row=4", "row=x", "row=99999999999", "view=%22%3E", "images=%3Cscript%3E"):
        status, page, _ = await get(f"{link}?{strange}")
        assert (status, "1 of 3" in page, "<script" in page) == (200, True, False)


async def test_after_its_hour_the_link_is_gone(public: World) -> None:
    link = await sees(public)
    public.clock.advance(HOUR - 2)
    assert (await get(link))[0] == 200

    public.clock.advance(2)

    status, page, _ = await get(link)
    assert status == 410
    assert "This link was good for an hour." in page
    assert "Ann" not in page


async def test_a_link_of_another_team_or_one_that_nobody_signed_shows_nothing(public: World) -> None:
    link = await sees(public)
    draft = await the_broadcast(public)
    services = public.bot.services
    foreign = draft.model_copy(update={"team_id": new_id()})
    other_keys = Previews(services.db, [("xx", b"k" * 32)], PUBLIC_URL)
    base = link.rpartition("/p/")[0]
    for url in (services.previews.link(foreign), other_keys.link(draft), f"{PUBLIC_URL}/p/x", f"{link[:-2]}AA"):
        status, page, _ = await get(url.replace(PUBLIC_URL, base))
        assert (status, "Ann" in page) == (404, False), url
    unsubscribe = link.replace("/p/", "/u/")
    assert (await get(unsubscribe))[0] == 404, "a preview link takes nobody off"


@OVER_HTTP
async def test_without_a_public_address_the_mail_comes_as_a_file_in_a_direct_message(world: World) -> None:
    await world.is_open()
    modal = await world.composes(PEOPLE, message="Hello {{first_name}}")

    await modal.press("See it")
    await world.settle()

    assert "in a direct message" in (await world.bob.modal("See it")).text
    (file,) = (file for file in files_in(world, world.bob) if file.name.endswith("html"))
    assert file.name == "mail.html"
    assert b"Hello Ann" in file.content
