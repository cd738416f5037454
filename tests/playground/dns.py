"""A small DNS server on loopback, over UDP and TCP, whose records and failures a test sets as it goes."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset

if TYPE_CHECKING:
    from tests.playground.aws.ses_state import Identity

TTL = 60
_MAX_CNAMES = 8
_PLAIN_UDP = 512


class Failure(StrEnum):
    """What a name can answer instead of its records."""

    NXDOMAIN = "NXDOMAIN"
    EMPTY = "EMPTY"
    """NOERROR without an answer."""
    SERVFAIL = "SERVFAIL"
    TIMEOUT = "TIMEOUT"
    """No answer at all."""


class DnsPlayground:
    """Names that nothing is known of do not exist; names above a known one exist and have no records.

    An async context manager; it answers in the event loop that entered it.
    """

    def __init__(self) -> None:
        self.queries: list[tuple[str, str]] = []
        """Every question: name without the final dot, type."""
        self._records: dict[tuple[dns.name.Name, str], list[str]] = {}
        self._failures: dict[dns.name.Name, Failure] = {}
        self._udp: asyncio.DatagramTransport | None = None
        self._tcp: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._tcp = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self._udp, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: _Udp(self), self.address)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._udp is not None:
            self._udp.close()
        if self._tcp is not None:
            self._tcp.close()
            await self._tcp.wait_closed()

    @property
    def address(self) -> tuple[str, int]:
        """Host and port, the same for UDP and TCP."""
        if self._tcp is None:
            raise RuntimeError("the server is not running")
        host, port = self._tcp.sockets[0].getsockname()
        return str(host), int(port)

    def set(self, name: str, kind: str, *values: str) -> None:
        """Replace the records of that name and type. Names in values need no final dot, TXT no quotes."""
        self._records[_name(name), kind.upper()] = list(values)

    def remove(self, name: str, kind: str | None = None) -> None:
        """Remove the records of one type, or the whole name."""
        owner = _name(name)
        for key in [key for key in self._records if key[0] == owner and kind in {None, key[1]}]:
            del self._records[key]

    def records_from(self, identity: Identity) -> None:
        """Everything that AWS asks of the owner of a domain: the DKIM names, and MAIL FROM where it is set."""
        for token in identity.tokens:
            self.set(f"{token}._domainkey.{identity.name}", "CNAME", f"{token}.{identity.hosted_zone}")
        if identity.mail_from is not None:
            self.set(identity.mail_from.domain, "MX", "10 feedback-smtp.eu-west-1.amazonses.com")
            self.set(identity.mail_from.domain, "TXT", "v=spf1 include:amazonses.com ~all")

    def fail(self, name: str, how: Failure | str) -> None:
        """Let that name, whatever is set for it, answer like this until `heal`."""
        self._failures[_name(name)] = Failure(how)

    def heal(self, name: str) -> None:
        self._failures.pop(_name(name), None)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One question over TCP: two bytes of length before each message, RFC 1035 section 4.2.2."""
        try:
            size = int.from_bytes(await reader.readexactly(2))
            answer = self.respond(await reader.readexactly(size), udp=False)
            if answer is not None:
                writer.write(len(answer).to_bytes(2) + answer)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()  # also when the test ends in between

    def respond(self, wire: bytes, *, udp: bool) -> bytes | None:
        """The answer to one message, or None for silence."""
        try:
            query = dns.message.from_wire(wire)
        except dns.exception.DNSException:
            return None
        question = query.question[0]
        response = dns.message.make_response(query)
        response.flags |= dns.flags.AA
        kind = dns.rdatatype.to_text(question.rdtype)
        self.queries.append((question.name.to_text(omit_final_dot=True), kind))
        failure = self._failures.get(question.name)
        if failure is Failure.TIMEOUT:
            return None
        if failure is not None:
            response.set_rcode(dns.rcode.from_text(_RCODES[failure]))
        else:
            self._fill(response, question.name, kind)
        return _wire(response, (query.payload or _PLAIN_UDP) if udp else 65_535)

    def _fill(self, response: dns.message.Message, name: dns.name.Name, kind: str) -> None:
        for _ in range(_MAX_CNAMES):
            values = self._records.get((name, kind))
            if values is not None:
                response.answer.append(_rrset(name, kind, values))
                return
            alias = self._records.get((name, "CNAME"))
            if alias is None:
                break
            response.answer.append(_rrset(name, "CNAME", alias))
            name = _name(alias[0])
        if not response.answer and not any(owner.is_subdomain(name) for owner, _ in self._records):
            response.set_rcode(dns.rcode.NXDOMAIN)


_RCODES = {Failure.NXDOMAIN: "NXDOMAIN", Failure.EMPTY: "NOERROR", Failure.SERVFAIL: "SERVFAIL"}


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, playground: DnsPlayground) -> None:
        self._playground = playground

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        answer = self._playground.respond(data, udp=True)
        if answer is not None:
            self._transport.sendto(answer, addr)


def _wire(response: dns.message.Message, size: int) -> bytes:
    try:
        return response.to_wire(max_size=size)
    except dns.exception.TooBig:
        response.answer.clear()
        response.flags |= dns.flags.TC
        return response.to_wire()


def _rrset(name: dns.name.Name, kind: str, values: list[str]) -> Any:
    texts = [f'"{value}"' if kind == "TXT" and not value.startswith('"') else value for value in values]
    data = [
        dns.rdata.from_text(dns.rdataclass.IN, kind, text, origin=dns.name.root, relativize=False) for text in texts
    ]
    return dns.rrset.from_rdata_list(name, TTL, data)


def _name(text: str) -> dns.name.Name:
    return dns.name.from_text(text.lower())
