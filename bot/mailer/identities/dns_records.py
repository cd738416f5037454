"""The DNS records of an identity, and whether the world can see them.

Which records: three DKIM CNAMEs (https://docs.aws.amazon.com/ses/latest/dg/send-email-authentication-dkim-easy.html),
the MAIL FROM domain's MX and SPF (https://docs.aws.amazon.com/ses/latest/dg/mail-from.html), and a DMARC suggestion
(RFC 7489). Only the DKIM ones decide verification.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from itertools import takewhile

import dns.asyncresolver
import dns.exception
import dns.resolver

from storage.models import Identity
from storage.states import IdentityKind

LOOKUP_SECONDS = 5.0
DKIM, MAIL_FROM, DMARC = "DKIM", "MAIL FROM", "DMARC, suggested"
DKIM_ZONE = "dkim.amazonses.com"  # where AWS names none: the one that all regions had at first
_FEWEST_LABELS = 2  # of a domain that somebody has
_ZONE_LABELS = 4  # at most, of a zone whose name might stand there twice
_ONLY_ONE = {
    "MX": "There are {}, and AWS wants one alone: with several, MAIL FROM fails",
    "TXT": "There are {}, and with several none counts: put them into one",
    "CNAME": "There are {}, and a name has one alone",
}

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

    @property
    def priority(self) -> str:
        """Of an MX record; most forms have a field of its own for it."""
        return self.value.partition(" ")[0] if self.type == "MX" else ""

    @property
    def target(self) -> str:
        """The value without the priority."""
        return self.value.partition(" ")[2] if self.type == "MX" else self.value


@dataclass(frozen=True, slots=True)
class Finding:
    """What stands at a record's name.

    Attributes:
        values: what was found.
        stands_at: another name at which the right value was found.
        why: what is wrong, where the value alone does not show it.
    """

    record: Record
    found: Found
    values: tuple[str, ...] = ()
    stands_at: str = ""
    why: str = ""


def records_of(identity: Identity, region: str) -> list[Record]:
    """Return what a domain's zone should hold; nothing for an address."""
    if identity.kind is not IdentityKind.DOMAIN:
        return []
    zone = identity.dkim_zone or DKIM_ZONE
    records = [
        Record(f"{token}._domainkey.{identity.name}", "CNAME", f"{token}.{zone}", DKIM, required=True)
        for token in identity.dkim_tokens
    ]
    if identity.mail_from_domain:
        server = f"10 feedback-smtp.{region}.amazonses.com"
        records += [
            Record(identity.mail_from_domain, "MX", server, MAIL_FROM, required=False),
            Record(identity.mail_from_domain, "TXT", "v=spf1 include:amazonses.com ~all", MAIL_FROM, required=False),
        ]
    records.append(Record(f"_dmarc.{identity.name}", "TXT", "v=DMARC1; p=none;", DMARC, required=False))
    return records


def zone_file(domain: str, records: Sequence[Record]) -> str:
    """Return the records as lines of a zone file, each with its full name (RFC 1035, section 5.1)."""
    lines = [f"{record.name}. 3600 IN {record.type} {_rdata(record)}" for record in records]
    if len(domain.split(".")) > _FEWEST_LABELS:
        lines[-1] = f"; only where no domain above {domain} has a DMARC record\n; {lines[-1]}"
    return "\n".join([f"; What Amazon SES needs in the DNS of {domain}", *lines, ""])


def _rdata(record: Record) -> str:
    return f'"{record.value}"' if record.type == "TXT" else f"{record.value}."


async def look_up(records: Sequence[Record], lookup: Lookup) -> list[Finding]:
    """Ask for every record at once and say of each whether it is right, missing or wrong."""
    return list(await asyncio.gather(*(_find(record, lookup) for record in records)))


