"""The route on which SNS delivers SES's events. Every other caller gets the same few bytes and learns nothing."""

import logging
from collections.abc import Awaitable, Callable

from aiohttp import ClientError, ClientSession, ClientTimeout, StreamReader, web

from bot.errors import BotError
from bot.ses.errors import SesError
from bot.ses.sns_messages import RefusedError

log = logging.getLogger(__name__)

MAX_MESSAGE = 512 * 1024  # SNS takes 256 KB (SNS API reference, Publish), and writes it as JSON in JSON
MAX_CERTIFICATE = 16 * 1024
_TIMEOUT = ClientTimeout(total=10, sock_connect=3)

Take = Callable[[str, bytes], Awaitable[None]]
"""Takes the message that came for a connection; raises RefusedError, or why it cannot be taken now."""


class SnsMessages:
    def __init__(self, take: Take) -> None:
        self._take = take

    async def take(self, request: web.Request) -> web.Response:
        """Answer 200 once it is taken, 403 where it is refused for good, 503 where SNS is to try again."""
        if "Content-Encoding" in request.headers:  # SNS never compresses
            return web.Response(status=415)
        body = await _at_most(MAX_MESSAGE, request.content)
        if body is None:
            return web.Response(status=413)
        try:
            await self._take(request.match_info["connection"], body)
        except RefusedError as error:
            log.info("a message for SNS's route was refused: %s", error)
            return web.Response(status=403)
        except (OSError, SesError, BotError) as error:
            log.warning("a message of SNS cannot be taken now: %s", type(error).__name__)
            return web.Response(status=503)
        return web.Response(status=200)


async def fetch_certificate(url: str) -> bytes:
    """Get a certificate over https (bot.ses.sns_messages.Fetch); a redirect is an error."""
    try:
        async with ClientSession(timeout=_TIMEOUT) as session, session.get(url, allow_redirects=False) as response:
            content = await _at_most(MAX_CERTIFICATE, response.content)
            if response.status != 200 or content is None:
                raise OSError
            return content
    except (ClientError, TimeoutError) as error:
        raise OSError from error


async def _at_most(limit: int, stream: StreamReader) -> bytes | None:
    """Read to the end; None where it is longer, of which no more is read."""
    content = bytearray()
    async for block in stream.iter_any():
        content += block
        if len(content) > limit:
            return None
    return bytes(content)
