"""How a mail looks on a phone, in a real browser: nothing sticks out, and each paragraph has its own direction."""

import pytest
from playwright.async_api import Browser

from bot.broadcast.content.compiler import Footer, compile_template, render

pytestmark = pytest.mark.asyncio(loop_scope="module")

LINK = f"https://acme.test/{'x' * 180}"
WIDE = (
    "() => Math.max(...[...document.querySelectorAll('*')]"
    ".map(each => Math.max(each.scrollWidth, each.getBoundingClientRect().right)))"
)


def text(value: str) -> dict[str, str]:
    return {"type": "text", "text": value}


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
