"""Asking name servers. One that does not answer says nothing of the record."""

from collections.abc import Awaitable, Callable, Sequence

import dns.asyncresolver
import dns.exception
import dns.resolver

LOOKUP_SECONDS = 5.0

Lookup = Callable[[str, str], Awaitable[Sequence[str]]]


class NoAnswerError(Exception):
    """The name servers did not answer; nothing is known about the record."""


class Resolver:
    """Looks records up with the system's name servers, or with the one that is given.

    Args:
        server: `host:port` of a name server, or empty.
    """

    def __init__(self, server: str = "") -> None:
        self._resolver = dns.asyncresolver.Resolver(configure=not server)
        if server:
            host, _, port = server.rpartition(":")
            self._resolver.nameservers = [host]
            self._resolver.port = int(port)
        self._resolver.lifetime = LOOKUP_SECONDS

    async def __call__(self, name: str, kind: str) -> Sequence[str]:
        """Return the values as text; none where the name or the type is not there.

        Raises:
            NoAnswerError: the name servers did not answer, or with an error.
        """
        try:
            answer = await self._resolver.resolve(name, kind, search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return ()
        except dns.exception.DNSException as error:
            raise NoAnswerError(name) from error
        if kind == "TXT":
            return [b"".join(value.strings).decode("utf-8", "replace") for value in answer]
        return [value.to_text() for value in answer]
