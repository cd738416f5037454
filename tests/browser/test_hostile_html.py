"""The mail that a hostile HTML file becomes asks the net for nothing, in a real browser that nothing holds back."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from html import escape
from typing import Literal

import pytest
from aiohttp import web
from playwright.async_api import Browser

from bot.broadcast.content.compiler import Footer, compile_template, render
from bot.broadcast.content.html_sanitizer import sanitize
from tests.browser.hostile_html import WAITS, Hostile, hostile

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(1_800)]  # for 5,000 of them
MANY, MANY_LONG, AT_ONCE = 200, 5_000, 100  # in 200 is every way in
SECONDS = 20
EMPTY = {"style": "text/css", "script": "text/javascript", "image": "image/svg+xml"}


class Sink:
    """A server that notes which numbers it is asked for; it also hands out the pages that show the documents."""

    def __init__(self) -> None:
        self.asked: set[int] = set()
        self._more = asyncio.Event()
        self.pages: list[str] = []
        self.url = ""

    def of(self, number: int) -> str:
        return f"{self.url}/asked/{number}/x"

    async def wait(self) -> None:
        """Wait until it is asked once more."""
        self._more.clear()
        await self._more.wait()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Sink"]:
        app = web.Application()
        app.router.add_route("*", "/asked/{number}{rest:.*}", self._note)
        app.router.add_get("/page/{number}", self._page)
        app.router.add_get("/nothing", self._nothing)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()

    async def _note(self, request: web.Request) -> web.Response:
        self.asked.add(int(request.match_info["number"]))
        self._more.set()
        kind = EMPTY.get(request.headers.get("Sec-Fetch-Dest", ""), "text/plain")
        return web.Response(body=b"", content_type=kind, headers={"Access-Control-Allow-Origin": "*"})

    async def _page(self, request: web.Request) -> web.Response:
        return web.Response(text=self.pages[int(request.match_info["number"])], content_type="text/html")

    async def _nothing(self, _request: web.Request) -> web.Response:
        raise web.HTTPNotFound


async def show(
    browser: Browser, sink: Sink, documents: Sequence[str], *, until: Literal["commit", "networkidle"]
) -> AsyncIterator[range]:
    """Show the documents, each in a frame of its own without a sandbox or a policy; yield which a page has."""
    starts = range(0, len(documents), AT_ONCE)
    sink.pages = [
        "<!doctype html>" + "".join(f'<iframe srcdoc="{escape(one)}"></iframe>' for one in documents[at : at + AT_ONCE])
        for at in starts
    ]
    for number, at in enumerate(starts):
        page = await browser.new_page()
        await page.goto(f"{sink.url}/page/{number}", wait_until=until, timeout=3_000 * SECONDS)
        yield range(at, min(at + AT_ONCE, len(documents)))
        await page.close()


def mailed(document: str) -> str:
    """Return the mail, as SES would be given it."""
    html, _ = sanitize(document.encode())
    letter = compile_template("News", "", {"type": "html", "html": html}, ["first_name"], Footer())
    return render(letter, letter.data({"first_name": "Ann"}, "https://mail.acme.test/u/abc")).html


def made(sink: Sink, config: pytest.Config) -> list[Hostile]:
    return hostile(MANY_LONG if config.getoption("--long") else MANY, sink.of)


async def test_what_is_left_of_a_hostile_document_asks_for_nothing(
    browser: Browser, pytestconfig: pytest.Config
) -> None:
    async with Sink().serving() as sink:
        documents = made(sink, pytestconfig)
        left = [mailed(each.document) for each in documents]

        async for _ in show(browser, sink, left, until="networkidle"):
            pass

        assert [(documents[number].document, left[number]) for number in sorted(sink.asked)] == []


@pytest.mark.long
async def test_as_it_is_each_document_asks_for_something_or_is_listed_as_one_that_waits(
    browser: Browser, pytestconfig: pytest.Config
) -> None:
    async with Sink().serving() as sink:
        documents = made(sink, pytestconfig)
        listed = {number for number, each in enumerate(documents) if each.waits}

        async for shown in show(browser, sink, [each.document for each in documents], until="commit"):
            with suppress(TimeoutError):
                while not listed.union(sink.asked).issuperset(shown):
                    async with asyncio.timeout(SECONDS):  # for the next one
                        await sink.wait()

        quiet = {number for number in range(len(documents)) if number not in sink.asked}
        assert [documents[number].document for number in sorted(quiet - listed)] == []
        assert {documents[number].way for number in listed} >= {*WAITS}
