"""An HTML file that a person uploads, made fit for a mail in a process of its own."""

import asyncio
from dataclasses import dataclass
from typing import Any, Final

from bot.broadcast import limited_process
from bot.broadcast.content.codes import ContentCode
from bot.broadcast.content.html_body import HTML, HtmlBody, file_name, is_remote
from bot.broadcast.content.remote_images import FetchImage, fetch_images
from bot.errors import BotError
from bot.wording import take_out

FILE_LIMIT: Final = 2_000_000  # bytes; what is left of it once its styles are inlined has a limit of its own
_PROGRAM: Final = "bot.broadcast.content.html_sanitizer"


def file_too_large(size: int) -> BotError:
    """`size` is in bytes; where the end is not known, of what is."""
    return BotError(
        ContentCode.HTML_TOO_LARGE,
        f"The HTML file is larger than {FILE_LIMIT / 1e6:.0f} MB.",
        f"{take_out(size - FILE_LIMIT)} Pictures inside it, and style rules that nothing uses, are the first to go.",
        field="html",
    )


@dataclass(frozen=True, slots=True)
class PageSource:
    """Where a page comes from, in words and as a field of a form."""

    noun: str
    field: str


FILE: Final = PageSource("HTML file", "html")
CANVAS: Final = PageSource("canvas", "canvas")


@dataclass(frozen=True, slots=True)
class Page:
    """The body of a mail, and the images that came with it.

    The body is `{"type": "html", "name": …, "html": …, "removed": {what: how many}, "missing": {image: why}}`.
    """

    body: dict[str, Any]
    images: list[dict[str, Any]]


async def import_page(data: bytes, name: str, fetch: FetchImage) -> Page:
    """Make a file fit for a mail, with the images that it shows from elsewhere.

    `name` is the file's, shown to people who edit the mail.

    Raises:
        BotError: HTML_TOO_LARGE, HTML_UNREADABLE, BODY_EMPTY, IMAGES_TOO_MANY.
    """
    body = await _import(data, name, FILE)
    fetched = await fetch_images(body["html"], fetch)
    if fetched.pixels:
        body["removed"]["tracking pixel"] = fetched.pixels
    return Page({**body, "missing": fetched.missing}, fetched.images)


async def import_html(data: bytes, name: str = "", source: PageSource = FILE) -> dict[str, Any]:
    """Make a file fit for a mail, without the images that it shows from elsewhere: they count as removed.

    Raises:
        BotError: HTML_TOO_LARGE, HTML_UNREADABLE, BODY_EMPTY.
    """
    body = await _import(data, name, source)
    elsewhere = sum(is_remote(file_name(picture)) for picture in HtmlBody.of(body["html"]).pictures())
    if elsewhere:
        body["removed"]["picture"] = body["removed"].get("picture", 0) + elsewhere
    return body


async def _import(data: bytes, name: str, source: PageSource) -> dict[str, Any]:
    if len(data) > FILE_LIMIT:
        raise file_too_large(len(data))
    try:
        made = await asyncio.to_thread(limited_process.run, _PROGRAM, data)
    except limited_process.CrashedError:
        raise BotError(
            ContentCode.HTML_UNREADABLE,
            f"The {source.noun} is too complex to be read: its elements are nested too deep, or its styles too many.",
            "Make it a simpler one.",
            field=source.field,
        ) from None
    if made["html"] is None:
        raise BotError(
            ContentCode.HTML_UNREADABLE,
            "The HTML file is in an encoding that it does not name: save it as UTF-8.",
            field=source.field,
        )
    if not made["html"]:
        raise BotError(ContentCode.BODY_EMPTY, f"Nothing in the {source.noun} can go into a mail.", field=source.field)
    return {"type": HTML, "name": name, **made}
