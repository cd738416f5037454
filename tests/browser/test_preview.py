"""The preview page in a real browser: the mail is seen in its frame, and nothing in it runs or leads anywhere."""

import pytest
from playwright.async_api import expect

from tests.databases import Clock, Databases
from tests.flows.test_broadcast import the_broadcast
from tests.flows.test_mail_me_one import PEOPLE
from tests.flows.world import open_world
from tests.playground.aws import AwsPlayground
from tests.playground.chromium import browser as chromium_running
from tests.playground.chromium import chromium
from tests.principal import forget_credentials

PUBLIC_URL = "https://mail.acme.test"


async def test_the_mail_is_seen_in_its_frame_and_the_page_leads_from_view_to_view(
    databases: Databases, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = chromium()
    if path is None:
        pytest.skip("no browser tests: no Chromium is installed, nor named by CHROMIUM")
    with AwsPlayground(clock) as aws:
        monkeypatch.setenv("AWS_ENDPOINT_URL", aws.url)
        forget_credentials(monkeypatch)
        database_url = await databases.create("sqlite")
        async with (
            open_world(aws, database_url, clock, public_url=PUBLIC_URL) as world,
            chromium_running(path) as chrome,
        ):
            await world.is_open()
            await world.composes(PEOPLE, message="Hello {{first_name}}")
            link = world.bot.services.previews.link(await the_broadcast(world))
            page = await (await chrome.new_context(viewport={"width": 375, "height": 667})).new_page()
            refused: list[str] = []
            page.on("console", lambda message: refused.append(message.text))

            await page.goto(link.replace(PUBLIC_URL, f"http://127.0.0.1:{world.bot.http.port}"))

            frame = page.frame_locator("iframe")
            await expect(frame.get_by_text("Hello Ann")).to_be_visible()
            assert await page.evaluate("document.documentElement.scrollWidth") <= 375
            await page.get_by_role("link", name="Next recipient").click()
            await expect(frame.get_by_text("Hello Benedict the Younger")).to_be_visible()
            await page.get_by_role("link", name="Text").click()
            await expect(page.locator("pre")).to_contain_text("Hello Benedict the Younger")
            assert refused == []