async def _find(record: Record, lookup: Lookup) -> Finding:
    try:
        values = await _values(record, record.name, lookup)
    except NoAnswerError:
        return Finding(record, Found.UNKNOWN)
    if values:
        why = _why_wrong(record, values)
        return Finding(record, Found.RIGHT if why is None else Found.WRONG, values, why=why or "")
    above = await _first_right(record, _above(record), lookup) if record.purpose == DMARC else ""
    if above:
        return Finding(record, Found.RIGHT, stands_at=above)
    return Finding(record, Found.MISSING, stands_at=await _first_right(record, _zone_twice(record), lookup))


async def _values(record: Record, name: str, lookup: Lookup) -> tuple[str, ...]:
    """Return what stands at a name and is of the record's kind: other texts may stand beside ours."""
    values = tuple(await lookup(name, record.type))
    if record.type != "TXT":
        return values
    kind = record.value.split()[0].rstrip(";").lower()
    return tuple(value for value in values if re.split(r"[\s;]", value.strip(), maxsplit=1)[0].lower() == kind)


async def _first_right(record: Record, names: Sequence[str], lookup: Lookup) -> str:
    """Return the first of these names at which the right value stands, or nothing."""

    async def is_right(name: str) -> bool:
        with suppress(NoAnswerError):
            values = await _values(record, name, lookup)
            return bool(values) and _why_wrong(record, values) is None and _tags(values[0]).get("psd") != "y"
        return False

    right = await asyncio.gather(*map(is_right, names))
    return next((name for name, found in zip(names, right, strict=True) if found), "")


def _above(record: Record) -> list[str]:
    """Return the names at which a policy stands that holds for this domain too, the highest first.

    RFC 7489, 6.6.3: that of the organizational domain. Which one that is says a list of public suffixes, which Mailroom
    does not have; its successor (draft-ietf-dmarc-dmarcbis, 4.10) walks up instead, and takes the highest record that
    is no suffix's own (psd=y).
    """
    labels = record.name.removeprefix("_dmarc.").split(".")
    return [f"_dmarc.{'.'.join(labels[-count:])}" for count in range(_FEWEST_LABELS, len(labels))]


def _zone_twice(record: Record) -> list[str]:
    """Return what a registrar makes of the full name where it adds the zone itself: `…acme.test.acme.test`."""
    labels = record.name.split(".")
    of_hosts = takewhile(lambda label: not label.startswith("_"), reversed(labels))
    most = min(len(list(of_hosts)), _ZONE_LABELS)
    return [f"{record.name}.{'.'.join(labels[-count:])}" for count in range(_FEWEST_LABELS, most + 1)]


def _why_wrong(record: Record, values: Sequence[str]) -> str | None:
    """Return why this is not what AWS and the receivers of mail want; None: it is, "": the values say so."""
    if len(values) > 1:
        return _ONLY_ONE[record.type].format(len(values))
    value = values[0].lower().rstrip(".")
    if record.purpose == DMARC:
        return None if _is_policy(value) else "It names no policy (p=none, p=quarantine or p=reject)"
    if record.type == "MX":  # the only one there is, whatever its priority
        return None if value.split()[-1] == record.target.lower() else ""
    if record.type == "TXT":
        return _why_spf_fails(value)
    return None if value == record.value.lower().rstrip(".") else ""


def _why_spf_fails(value: str) -> str | None:
    """RFC 7208, 4.6.2 and 5.1: mechanisms count in their order, and what follows `all` never."""
    _, *terms = value.split()
    ours = next((at for at, term in enumerate(terms) if term.lstrip("+") == "include:amazonses.com"), None)
    if ours is None:
        return ""
    ends = [term for term in terms[:ours] if term.lstrip("+-~?") == "all"]
    return f"What stands behind {ends[0]} does not count" if ends else None


def _is_policy(value: str) -> bool:
    """RFC 7489, 6.6.3: without a policy that is one, a record counts as p=none where it asks for reports."""
    tags = _tags(value)
    return tags.get("p") in {"none", "quarantine", "reject"} or bool(tags.get("rua"))


def _tags(value: str) -> dict[str, str]:
    pairs = (tag.partition("=") for tag in value.lower().split(";"))
    return {name.strip(): text.strip() for name, _, text in pairs}


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
