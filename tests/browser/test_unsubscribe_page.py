"""The page behind the link at the foot of a mail, in a real browser that runs no script."""

import pytest
from playwright.async_api import expect
from sqlmodel import select

from storage.models import Suppression
from tests.databases import Clock, Databases
from tests.flows.world import open_world
from tests.playground.aws import AwsPlayground
from tests.playground.chromium import browser as chromium_running
from tests.playground.chromium import chromium
from tests.principal import forget_credentials

PUBLIC_URL = "https://mail.acme.test"


async def test_the_page_works_without_javascript_and_only_its_button_acts(
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
        await databases.drop(database_url)
