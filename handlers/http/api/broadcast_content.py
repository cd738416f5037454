"""The text, the images and the audience of a broadcast, from the members by which a program gives them."""

import asyncio
import base64
import binascii
import csv
import io
import re
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from bot.broadcast.audience.header_detection import Choice
from bot.broadcast.audience.saved import Audiences
from bot.broadcast.broadcasts import Upload
from bot.broadcast.content.canvas import canvas_page
from bot.broadcast.content.codes import ContentCode
from bot.broadcast.content.html_import import Page, import_page
from bot.broadcast.content.images import Image, import_image, joined
from bot.broadcast.content.remote_images import FetchImage
from bot.errors import BotError
from handlers.http.api.broadcast_requests import BroadcastMembers, Cell, ImageInput
from handlers.http.api.problems import Refusal
from storage import Audience, Content, Team

TEXTS = ("text", "message", "markdown", "html")
SOURCES = ("audience", "saved_audience", "rows")
_OF_TEXT = frozenset({"message", "html"})  # fields that the form in Slack has for it
_URL = re.compile(r"(https?://[^\s<>\"]+[^\s<>\".,;:!?)])")


def given_of(given: BroadcastMembers, members: Iterable[str], *, needed: bool) -> str:
    """Return the one of these members that is there; "" where none is, and none is needed.

    Raises:
        Refusal: there are two, or none that is needed.
    """
    there = [name for name in members if getattr(given, name)]
    if len(there) > 1 or (needed and not there):
        first, names = next(iter(members)), ", ".join(members)
        raise Refusal.invalid(first, f"Give exactly one of {names}.")
    return there[0] if there else ""


@asynccontextmanager
async def naming(member: str) -> AsyncIterator[None]:
    """Have what is wrong with a text named by the member that it came by."""
    try:
        yield
    except BotError as error:
        if error.field in _OF_TEXT and member:
            error.field = member
        raise


async def page_of(given: BroadcastMembers, member: str, fetch: FetchImage) -> Page:
    """Return the body of a mail, with the images that it shows from elsewhere; empty where there is none.

    Raises:
        BotError: about the text.
    """
    match member:
        case "":
            return Page({}, [])
        case "html":
            return await import_page(str(given.html).encode(), "", fetch)
        case "markdown":
            made = await asyncio.to_thread(canvas_page, str(given.markdown), {}, None)
            if not made.html:
                raise BotError(ContentCode.BODY_EMPTY, "Nothing in the Markdown can go into a mail.", field="html")
            page = await import_page(made.html.encode(), "", fetch)
            return replace(page, body={**page.body, "content": Content.MARKDOWN})
    return Page(rich_text(given.text or given.message or ""), [])


def rich_text(message: str) -> dict[str, Any]:
    """Return plain text as Slack's rich text, with its web addresses as links."""
    parts = (
        {"type": "link", "url": part} if number % 2 else {"type": "text", "text": part}
        for number, part in enumerate(_URL.split(message))
        if part
    )
    section = {"type": "rich_text_section", "elements": list(parts)}
    return {"type": "rich_text", "content": Content.TEXT, "elements": [section]}


async def images_of(given: Sequence[ImageInput]) -> list[dict[str, Any]]:
    """Make the images fit for a mail.

    Raises:
        Refusal: one is no base64.
        BotError: about the images.
    """
    made: list[Image] = []
    for number, image in enumerate(given):
        try:
            data = base64.b64decode(image.data, validate=True)
        except (binascii.Error, ValueError):
            raise Refusal.invalid(f"images.{number}.data", "Send the file in base64.") from None
        made.append(await import_image(data, image.name, image.alt))
    return joined([], made)


async def source_of(
    team: Team, given: BroadcastMembers, audiences: Audiences, *, needed: bool
) -> Upload | Audience | None:
    """Return the audience that was given, to be read, or a saved one.

    Raises:
        Refusal: none, two, or one that is not there.
    """
    match given_of(given, SOURCES, needed=needed):
        case "audience":
            choice = Choice(given.address_column, keep_marked=given.keep_marked_rows)
            return Upload(io.BytesIO(str(given.audience).encode()), choice=choice, waits=False)
        case "rows":
            choice = Choice("email", keep_marked=given.keep_marked_rows)
            return Upload(io.BytesIO(_csv(given.rows or ())), choice=choice, waits=False)
        case "saved_audience":
            try:
                return await audiences.named(team, str(given.saved_audience))
            except BotError as error:
                raise Refusal.invalid("saved_audience", error.text) from None
    return None


def _csv(rows: Sequence[Mapping[str, Cell]]) -> bytes:
    columns = dict.fromkeys(["email", *(name for row in rows for name in row)])
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([cell_text(row.get(name)) for name in columns])
    return written.getvalue().encode()


def cell_text(cell: Cell) -> str:
    """Return a value of JSON as a CSV has it."""
    if isinstance(cell, bool):
        return str(cell).lower()
    return "" if cell is None else str(cell)
