"""Reaches the receivers of webhooks (bot.webhooks.receiver): public addresses only, no redirects, ten seconds."""

import asyncio
import socket
from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from ssl import SSLContext
from typing import Final

from aiohttp import (
    ClientConnectorCertificateError,
    ClientConnectorDNSError,
    ClientConnectorError,
    ClientError,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    ThreadedResolver,
)
from aiohttp.abc import AbstractResolver
from yarl import URL

from bot.errors import BotError
from bot.public_addresses import Network, NotPublicError, is_public
from bot.webhooks.codes import WebhookCode
from bot.webhooks.receiver import ADDRESS_LIMIT, WITHIN, Answer
from handlers.public_connector import public_connector

_HEADERS: Final = {"Content-Type": "application/json", "User-Agent": "Mailroom"}
_NOT_PUBLIC: Final = "It leads to an address that is not public"
_UNKNOWN: Final = "Its name cannot be looked up"


class WebhookReceiver:
    """Each post has a connection of its own, whose addresses were looked up for it alone.

    Args:
        allowed: private networks that may be reached, too; a loopback address among them may be http.
        resolver: what is asked for the addresses of a name; None is the system.
        within: seconds that an answer may take, headers and body.
        tls: whose certificates are trusted; None: those that the system trusts.
    """

    def __init__(
        self,
        allowed: Sequence[Network] = (),
        resolver: AbstractResolver | None = None,
        *,
        within: float = WITHIN,
        tls: SSLContext | None = None,
    ) -> None:
        self._allowed = allowed
        self._resolver = resolver
        self._timeout = ClientTimeout(total=within)
        self._tls = tls or True

    async def check(self, address: str) -> None:
        """Look the address up, and see whether it may be connected to.

        Raises:
            BotError: WEBHOOK_ADDRESS.
        """
        host = self._parse(address).host or ""
        try:
            found = await asyncio.wait_for(self._look_up(host), WITHIN)
        except (OSError, TimeoutError):
            raise _refused(f"{_UNKNOWN}: check how it is spelled.") from None
        if not all(is_public(each, self._allowed) for each in found):
            raise _refused(f"{_NOT_PUBLIC}: give one that can be reached from the internet.")

    async def post(self, address: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Post once; whatever goes wrong is an answer."""
        try:
            return await self._post(self._parse(address), body, headers)
        except (BotError, TimeoutError, ClientError, OSError) as error:
            return Answer(error=_why(error))

    async def _post(self, url: URL, body: bytes, headers: Mapping[str, str]) -> Answer:
        connector = public_connector(self._allowed, self._resolver)
        async with (
            ClientSession(
                connector=connector, timeout=self._timeout, cookie_jar=DummyCookieJar(), auto_decompress=False
            ) as session,
            session.post(
                url, data=body, headers={**_HEADERS, **headers}, ssl=self._tls, allow_redirects=False
            ) as response,
        ):
            async for _ in response.content.iter_any():
                pass
            return Answer(response.status)

    async def _look_up(self, host: str) -> list[str]:
        if _is_ip(host):
            return [host]
        found = await (self._resolver or ThreadedResolver()).resolve(host, 0, socket.AF_UNSPEC)
        return [each["host"] for each in found]

    def _parse(self, address: str) -> URL:
        try:
            url = URL(address)
        except ValueError:
            raise _refused("This is no address: it begins with https://.") from None
        if len(address) > ADDRESS_LIMIT or not address.isprintable() or not url.host:
            raise _refused(f"This is no address of at most {ADDRESS_LIMIT:,} characters.")
        if url.user is not None or url.password is not None or url.fragment:
            raise _refused("Leave out the user part and what stands after #: each post is signed.")
        if url.scheme != "https" and not (url.scheme == "http" and self._is_own_loopback(url.host)):
            raise _refused("The address must begin with https://.")
        return url

    def _is_own_loopback(self, host: str) -> bool:
        return _is_ip(host) and ip_address(host).is_loopback and is_public(host, self._allowed)


def _why(error: Exception) -> str:
    """Say it in words of ours: what the other side wrote is nobody's business."""
    if isinstance(error, BotError):
        return error.sentence
    if isinstance(error, TimeoutError):
        return f"No answer within {WITHIN:.0f} seconds"
    if isinstance(error, ClientConnectorCertificateError):
        return f"Its certificate: {getattr(error.certificate_error, 'verify_message', '') or 'not accepted'}"
    if isinstance(error, ClientConnectorError):
        unreachable = _UNKNOWN if isinstance(error, ClientConnectorDNSError) else "It cannot be reached"
        return _NOT_PUBLIC if isinstance(error.os_error, NotPublicError) else unreachable
    return "The connection broke off"


def _is_ip(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _refused(sentence: str) -> BotError:
    return BotError(WebhookCode.WEBHOOK_ADDRESS, sentence, field="webhook_address")
