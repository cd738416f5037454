"""The DNS records of an identity, and whether the world can see them.

Which records: three DKIM CNAMEs (https://docs.aws.amazon.com/ses/latest/dg/send-email-authentication-dkim-easy.html),
the MAIL FROM domain's MX and SPF (https://docs.aws.amazon.com/ses/latest/dg/mail-from.html), and a DMARC suggestion
(RFC 7489). Only the DKIM ones decide verification.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import dns.asyncresolver
import dns.exception
import dns.resolver

from storage.models import Identity
from storage.states import IdentityKind

LOOKUP_SECONDS = 5.0

Lookup = Callable[[str, str], Awaitable[Sequence[str]]]


class NoAnswerError(Exception):
    """The name servers did not answer; nothing is known about the record."""


class Found(StrEnum):
    RIGHT = "right"
    MISSING = "missing"
    WRONG = "wrong"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Record:
    """One line to put into a zone."""

    name: str
    type: str
    value: str
    purpose: str
    required: bool


@dataclass(frozen=True, slots=True)
class Finding:
    record: Record
    found: Found
    values: tuple[str, ...] = ()


def records_of(identity: Identity, region: str) -> list[Record]:
    """Return what a domain's zone should hold; nothing for an address."""
    if identity.kind is not IdentityKind.DOMAIN:
        return []
    records = [
        Record(f"{token}._domainkey.{identity.name}", "CNAME", f"{token}.{identity.dkim_zone}", "DKIM", required=True)
        for token in identity.dkim_tokens
    ]
    if identity.mail_from_domain:
        server = f"10 feedback-smtp.{region}.amazonses.com"
        records += [
            Record(identity.mail_from_domain, "MX", server, "MAIL FROM", required=False),
            Record(identity.mail_from_domain, "TXT", "v=spf1 include:amazonses.com ~all", "MAIL FROM", required=False),
        ]
    records.append(Record(f"_dmarc.{identity.name}", "TXT", "v=DMARC1; p=none;", "DMARC, suggested", required=False))
    return records


async def look_up(records: Sequence[Record], lookup: Lookup) -> list[Finding]:
    """Ask for every record at once and say of each whether it is right, missing or wrong."""
    return list(await asyncio.gather(*(_find(record, lookup) for record in records)))


async def _find(record: Record, lookup: Lookup) -> Finding:
    try:
        values = tuple(await lookup(record.name, record.type))
    except NoAnswerError:
        return Finding(record, Found.UNKNOWN)
    if record.type == "TXT":  # other texts may stand beside ours
        kind = record.value.split()[0].rstrip(";").lower()
        values = tuple(value for value in values if value.lower().startswith(kind))
    if not values:
        return Finding(record, Found.MISSING)
    return Finding(record, Found.RIGHT if _fits(record, values) else Found.WRONG, values)


def _fits(record: Record, values: Sequence[str]) -> bool:
    if record.purpose.startswith("DMARC"):  # any policy of their own is as good as the suggestion
        return True
    if record.type == "TXT":
        return any("include:amazonses.com" in value.lower() for value in values)
    wanted = record.value.lower().rstrip(".")
    return any(value.lower().rstrip(".") == wanted for value in values)


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
