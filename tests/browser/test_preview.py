"""The preview page in a real browser: the mail is seen in its frame, and nothing in it runs or leads anywhere."""

import pytest
from playwright.async_api import Browser, expect

from tests.browser.conftest import PUBLIC_URL
from tests.flows.test_broadcast import the_broadcast
from tests.flows.test_mail_me_one import PEOPLE
from tests.flows.world import World


@pytest.mark.long
async def test_the_mail_is_seen_in_its_frame_and_the_page_leads_from_view_to_view(
    public: tuple[World, Browser],
) -> None:
    world, chrome = public
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
