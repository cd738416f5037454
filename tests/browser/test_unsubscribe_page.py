"""The page behind the link at the foot of a mail, in a real browser that runs no script."""

from playwright.async_api import Browser, expect
from sqlmodel import select

from bot.broadcast.content.look import Look
from bot.teams.looks import import_logo, mark_of
from storage.models import Suppression, Team
from tests.browser.conftest import PUBLIC_URL
from tests.flows.world import World
from tests.playground.image_host import picture


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


async def test_the_page_has_the_senders_logo_and_colour_and_fetches_nothing(public: tuple[World, Browser]) -> None:
    world, chrome = public
    async with world.bot.db.read() as session:
        team = (await session.exec(select(Team))).one()
    logo = await import_logo(picture((800, 200)), "acme.png", "Acme <News>")
    await world.bot.services.looks.save(team, Look(logo, "#8b0000"), mark_of(Look()), "U1")
    await world.sends(b"email\nann@elsewhere.test\n")
    here = f"http://127.0.0.1:{world.bot.http.port}"
    link = world.aws.mails[0].headers["List-Unsubscribe"].strip("<>").replace(PUBLIC_URL, here)
    said: list[str] = []
    asked: list[str] = []
    context = await chrome.new_context(java_script_enabled=False)
    page = await context.new_page()
    page.on("console", lambda message: said.append(message.text))
    page.on("request", lambda request: asked.append(request.url))

    answer = await page.goto(link)

    image = page.get_by_role("img", name="Acme <News>")
    await expect(image).to_be_visible()
    assert await image.evaluate("image => image.naturalWidth") == 400
    heading = page.get_by_role("heading", name="Unsubscribe?")
    assert await heading.evaluate("each => getComputedStyle(each).color") == "rgb(139, 0, 0)"
    assert [url for url in asked if not url.startswith("data:")] == [link]
    assert said == []
    assert answer is not None
    assert answer.headers["content-security-policy"] == (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; img-src data:; base-uri 'none'; "
        "frame-ancestors 'none'"
    )
    await page.emulate_media(color_scheme="dark")
    assert await heading.evaluate("each => getComputedStyle(each).color") != "rgb(139, 0, 0)"
    await context.close()
