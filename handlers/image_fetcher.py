"""Images of a page, from the servers that it names: public ones, over https, each asked once and told nothing.

That we ask at all tells a stranger that somebody here has chosen the page; so it is done when the page is read, for all
of its images at once, and never when a mail is read.
"""

import asyncio
from collections.abc import Sequence
from ssl import SSLContext
from typing import Final
from urllib.parse import urljoin, urlsplit

from aiohttp import (
    ClientConnectorCertificateError,
    ClientConnectorError,
    ClientError,
    ClientResponse,
    ClientSession,
    DummyCookieJar,
)
from aiohttp.abc import AbstractResolver

from bot.broadcast.content.images import FILE_LIMIT
from bot.broadcast.content.remote_images import UnreachableError
from bot.public_addresses import Network, NotPublicError
from handlers.public_connector import public_connector

SECONDS: Final = 15.0  # for one image, redirects included
MOST_REDIRECTS: Final = 3
_HEADERS: Final = {"Accept": "image/png, image/jpeg, image/gif", "User-Agent": "Mailroom"}
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_GONE: Final = frozenset({404, 410})
_LOGIN: Final = frozenset({401, 403, 407})


class ImageFetcher:
    """A `FetchImage` (bot/broadcast/content/remote_images.py).

    Args:
        allowed: networks besides the public ones.
        resolver: what is asked for the addresses of a name; None is the system.
        tls: None is the system's certificates.
    """

    def __init__(
        self,
        allowed: Sequence[Network] = (),
        resolver: AbstractResolver | None = None,
        tls: SSLContext | None = None,
    ) -> None:
        self._allowed = allowed
        self._resolver = resolver
        self._tls = tls

    async def __call__(self, url: str) -> bytes:
        """Return the bytes at an address.

        Raises:
            UnreachableError: with what a person is told.
        """
        connector = public_connector(self._allowed, self._resolver)
        try:
            async with (
                asyncio.timeout(SECONDS),
                ClientSession(connector=connector, cookie_jar=DummyCookieJar(), headers=_HEADERS) as session,
            ):
                return await self._get(session, url)
        except ClientConnectorCertificateError:
            raise UnreachableError("its server has no certificate that counts") from None
        except ClientConnectorError as error:
            if isinstance(error.os_error, NotPublicError):
                raise UnreachableError("its address is not one of the public internet") from None
            raise UnreachableError("its server does not answer") from None
        except TimeoutError:
            raise UnreachableError("it took too long") from None
        except (ClientError, ValueError):
            raise UnreachableError("its server does not answer as servers do") from None

    async def _get(self, session: ClientSession, url: str) -> bytes:
        for _ in range(1 + MOST_REDIRECTS):
            parts = urlsplit(url)
            if parts.scheme != "https" or parts.username is not None:
                raise UnreachableError("its address leads on to one that is not plain https")
            async with session.get(url, allow_redirects=False, ssl=self._tls or True) as response:
                if response.status not in _REDIRECTS or "Location" not in response.headers:
                    return await _content(response)
                url = urljoin(url, response.headers["Location"])
        raise UnreachableError("its address leads on to others without end")


async def _content(response: ClientResponse) -> bytes:
    if response.status in _LOGIN or (response.status == 200 and response.content_type == "text/html"):
        raise UnreachableError("its server wants a login")
    if response.status in _GONE:
        raise UnreachableError("it is not there")
    if response.status != 200:
        raise UnreachableError(f"its server answers {response.status}")
    content = bytearray()
    async for block in response.content.iter_any():
        content += block
        if len(content) > FILE_LIMIT:
            raise UnreachableError(f"it is larger than {FILE_LIMIT / 1e6:.0f} MB")
    return bytes(content)
