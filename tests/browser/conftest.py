"""A real browser at the page of `make play`. Where there is none these tests are left out, and say why."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.playground.chromium import browser as chromium_running
from tests.playground.chromium import chromium
from tests.playground.page import PlayPage
from tests.playground.stage import OWN_ACCOUNT, stage

WAIT_MS = 15_000
expect.set_options(timeout=WAIT_MS)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    path = chromium()
    if path is None:
        pytest.skip("no browser tests: no Chromium is installed, nor named by CHROMIUM")
    async with chromium_running(path) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def play(browser: Browser) -> AsyncIterator[PlayPage]:  # noqa: ARG001 - no stage without a browser
    async with stage(own_account=OWN_ACCOUNT) as on, PlayPage(on) as page:
        yield page


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Browser, play: PlayPage) -> AsyncIterator[Page]:
    """The page as it opens, at 1280 px. Whatever its console says is a failure."""
    context = await browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(WAIT_MS)
    shown = await context.new_page()
    complaints: list[str] = []
    shown.on("console", lambda said: complaints.append(said.text) if said.type in {"error", "warning"} else None)
    shown.on("pageerror", lambda error: complaints.append(str(error)))
    await shown.goto(play.url)
    yield shown
    await context.close()
    assert complaints == []
