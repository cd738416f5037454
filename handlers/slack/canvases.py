"""A Slack canvas as the message of a broadcast: read as it is now, or made from a starter for the channel."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any, Final

from slack_sdk.errors import SlackApiError

from bot.broadcast.canvases import Canvases
from bot.broadcast.content.canvas import canvas_page, mentioned, pictured
from bot.broadcast.content.codes import ContentCode
from bot.broadcast.content.html_import import CANVAS, Page, import_html
from bot.broadcast.content.images import FROM_BODY, free_name, import_image
from bot.broadcast.content.remote_images import MOST, reason
from bot.errors import BotError
from handlers.slack import ids
from handlers.slack.api_errors import code_of
from handlers.slack.codes import SlackCode
from handlers.slack.dispatch.registration import Request
from handlers.slack.file_transfer import Files, channels_of
from handlers.slack.mentions import LOOKED_UP, names_of

LIMIT: Final = 300_000  # characters of Markdown
STARTER: Final = """# What is new

Hello {{first_name|there}},

write here what the mail says. A column of the audience stands between two braces, with a fallback after a bar.

## A second heading

- a list
- a [link](https://example.com)
"""
_TITLE: Final = "Mail to our audience"
_ID: Final = re.compile(r"(?:^|/)(F[A-Z0-9]{6,20})(?:[/?#]|$)")
_GONE: Final = frozenset({"canvas_not_found", "file_not_found", "file_deleted", "not_visible", "no_permission"})
_PLAN: Final = frozenset(
    {
        "free_team_canvas_tab_already_exists",
        "free_teams_cannot_create_non_tabbed_canvases",
        "free_teams_cannot_create_standalone_canvases",
        "channel_canvas_already_exists",
        "team_tier_cannot_create_channel_canvases",
    }
)


class SlackCanvases:
    def __init__(self, canvases: Canvases, files: Files) -> None:
        self._canvases = canvases
        self._files = files

    async def page(self, request: Request, link: str) -> Page:
        """Return the body of a mail that says what the canvas says now, with its images.

        Raises:
            BotError: for the field `canvas`, CANVAS_NOT_SHARED, CANVAS_EMPTY, MESSAGE_TOO_LARGE, IMAGES_TOO_MANY and
                those of `import_html`; SLACK_SCOPE_MISSING.
        """
        found = _ID.search(link.strip())
        if found is None:
            raise _not_shared("This is no link to a canvas.")
        canvas_id, client, own = found[1], request.client, request.team.channel_id
        try:
            file: Mapping[str, Any] = (await client.files_info(file=canvas_id))["file"]
            if not await self._is_here(request, file):
                raise _not_shared()
            content = str((await client.canvases_getContent(canvas_id=canvas_id))["content"])
        except SlackApiError as error:
            raise _refused(error) from error
        if len(content) > LIMIT:
            raise BotError(
                ContentCode.MESSAGE_TOO_LARGE,
                f"The canvas has over {LIMIT:,} characters: shorten it.",
                field=ids.Input.CANVAS,
            )
        names = await names_of(client, mentioned(content)[:LOOKED_UP], own)
        pictures, missing = await self._pictures(request, pictured(content))
        page = await asyncio.to_thread(canvas_page, content, names, {**dict.fromkeys(missing), **pictures})
        if not page.html:
            raise BotError(SlackCode.CANVAS_EMPTY, field=ids.Input.CANVAS)
        body = await import_html(page.html.encode(), str(file.get("title") or ""), CANVAS)
        became = {"changed": dict(page.changed), "removed": dict(page.removed), "missing": missing}
        return Page({**body, "canvas": link.strip(), **became}, [*pictures.values()])

    async def _pictures(
        self, request: Request, file_ids: Sequence[str]
    ) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
        """Return the images that a canvas shows, by their files, and of those that cannot be had why."""
        if len(file_ids) > MOST:
            raise BotError(
                ContentCode.IMAGES_TOO_MANY,
                f"The canvas shows {len(file_ids)} files, and a mail has {MOST} images at most.",
                "Take some out.",
                field=ids.Input.CANVAS,
            )
        pictures: dict[str, dict[str, Any]] = {}
        missing: dict[str, str] = {}
        for file_id in file_ids:
            try:
                file = await self._files.in_canvas(request.client, file_id, request.team.channel_id)
                if file is None:
                    continue
                with closing(file.content):
                    image = await import_image(file.content.read(), file.name, file.alt_text)
            except BotError as error:
                missing[file_id] = reason(error)
                continue
            name = free_name(image["name"], (each["name"] for each in pictures.values()))
            pictures[file_id] = {**image, "name": name, FROM_BODY: True}
        return pictures, missing

    async def create(self, request: Request) -> str:
        """Make a canvas for the channel, and return the link to it.

        Raises:
            BotError: CANVAS_PLAN, SLACK_SCOPE_MISSING.
        """
        client, channel = request.client, request.team.channel_id
        content = {"type": "markdown", "markdown": STARTER}
        try:
            made = await client.canvases_create(title=_TITLE, document_content=content, channel_id=channel)
            canvas_id = str(made["canvas_id"])
            await self._canvases.keep(request.team, canvas_id, request.user_id)
            await client.canvases_access_set(canvas_id=canvas_id, access_level="write", channel_ids=[channel])
            return str((await client.files_info(file=canvas_id))["file"]["permalink"])
        except SlackApiError as error:
            raise _refused(error) from error

    async def _is_here(self, request: Request, file: Mapping[str, Any]) -> bool:
        """Whether it is shared in this channel, stands in its tab, or was made for it."""
        channel = request.team.channel_id
        if channel in channels_of(file) or await self._canvases.is_made_for(request.team, str(file["id"])):
            return True
        shown = (await request.client.conversations_info(channel=channel))["channel"]
        tab = (shown.get("properties") or {}).get("canvas") or {}
        return bool(tab.get("file_id") == file["id"])


def _refused(error: SlackApiError) -> BotError | SlackApiError:
    code = code_of(error)
    if code in _GONE:
        return _not_shared()
    if code in _PLAN:
        return BotError(SlackCode.CANVAS_PLAN, field=ids.Input.CANVAS)
    if code == "missing_scope":
        needed = str(error.response.get("needed") or "canvases:read")
        return BotError(
            SlackCode.SLACK_SCOPE_MISSING,
            f"The app was installed without the scope {needed}, which canvases need.",
            "Ask whoever runs Mailroom to take over manifest.yml in the app's settings and to install it again.",
        )
    return error


def _not_shared(sentence: str = "This canvas is gone, or not shared in this channel.") -> BotError:
    return BotError(
        SlackCode.CANVAS_NOT_SHARED,
        sentence,
        "Open the canvas, press Share, and share it in this channel; then paste its link.",
        field=ids.Input.CANVAS,
    )
