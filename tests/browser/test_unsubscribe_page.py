"""The page behind the link at the foot of a mail, in a real browser that runs no script."""

from playwright.async_api import Browser, expect
from sqlmodel import select

from storage.models import Suppression
from tests.browser.conftest import PUBLIC_URL
from tests.flows.world import World


async def test_the_page_works_without_javascript_and_only_its_button_acts(public: tuple[World, Browser]) -> None:
    world, chrome = public
    await world.sends(b"email\nann@elsewhere.test\n")
    (mail,) = world.aws.mails
    link = mail.headers["List-Unsubscribe"].strip("<>")
    assert f'<a href="{link}"' in (mail.html or "")
    context = await chrome.new_context(java_script_enabled=False, viewport={"width": 320, "height": 568})
    page = await context.new_page()

    await page.goto(link.replace(PUBLIC_URL, f"http://127.0.0.1:{world.bot.http.port}"))
    await expect(page.get_by_role("heading", name="Unsubscribe?")).to_be_visible()
    async with world.bot.db.read() as session:
        assert (await session.exec(select(Suppression))).first() is None
    assert await page.evaluate("document.documentElement.scrollWidth") <= 320
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("button", name="Unsubscribe")).to_be_focused()
    await page.keyboard.press("Enter")

    await expect(page.get_by_role("heading", name="You are unsubscribed")).to_be_visible()
    async with world.bot.db.read() as session:
        assert (await session.exec(select(Suppression.address))).one() == "ann@elsewhere.test"
    await context.close()
