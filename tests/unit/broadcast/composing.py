"""Messages as Slack gives them, compiled and rendered."""

import re
from collections.abc import Mapping
from html.parser import HTMLParser
from typing import Any

import pytest

from bot.broadcast.content.compiler import Footer, Template, Unsubscribe, compile_template, render
from bot.broadcast.content.ses_template import Rendered
from bot.errors import BotError
from tests.playground.aws.template import render as ses_renders

COLUMNS = ["email", "first_name", "city"]
BY_MAIL = Footer(Unsubscribe.MAIL, "us@example.com")
URL = "https://mail.example/u/token"
OUTLOOK_END = "<!--[if mso]></td></tr></table><![endif]-->\n"
FONT = "font:16px/1.5 -apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"
COLUMN = f"max-width:600px;margin:0 auto;overflow-wrap:break-word;word-wrap:break-word;{FONT}"


def text(value: str, **style: bool) -> dict[str, Any]:
    return {"type": "text", "text": value, **({"style": style} if style else {})}


def link(url: str, value: str = "") -> dict[str, Any]:
    return {"type": "link", "url": url, **({"text": value} if value else {})}


def section(*elements: dict[str, Any]) -> dict[str, Any]:
    return {"type": "rich_text_section", "elements": list(elements)}


def bullets(*items: str, style: str = "bullet", indent: int = 0, **more: int) -> dict[str, Any]:
    elements = [section(text(item)) for item in items]
    return {"type": "rich_text_list", "style": style, "indent": indent, "elements": elements, **more}


def body(*elements: dict[str, Any]) -> dict[str, Any]:
    return {"type": "rich_text", "elements": list(elements)}


def typed(value: str) -> dict[str, Any]:
    return body(section(text(value)))


def template(message: dict[str, Any], *, subject: str = "Hello", preheader: str = "", **options: Any) -> Template:
    columns, footer = options.pop("columns", COLUMNS), options.pop("footer", BY_MAIL)
    return compile_template(subject, preheader, message, columns, footer, **options)


def mail(message: dict[str, Any], fields: Mapping[str, str] | None = None, **options: Any) -> Rendered:
    """Compile and render, by our own renderer and by the playground's SES, which must agree.

    Without its footer, unless one is given.
    """
    compiled = template(message, **options)
    data = compiled.data(fields or {}, URL)
    rendered = render(compiled, data)
    for source, ours in zip((compiled.subject, compiled.html, compiled.text), rendered, strict=True):
        assert ses_renders(source, dict(data)) == ours
    return rendered if "footer" in options else without_footer(rendered)


def without_footer(rendered: Rendered) -> Rendered:
    subject, html, text = rendered
    above, found, _ = html.partition('<div style="margin-top:32px;')
    said = "\n\n--\nUnsubscribe: send a mail to us@example.com that says so\n"
    assert found
    assert text.endswith(said)
    return Rendered(subject, f"{above}</div>\n{OUTLOOK_END}</body>\n</html>\n", f"{text.removesuffix(said)}\n")


def refusal(message: dict[str, Any], **options: Any) -> BotError:
    with pytest.raises(BotError) as refused:
        template(message, **options)
    return refused.value


class Seen(HTMLParser):
    """What a mail program finds in HTML: tags with their attributes, and the text between them."""

    VOID = ("br", "meta")

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[tuple[str, str | None], ...]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "br":
            self.text += "\n"

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def hrefs(self) -> list[str | None]:
        return [dict(attrs)["href"] for tag, attrs in self.tags if tag == "a"]


def inside(html: str) -> str:
    """Return what stands in the column of the message."""
    return html.partition(f'<div style="{COLUMN}">\n')[2].rpartition(f"\n</div>\n{OUTLOOK_END}</body>")[0]


def plain(html: str) -> str:
    """Return HTML without the attributes that every block has."""
    return re.sub(r' (style|dir)="[^"]*"', "", inside(html))
