"""Connections to addresses that strangers give us: public ones only (bot/public_addresses.py)."""

import socket
from collections.abc import Sequence

from aiohttp import AddrInfoType, TCPConnector, ThreadedResolver
from aiohttp.abc import AbstractResolver, ResolveResult

from bot.public_addresses import Network, NotPublicError, is_public


def public_connector(
    allowed: Sequence[Network] = (), resolver: AbstractResolver | None = None, limit: int = 100
) -> TCPConnector:
    """Return a connector for one `ClientSession`, which closes it.

    A name is looked up for each connection, and where one of its addresses is not public none of them is used. What is
    connected to is looked at once more, since an address that was given itself is not looked up. Either refusal is a
    `ClientConnectorError` whose `os_error` is `NotPublicError`. A redirect is a connection like any other. The session
    must not be told to trust the environment: a proxy would connect in our place.

    Args:
        allowed: networks besides the public ones.
        resolver: what is asked for the addresses of a name; None is the system.
        limit: connections at a time.
    """

    def open_socket(address: AddrInfoType) -> socket.socket:
        family, kind, protocol, _, target = address
        if not is_public(str(target[0]), allowed):
            raise NotPublicError
        return socket.socket(family, kind, protocol)

    asked = _PublicResolver(resolver or ThreadedResolver(), allowed)
    return TCPConnector(resolver=asked, socket_factory=open_socket, use_dns_cache=False, limit=limit)


class _PublicResolver(AbstractResolver):
    def __init__(self, resolver: AbstractResolver, allowed: Sequence[Network]) -> None:
        self._resolver = resolver
        self._allowed = allowed

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        if not all(is_public(each["host"], self._allowed) for each in found):
            raise NotPublicError
        return found

    async def close(self) -> None:
        await self._resolver.close()
