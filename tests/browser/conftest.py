"""A real browser at the page of `make play`. Where there is none these tests are left out, and say why."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.databases import Clock, Databases
from tests.flows.world import World, open_world
from tests.playground.aws import AwsPlayground
from tests.playground.chromium import browser as chromium_running
from tests.playground.chromium import chromium
from tests.playground.page import PlayPage
from tests.playground.stage import OWN_ACCOUNT, stage

WAIT_MS = 60_000  # make test-long shows thousands of hostile documents in a browser beside this one
PUBLIC_URL = "https://mail.acme.test"
expect.set_options(timeout=WAIT_MS)


def _path() -> str:
    path = chromium()
    if path is None:
        pytest.skip("no browser tests: no Chromium is installed, nor named by CHROMIUM")
    return path


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium_running(_path()) as running:
        yield running


@pytest.fixture
async def public(databases: Databases, aws: AwsPlayground, clock: Clock) -> AsyncIterator[tuple[World, Browser]]:
    """A world with a public address, and the browser of somebody who follows a link to it."""
    path, database_url = _path(), await databases.create("sqlite")
    async with (
        open_world(aws, database_url, clock, public_url=PUBLIC_URL) as world,
        chromium_running(path) as chrome,
    ):
        await world.is_open()
        yield world, chrome
    await databases.drop(database_url)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def play(browser: Browser) -> AsyncIterator[PlayPage]:  # noqa: ARG001 - no stage without a browser
    async with (
        stage(own_account=OWN_ACCOUNT, MAILROOM_UNDO_SECONDS="0.5", MAILROOM_POLL_HEALTHY_SECONDS="8") as on,
        PlayPage(on) as page,
    ):
        on.slack.delivery.ack_seconds = 20  # a browser and the tests beside it leave the bot little of the machine
        yield page


@dataclass(frozen=True)
class Tab:
    """The one tab of a play, and what its console has complained of."""

    page: Page
    complaints: list[str] = field(default_factory=list)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tab(browser: Browser) -> AsyncIterator[Tab]:
    context = await browser.new_context(reduced_motion="reduce")
    context.set_default_timeout(WAIT_MS)
    opened = Tab(await context.new_page())
    say = opened.complaints.append
    opened.page.on("console", lambda said: say(said.text) if said.type in {"error", "warning"} else None)
    opened.page.on("pageerror", lambda error: say(str(error)))
    yield opened
    await context.close()


@pytest_asyncio.fixture(loop_scope="module")
async def page(tab: Tab, play: PlayPage) -> AsyncIterator[Page]:
    """The page as it opens, at 1280 px. Whatever its console says is a failure."""
    await tab.page.set_viewport_size({"width": 1280, "height": 900})
    await tab.page.goto(play.url)
    yield tab.page
    assert tab.complaints == []
