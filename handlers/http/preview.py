"""The preview page: the mail in a frame without scripts, at two widths, as text, and without images."""

from collections.abc import Awaitable, Callable
from html import escape
from typing import Final

from aiohttp import web

from bot.broadcast.codes import BroadcastCode
from bot.broadcast.preview import Preview
from bot.errors import BotError
from handlers.html_page import html_page

Open = Callable[[str, int], Awaitable[Preview]]

WIDTHS: Final = {"wide": 600, "narrow": 375}  # pixels, beside a margin

_CSP = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src {images}; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_CSS = """body { font: 1rem/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 44rem; padding: 1rem; color: #1d1c1d }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0 1rem }
dd { margin: 0; overflow-wrap: anywhere }
nav a { margin-right: 1rem }
nav a[aria-current] { font-weight: bold; color: inherit; text-decoration: none }
iframe { display: block; border: 1px solid #bbb; height: 75vh; max-width: 100%; margin-top: 1rem; background: #fff }
pre { border: 1px solid #bbb; padding: 1rem; white-space: pre-wrap; overflow-wrap: anywhere }
"""


class PreviewPages:
    """Args: `opens` returns the mail of a link and a row."""

    def __init__(self, opens: Open) -> None:
        self._open = opens

    async def show(self, request: web.Request) -> web.Response:
        query = request.query
        view = query.get("view", "wide") if query.get("view") in {*WIDTHS, "text"} else "wide"
        images = query.get("images") != "off"
        asked = query.get("row", "")
        row = int(asked) if asked.isascii() and asked.isdecimal() and len(asked) < 10 else 1
        try:
            preview = await self._open(request.match_info["token"], row)
        except BotError as error:
            status = 410 if error.code is BroadcastCode.LINK_EXPIRED else 404
            return _html(error.sentence, f"<main><h1>{escape(error.text)}</h1></main>", status, images=False)
        return _html(preview.mail.subject, _body(preview, view, images=images), 200, images=images)


def _body(preview: Preview, view: str, *, images: bool) -> str:
    facts = {
        "From": preview.sender,
        "To": preview.address,
        "Subject": preview.mail.subject,
        "Recipient": f"{preview.row:,} of {preview.size:,}",
    }
    lines = "".join(f"<dt>{name}</dt><dd>{escape(value)}</dd>" for name, value in facts.items())
    return (
        f"<header><dl>{lines}</dl>{_choices(preview, view, images=images)}</header><main>{_mail(preview, view)}</main>"
    )


def _choices(preview: Preview, view: str, *, images: bool) -> str:
    def link(label: str, *, current: bool = False, **changes: object) -> str:
        asked = {"view": view, "images": "on" if images else "off", "row": preview.row} | changes
        address = escape("?" + "&".join(f"{name}={value}" for name, value in asked.items()))
        return f'<a href="{address}"{" aria-current" * current}>{label}</a>'

    return "".join(
        [
            "<nav>",
            link("Wide", view="wide", current=view == "wide"),
            link("Narrow", view="narrow", current=view == "narrow"),
            link("Text", view="text", current=view == "text"),
            link("Images off", images="off") if images else link("Images on", images="on"),
            link("Next recipient", row=preview.row % preview.size + 1),
            "</nav>",
        ]
    )


def _mail(preview: Preview, view: str) -> str:
    """Show the mail; in its frame no script runs, no form is sent, and no link leads anywhere."""
    if view == "text":
        return f"<pre>{escape(preview.mail.text)}</pre>"
    frame = f'title="The mail" style="width:{WIDTHS[view] + 34}px" srcdoc="{escape(preview.mail.html)}"'
    return f'<iframe sandbox="" referrerpolicy="no-referrer" {frame}></iframe>'


def _html(title: str, body: str, status: int, *, images: bool) -> web.Response:
    headers = {
        "Content-Security-Policy": _CSP.format(images="data:" if images else "'none'"),
        "Referrer-Policy": "no-referrer",
    }
    return web.Response(status=status, text=html_page(title, body, _CSS), content_type="text/html", headers=headers)
