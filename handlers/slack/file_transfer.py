"""Files from and to Slack's file host, and no other: what somebody gave us in a modal, what we bring to people.

With a download the workspace's token travels, so a redirect is never followed
(https://docs.slack.dev/reference/objects/file-object#authentication).
"""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from os import SEEK_END
from typing import Any, BinaryIO, cast
from urllib.parse import urlsplit

from aiohttp import ClientError, ClientSession, ClientTimeout
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.broadcast.content import html_import, images
from bot.errors import BotError
from handlers.slack.api_errors import code_of
from handlers.slack.codes import SlackCode
from handlers.slack.ids import Input
from handlers.slack.views.blocks import Message

SLACK_FILE_HOST = "files.slack.com"
MAX_BYTES = 100 * 1024 * 1024
IN_MEMORY_BYTES = 1024 * 1024
CHUNK_BYTES = 64 * 1024
TIMEOUT = ClientTimeout(total=120, sock_connect=5, sock_read=20)
UPLOAD_TIMEOUT = ClientTimeout(total=600, sock_connect=5, sock_read=60)


@dataclass(frozen=True, slots=True)
class OutgoingFile:
    """A file to send. `alt_text` is of a picture; `comment` is posted before it, where a person gets it."""

    name: str
    title: str
    content: BinaryIO = field(repr=False)
    alt_text: str = ""
    comment: Message | None = None


@dataclass(frozen=True, slots=True)
class Download:
    """A file that a person gave us; `content` is our copy of it, opened for reading from its start.

    `alt_text` is what they said of a picture.
    """

    id: str
    name: str
    content: BinaryIO = field(repr=False)
    alt_text: str = ""


@dataclass(frozen=True, slots=True)
class FileField:
    """The field of a form that a file was chosen in, and what is said of one that is larger than we take there."""

    name: Input
    max_bytes: int
    too_large: Callable[[int], BotError]  # of so many bytes, or of more

    def unreadable(self, sentence: str, next_step: str) -> BotError:
        return BotError(SlackCode.FILE_UNREADABLE, sentence, next_step, field=self.name)

    @property
    def not_handed_out(self) -> BotError:
        return self.unreadable("Slack did not hand the file out.", "Choose it again, and make sure it is still there.")


AUDIENCE = FileField(
    Input.AUDIENCE,
    MAX_BYTES,
    lambda _size: BotError(
        SlackCode.FILE_TOO_LARGE,
        f"The file is larger than {MAX_BYTES // 1024**2} MB.",
        "Leave out columns that you do not need, or split it into several broadcasts.",
        field=Input.AUDIENCE,
    ),
)
HTML = FileField(Input.HTML, html_import.FILE_LIMIT, html_import.file_too_large)
IMAGES = FileField(Input.IMAGES, images.FILE_LIMIT, images.file_too_large)
LOGO = FileField(Input.LOGO, images.FILE_LIMIT, partial(images.file_too_large, field=Input.LOGO))

_BYTES = {"Content-Type": "application/octet-stream"}


