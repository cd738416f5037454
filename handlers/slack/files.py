"""Fetches a file that somebody gave us in a modal, from Slack's file host and from nowhere else.

The bot's token travels with the request, so a redirect is never followed
(https://docs.slack.dev/reference/objects/file-object#authentication).
"""

import tempfile
from typing import BinaryIO, cast
from urllib.parse import urlsplit

from aiohttp import ClientError, ClientSession, ClientTimeout
from slack_sdk.web.async_client import AsyncWebClient

from bot.errors import BotError
from handlers.slack.ids import Input
from storage.sealing import Secret

SLACK_FILE_HOST = "files.slack.com"
MAX_BYTES = 100 * 1024 * 1024
IN_MEMORY_BYTES = 1024 * 1024
CHUNK_BYTES = 64 * 1024
TIMEOUT = ClientTimeout(total=120, sock_connect=5, sock_read=20)


class Files:
    """Downloads into a temporary file that is gone when it is closed.

    Args:
        api_url: of the Web API; files may come from its host too where it is not Slack's.
        token: the bot's.
    """

    def __init__(self, api_url: str, token: Secret) -> None:
        api = urlsplit(api_url)
        official = api.hostname == "slack.com"
        self._origin = ("https", SLACK_FILE_HOST) if official else (api.scheme, api.netloc)
        self._token = token

    async def fetch(self, client: AsyncWebClient, file_id: str) -> BinaryIO:
        """Return the file's content, opened for reading from its start.

        Raises:
            BotError: it is too large, or Slack does not hand it out.
        """
        file = (await client.files_info(file=file_id))["file"]
        url = str(file.get("url_private_download") or "")
        if urlsplit(url)[:2] != self._origin:
            raise _unreadable()
        if int(file.get("size") or 0) > MAX_BYTES:
            raise _too_large()
        content = cast("BinaryIO", tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES))  # noqa: SIM115 - the caller closes it
        try:
            await self._download(url, content)
        except BaseException as error:
            content.close()
            if isinstance(error, ClientError | TimeoutError):
                raise _unreadable() from error
            raise
        content.seek(0)
        return content

    async def _download(self, url: str, content: BinaryIO) -> None:
        headers = {"Authorization": f"Bearer {self._token.reveal()}"}
        async with (
            ClientSession(timeout=TIMEOUT) as session,
            session.get(url, headers=headers, allow_redirects=False) as response,
        ):
            if response.status != 200 or response.content_type == "text/html":  # a login page: no access
                raise _unreadable()
            size = 0
            async for chunk in response.content.iter_chunked(CHUNK_BYTES):
                size += len(chunk)
                if size > MAX_BYTES:
                    raise _too_large()
                content.write(chunk)


def _unreadable() -> BotError:
    return BotError(
        "FILE_UNREADABLE",
        "Slack did not hand the file out.",
        "Choose it again, and make sure it is still there.",
        field=Input.AUDIENCE,
    )


def _too_large() -> BotError:
    return BotError(
        "FILE_TOO_LARGE",
        f"The file is larger than {MAX_BYTES // 1024**2} MB.",
        "Split it into several broadcasts.",
        field=Input.AUDIENCE,
    )
