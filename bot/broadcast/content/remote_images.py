"""Images that an HTML page shows from elsewhere, made parts of the mail: a reader's program asks nobody for them."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from bot.broadcast.content.codes import ContentCode
from bot.broadcast.content.html_body import HtmlBody, file_name, is_remote
from bot.broadcast.content.images import FROM_BODY, import_image
from bot.broadcast.content.merge_tags import MergeTag, parse_merge_tags
from bot.errors import BotError

MOST: Final = 30
SECONDS: Final = 40.0  # for all of them: a person waits
_AT_ONCE: Final = 4
_PIXEL: Final = frozenset({"0", "1", "0px", "1px"})


class UnreachableError(Exception):
    """An image was not got; what is said of it is for people: its server wants a login."""


FetchImage = Callable[[str], Awaitable[bytes]]
"""Gets the bytes at an https address of the internet, and asks for them once; raises UnreachableError."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """`missing` says of the address of each that is not there why, `pixels` counts those that nobody would see."""

    images: list[dict[str, Any]]
    missing: dict[str, str]
    pixels: int


async def fetch_images(html: str, fetch: FetchImage, seconds: float = SECONDS) -> Fetched:
    """Get the images of a page that `html_sanitizer` made, each once, as the page names them, within these seconds.

    Raises:
        BotError: IMAGES_TOO_MANY, for the field `html`.
    """
    shown = [picture for picture in HtmlBody.of(html).pictures() if is_remote(file_name(picture))]
    visible = [picture for picture in shown if not _is_pixel(picture)]
    addresses = [*dict.fromkeys(map(file_name, visible))]
    if len(addresses) > MOST:
        raise BotError(
            ContentCode.IMAGES_TOO_MANY,
            f"The page shows {len(addresses)} images from elsewhere, and a mail has {MOST} at most.",
            "Take some out.",
            field="html",
        )
    turn = asyncio.Semaphore(_AT_ONCE)
    tasks = {address: asyncio.ensure_future(_get(address, fetch, turn)) for address in addresses}
    if tasks:
        _, late = await asyncio.wait(tasks.values(), timeout=seconds)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
    images, missing = [], {}
    for address, task in tasks.items():
        got = "it took too long" if task.cancelled() else task.result()
        if isinstance(got, str):
            missing[address] = got
        else:
            images.append(got)
    return Fetched(images, missing, len(shown) - len(visible))


async def _get(address: str, fetch: FetchImage, turn: asyncio.Semaphore) -> dict[str, Any] | str:
    """Return an image, or why there is none."""
    if any(isinstance(part, MergeTag) for part in parse_merge_tags(address)):
        return "its address has a field in it"
    async with turn:
        try:
            image = await import_image(await fetch(address), address)
        except UnreachableError as error:
            return str(error)
        except BotError as error:
            return reason(error)
    if image["width"] * image["height"] == 1:
        return "it is one pixel, as those that tell who has read a mail"
    return {**image, "name": address, FROM_BODY: True}


def reason(error: BotError) -> str:
    """Say why an image that came with a body is left out."""
    match error.code:
        case ContentCode.IMAGE_TOO_LARGE:
            return "it is too large"
        case ContentCode.IMAGE_INVALID:
            return "it is no PNG, JPEG or GIF"
    return "Slack does not hand it out here"


def _is_pixel(picture: Mapping[str, str]) -> bool:
    return picture.get("width", "").strip() in _PIXEL and picture.get("height", "").strip() in _PIXEL