class Files:
    """Downloads into a temporary file that is gone when it is closed.

    Args:
        api_url: of the Web API; files may come from its host too where it is not Slack's.
    """

    def __init__(self, api_url: str) -> None:
        api = urlsplit(api_url)
        official = api.hostname == "slack.com"
        self._origin = ("https", SLACK_FILE_HOST) if official else (api.scheme, api.netloc)

    async def uploaded(self, client: AsyncWebClient, file_id: str, by: str, field: FileField = AUDIENCE) -> Download:
        """Return a file that this person chose in a field of a form.

        The form names it by its id, which may be that of anybody's file: it has to be the person's own.

        Raises:
            BotError: FILE_UNREADABLE, or it is too large for the field.
        """
        file = await _look_up(client, file_id)
        if file is None or file.get("user") != by:
            raise field.unreadable(
                "This file is gone, or somebody else uploaded it.",
                "Upload it here yourself, from your own computer.",
            )
        return await self._fetch(client, file, field)

    async def shared(self, client: AsyncWebClient, file_id: str, channel_id: str) -> Download:
        """Return a file that is shared in this channel, of any uploader.

        Raises:
            BotError: FILE_UNREADABLE, FILE_TOO_LARGE.
        """
        file = await _look_up(client, file_id)
        if file is None or channel_id not in channels_of(file):
            raise _not_here(AUDIENCE)
        return await self._fetch(client, file, AUDIENCE)

    async def in_canvas(self, client: AsyncWebClient, file_id: str, channel_id: str) -> Download | None:
        """Return an image that a canvas of this channel shows; None where it is no image.

        It comes with the canvas, but where it was shared in other places than this one: whoever writes the id of such a
        file into a canvas may not see it, though we do.

        Raises:
            BotError: FILE_UNREADABLE, IMAGE_TOO_LARGE.
        """
        file = await _look_up(client, file_id)
        if file is None or not str(file.get("mimetype") or "").startswith("image/"):
            return None
        places = {*channels_of(file), *(file.get("ims") or ())}
        if places and channel_id not in places:
            raise _not_here(IMAGES)
        return await self._fetch(client, file, IMAGES)

    async def again(
        self, client: AsyncWebClient, file_id: str, by: str, channel_id: str, field: FileField = AUDIENCE
    ) -> Download:
        """Return a file that this person chose in a form, or in this channel in the menu of a message.

        Raises:
            BotError: FILE_UNREADABLE, or it is too large for the field.
        """
        file = await _look_up(client, file_id)
        if file is None or (file.get("user") != by and channel_id not in channels_of(file)):
            raise _not_here(field)
        return await self._fetch(client, file, field)

    async def _fetch(self, client: AsyncWebClient, file: Mapping[str, Any], field: FileField) -> Download:
        url = str(file.get("url_private_download") or "")
        if urlsplit(url)[:2] != self._origin:
            raise field.not_handed_out
        if int(file.get("size") or 0) > field.max_bytes:
            raise field.too_large(int(file["size"]))
        content = cast("BinaryIO", tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES))  # noqa: SIM115 - the caller closes it
        try:
            await self._download(str(client.token), url, content, field, named=int(file.get("size") or 0))
        except BaseException as error:
            content.close()
            if isinstance(error, ClientError | TimeoutError):
                raise field.not_handed_out from error
            raise
        content.seek(0)
        return Download(str(file["id"]), str(file.get("name") or ""), content, str(file.get("alt_txt") or ""))

    async def upload(self, client: AsyncWebClient, upload: OutgoingFile, channel_id: str, thread_ts: str | None) -> str:
        """Show the file in a channel, in a direct message or in a thread; return its id.

        It is read in small pieces, from wherever it is. Raises whatever the Slack client raises, and ClientError where
        the bytes were not taken.
        """
        size = upload.content.seek(0, SEEK_END)
        upload.content.seek(0)
        given = await client.files_getUploadURLExternal(
            filename=upload.name, length=size, alt_txt=upload.alt_text or None
        )
        url = str(given["upload_url"])
        if urlsplit(url)[:2] != self._origin:
            raise ClientError("Slack named a strange place for a file")
        async with (
            ClientSession(timeout=UPLOAD_TIMEOUT) as session,
            session.post(url, data=upload.content, headers=_BYTES, allow_redirects=False) as response,
        ):
            if response.status != 200:
                raise ClientError(f"a file was refused with status {response.status}")
        await client.files_completeUploadExternal(
            files=[{"id": str(given["file_id"]), "title": upload.title}], channel_id=channel_id, thread_ts=thread_ts
        )
        return str(given["file_id"])

    async def _download(self, token: str, url: str, content: BinaryIO, field: FileField, *, named: int) -> None:
        """Write it into `content`; `named` is its size, in which a login page in its place would differ."""
        headers = {"Authorization": f"Bearer {token}"}
        async with (
            ClientSession(timeout=TIMEOUT) as session,
            session.get(url, headers=headers, allow_redirects=False) as response,
        ):
            if response.status != 200:
                raise field.not_handed_out
            size = 0
            async for chunk in response.content.iter_chunked(CHUNK_BYTES):
                size += len(chunk)
                if size > field.max_bytes:
                    raise field.too_large(max(size, named))
                content.write(chunk)
            if response.content_type == "text/html" and size != named:  # a login page: no access
                raise field.not_handed_out


async def _look_up(client: AsyncWebClient, file_id: str) -> Mapping[str, Any] | None:
    try:
        file: Mapping[str, Any] = (await client.files_info(file=file_id))["file"]
    except SlackApiError as error:
        if code_of(error) not in _GONE:
            raise
        return None
    return file


def channels_of(file: Mapping[str, Any]) -> set[str]:
    """Return where a file is shared (https://docs.slack.dev/reference/objects/file-object)."""
    shared = chain.from_iterable((file.get("shares") or {}).values())
    return {*(file.get("channels") or ()), *(file.get("groups") or ()), *shared}


def _not_here(field: FileField) -> BotError:
    return field.unreadable("This file is gone, or not shared in this channel.", "Post it here, and use that message.")


_GONE = {"file_not_found", "file_deleted", "not_visible", "no_permission"}
