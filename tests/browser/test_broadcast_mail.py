"""How a mail looks on a phone, in a real browser: nothing sticks out, and each paragraph has its own direction."""

import base64

import pytest
from playwright.async_api import Browser, Page

from bot.broadcast.content.canvas import canvas_page
from bot.broadcast.content.compiler import Footer, compile_template, render
from bot.broadcast.content.html_sanitizer import sanitize
from bot.broadcast.content.look import LEGIBLE, Look, contrast
from storage.states import HeadingFont

pytestmark = pytest.mark.asyncio(loop_scope="module")

LINK = f"https://acme.test/{'x' * 180}"
WIDE = (
    "() => Math.max(...[...document.querySelectorAll('*')]"
    ".map(each => Math.max(each.scrollWidth, each.getBoundingClientRect().right)))"
)


def text(value: str) -> dict[str, str]:
    return {"type": "text", "text": value}


async def top_left(page: Page) -> tuple[int, ...]:
    """The colour of a corner, where nothing stands."""
    encoded = base64.b64encode(await page.screenshot(clip={"x": 1, "y": 1, "width": 1, "height": 1})).decode()
    return tuple(
        await page.evaluate(
            """async (encoded) => {
                const drawn = new OffscreenCanvas(1, 1).getContext('2d')
                const bytes = Uint8Array.from(atob(encoded), (char) => char.charCodeAt(0))
                drawn.drawImage(await createImageBitmap(new Blob([bytes])), 0, 0)
                return [...drawn.getImageData(0, 0, 1, 1).data].slice(0, 3)
            }""",
            encoded,
        )
    )


async def test_nothing_sticks_out_at_375_pixels_and_hebrew_begins_at_the_right(browser: Browser) -> None:
    elements = [
        {"type": "rich_text_section", "elements": [{"type": "link", "url": LINK}]},
        {"type": "rich_text_section", "elements": [{"type": "text", "text": "y" * 70, "style": {"code": True}}]},
        {"type": "rich_text_preformatted", "elements": [text("z" * 200)]},
        {"type": "rich_text_section", "elements": [text("שלום!")]},
        {"type": "rich_text_section", "elements": [text("Hello  there!")]},
    ]
    letter = compile_template("s", "", {"type": "rich_text", "elements": elements}, [], Footer())
    html = render(letter, letter.data({}, f"{LINK}/u/1")).html
    page = await browser.new_page(viewport={"width": 375, "height": 800})

    await page.set_content(html)

    assert await page.evaluate(WIDE) <= 375
    directions = await page.evaluate(
        "() => [...document.querySelectorAll('p')].map(p => getComputedStyle(p).direction)"
    )
    assert directions == ["ltr", "ltr", "rtl", "ltr"]
    assert await page.locator("p").last.inner_text() == "Hello \u00a0there!"
    await page.close()


async def test_in_the_dark_a_mail_is_light_on_dark_in_each_of_its_parts(browser: Browser) -> None:
    elements = [
        {"type": "rich_text_section", "elements": [text("Hello"), {"type": "link", "url": "https://acme.test"}]},
        {"type": "rich_text_preformatted", "elements": [text("code")]},
        {"type": "rich_text_quote", "elements": [text("said")]},
    ]
    letter = compile_template("s", "", {"type": "rich_text", "elements": elements}, [], Footer(postal_address="Graz"))
    page = await browser.new_page(color_scheme="dark")

    await page.set_content(render(letter, letter.data({}, "https://acme.test/u/1")).html)

    darkest = await page.evaluate(
        "() => Math.min(...[...document.body.querySelectorAll('*')]"
        ".map(each => Math.max(...getComputedStyle(each).color.match(/\\d+/g).map(Number))))"
    )
    assert darkest > 200
    assert max(await top_left(page)) < 50
    await page.close()


async def test_a_canvas_with_a_look_fits_the_narrowest_phone_and_is_read_in_the_dark(browser: Browser) -> None:
    markdown = "# Spring\n\n| Tea | Garden | Price |\n|---|---|---|\n| First flush | Darjeeling | 14 |\n\n[All](https://a.test/)"
    html, _ = sanitize(canvas_page(f"{markdown}\n\n{'x' * 90}", {}, {}).html.encode())
    logo = {"name": "a.png", "alt": "Acme", "type": "image/png", "width": 400, "height": 100, "data": "eHg="}
    look = Look(logo, "#14532d", HeadingFont.SERIF, "You are a customer.")
    body = {"type": "html", "html": html, "canvas": "link"}
    letter = compile_template("s", "", body, [], Footer(words=look.footer_words), look=look)
    shown = render(letter, letter.data({}, f"{LINK}/u/1")).html
    page = await browser.new_page(viewport={"width": 320, "height": 800}, color_scheme="dark")

    await page.set_content(shown)

    assert await page.evaluate(WIDE) <= 320
    colours = await page.evaluate(
        "() => ['h1', 'a', 'td', 'p', 'body > div:last-child div div'].map(each => "
        "getComputedStyle(document.querySelector(each)).color.match(/\\d+/g).map(Number))"
    )
    dark = await top_left(page)
    for colour in colours:
        assert contrast(*("#" + "".join(f"{part:02x}" for part in each[:3]) for each in (colour, dark))) >= LEGIBLE
    await page.emulate_media(color_scheme="light")
    assert await top_left(page) == (255, 255, 255)
    font = await page.evaluate("() => getComputedStyle(document.querySelector('h1')).fontFamily")
    assert font.startswith("Georgia")
    await page.close()
