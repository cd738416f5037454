"""A workspace's own emoji as images of a mail; without the scope for them their names stay."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.broadcast.content.images import FROM_BODY, Image, images_of_body, import_image
from bot.broadcast.content.remote_images import FetchImage, UnreachableError
from bot.broadcast.content.rich_text import own_emoji
from bot.errors import BotError

MOST: Final = 10  # of a message
_ALIAS: Final = "alias:"


async def with_emoji(
    client: AsyncWebClient, body: Mapping[str, Any], has: Sequence[Image], fetch: FetchImage
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return a `rich_text` block that counts those that become images, and the images; those it `has` are not fetched.

    They come from Slack's own servers (https://docs.slack.dev/reference/methods/emoji.list), asked as any other.
    """
    shown = [*own_emoji(body)]
    names = [*dict.fromkeys(shown)][:MOST]
    images = [dict(image) for image in images_of_body(has) if image["name"] in names]
    wanted = {*names} - {image["name"] for image in images}
    addresses = await _addresses(client) if wanted else {}
    for name in (name for name in names if name in wanted):
        try:
            image = await import_image(await fetch(_address(name, addresses)), name, name)
        except (UnreachableError, BotError):
            continue
        images.append({**image, FROM_BODY: True})
    became = sum(name in {image["name"] for image in images} for name in shown)
    return _counted(body, "emoji", became), images


async def _addresses(client: AsyncWebClient) -> Mapping[str, str]:
    try:
        return dict((await client.emoji_list())["emoji"])
    except SlackApiError:
        return {}


def _address(name: str, addresses: Mapping[str, str]) -> str:
    """Return where an emoji's image is; one may be another name of another.

    Raises:
        UnreachableError: it is not there.
    """
    found = addresses.get(name.strip(":"), "")
    if found.startswith(_ALIAS):
        found = addresses.get(found.removeprefix(_ALIAS), "")
    if not found.startswith("https://"):
        raise UnreachableError
    return found


def _counted(body: Mapping[str, Any], what: str, number: int) -> dict[str, Any]:
    """Return a body that says how many of what became something else."""
    return {**body, "changed": {**(body.get("changed") or {}), what: number}} if number else dict(body)
