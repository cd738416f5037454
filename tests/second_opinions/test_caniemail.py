"""What the mails that are made use, held against what mail programs are known to show (caniemail.com)."""

import re
from typing import Any

import pytest

from bot.broadcast.content.canvas import canvas_page
from bot.broadcast.content.compiler import Footer, compile_template, render
from bot.broadcast.content.html_sanitizer import sanitize
from bot.broadcast.content.look import Look
from storage.states import HeadingFont
from tests.second_opinions.caniemail import refusing, used_in
from tests.unit.broadcast.composing import body, bullets, section, text

IMAGE = {"name": "kite.png", "alt": "A kite", "type": "image/png", "width": 900, "height": 300, "data": "AAAA"}
LINK = "https://mail.acme.test/u/abc"
HARMLESS = {
    "css-overflow-wrap": "without it a long word is as wide as it is",
    "css-word-wrap": "as above",
    "css-word-break": "as above",
    "css-white-space": "of code: lines of their own have <br>, indents hard spaces",
    "css-color-scheme": "the program chooses colours by itself, which is what is asked for",
    "html-meta-color-scheme": "as above",
    "html-meta-supported-color-schemes": "as above",
    "css-display-none": "where it does not count the preheader is read above the text",
    "css-border-radius": "corners are square",
    "css-rgba": "code stands on what the mail stands on",
    "css-height": "an image has the height that its width gives it",
    "css-max-height": "of the preheader, which is hidden in other ways too",
    "css-overflow": "as above",
    "html-body": "the text begins at the edge; its font is that of the column",
    "css-at-media": "the layout fits by itself; headings and tables keep the size that they have on a wide screen",
    "css-at-media-prefers-color-scheme": "the mail stays light, or the program darkens it in its own way",
    "html-style": "Look counts where it is read; all else is in style attributes",
}
"""What some program does not have, and how the mail reads there."""

WRITTEN = body(
    section(text("Dear "), text("all", bold=True), text(" x", italic=True, strike=True, underline=True, code=True)),
    section({"type": "link", "url": "https://acme.test", "text": "a"}, {"type": "link", "url": "mailto:a@acme.test"}),
    section({"type": "emoji", "name": "logo"}),
    bullets("one", "two"),
    bullets("deeper", indent=1),
    bullets("first", style="ordered", offset=2),
    {"type": "rich_text_quote", "elements": [text("said")]},
    {"type": "rich_text_preformatted", "elements": [text("x = 1")]},
)
CANVAS = """# One

## Two

### Three

**b** *i* ~~s~~ `c` [l](https://acme.test) ![](https://files.slack.com/files-pri/T1-F0KITE0001/kite.png)

- [x] done

3. third

> said

```
if x:
    y()
```

---

| A | B |
|---|---|
| 1 | 2 |
"""


def canvas() -> dict[str, Any]:
    html, _ = sanitize(canvas_page(CANVAS, {}, {"F0KITE0001": IMAGE}).html.encode())
    return {"type": "html", "html": html, "canvas": "x"}


LOOK = Look({**IMAGE, "alt": "Acme"}, "#aa3300", HeadingFont.SERIF, "Made in Graz")


def mailed(message: dict[str, Any], *images: dict[str, Any], look: Look = LOOK) -> str:
    footer = Footer(postal_address="1 Road\nGraz")
    letter = compile_template("News", "Before the text", message, [], footer, images, look=look)
    return render(letter, letter.data({}, LINK)).html


MAILS = {
    "written": mailed(WRITTEN, IMAGE, {**IMAGE, "name": ":logo:", "from_body": True}),
    "canvas": mailed(canvas(), IMAGE),
    "without a look": mailed(canvas(), IMAGE, look=Look()),
}


@pytest.mark.parametrize("mail", MAILS)
def test_every_program_shows_what_is_used_but_for_what_is_named(mail: str) -> None:
    refused = refusing()

    lacking = {feature: refused[feature] for feature in used_in(MAILS[mail]) if refused.get(feature)}

    assert {feature: programs for feature, programs in lacking.items() if feature not in HARMLESS} == {}


def test_the_column_has_a_font_of_its_own_since_some_programs_drop_the_body() -> None:
    column = re.search(r'<div style="(max-width:600px[^"]*)"', MAILS["written"])

    assert column
    assert "font:16px/1.5 " in column[1]


def test_the_layout_is_what_outlook_and_gmail_read() -> None:
    used = used_in(MAILS["written"]) | used_in(MAILS["canvas"])

    assert {"html-img", "html-lists", "html-table", "html-width", "css-max-width", "css-unit-percent"} <= used
    assert used.isdisjoint(
        {"css-display-flex", "css-display-grid", "css-position", "css-float", "css-background-image"}
    )


def test_what_is_used_is_found_wherever_it_stands() -> None:
    style = "@media (prefers-color-scheme: dark) { p { gap: 1vw !important } }"
    page = f'<style>{style}</style><p style="color:rgba(0,0,0,.5);display:flex">a</p><svg></svg>'

    assert {
        *("html-style", "html-svg", "html-p", "css-at-media", "css-at-media-prefers-color-scheme"),
        *("css-gap", "css-unit-vw", "css-important", "css-rgba", "css-display-flex"),
    } <= used_in(page)
    assert refusing()["css-gap"]
