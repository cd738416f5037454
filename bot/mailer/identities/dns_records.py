"""Whether the world can see the DNS records of an identity (`bot/mailer/identity_records.py`)."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from itertools import takewhile

from bot.mailer.identities.dmarc import find_dmarc, is_dmarc, parse_dmarc
from bot.mailer.identities.dns_lookup import Lookup, NoAnswerError
from bot.mailer.identities.spf import is_spf, why_not_included
from bot.mailer.identity_records import AMAZON, DMARC, Record

_FEWEST_LABELS = 2  # of a domain that somebody has
_ZONE_LABELS = 4  # at most, of a zone whose name might stand there twice
_ONLY_ONE = {
    "MX": "There are {}, and AWS wants one alone: with several, MAIL FROM fails",
    "TXT": "There are {}, and with several none counts: put them into one",
    "CNAME": "There are {}, and a name has one alone",
}


class Found(StrEnum):
    RIGHT = "right"
    MISSING = "missing"
    WRONG = "wrong"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class RecordCheck:
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


def zone_file(domain: str, records: Sequence[Record]) -> str:
    """Return the records as lines of a zone file, each with its full name (RFC 1035, section 5.1)."""
    lines = [f"{record.name}. 3600 IN {record.type} {_rdata(record)}" for record in records]
    if len(domain.split(".")) > _FEWEST_LABELS:
        lines[-1] = f"; only where no domain above {domain} has a DMARC record\n; {lines[-1]}"
    return "\n".join([f"; What Amazon SES needs in the DNS of {domain}", *lines, ""])


def _rdata(record: Record) -> str:
    return f'"{record.value}"' if record.type == "TXT" else f"{record.value}."


async def look_up(records: Sequence[Record], lookup: Lookup) -> list[RecordCheck]:
    """Ask for every record at once and say of each whether it is right, missing or wrong."""
    return list(await asyncio.gather(*(_find(record, lookup) for record in records)))


async def _find(record: Record, lookup: Lookup) -> RecordCheck:
    try:
        values = await _values(record, record.name, lookup)
        if values:
            why = _why_wrong(record, values)
            return RecordCheck(record, Found.RIGHT if why is None else Found.WRONG, values, why=why or "")
        if record.purpose == DMARC and (above := await _dmarc_above(record, lookup)):
            return RecordCheck(record, Found.RIGHT, stands_at=above)
    except NoAnswerError:
        return RecordCheck(record, Found.UNKNOWN)
    return RecordCheck(record, Found.MISSING, stands_at=await _first_right(record, _zone_twice(record), lookup))


async def _dmarc_above(record: Record, lookup: Lookup) -> str:
    """Return the name above at which a policy stands that every receiver takes for this domain too, or nothing."""
    dmarc = await find_dmarc(record.name.removeprefix("_dmarc."), lookup)
    return f"_dmarc.{dmarc.stands_at}" if dmarc.is_found else ""


async def _values(record: Record, name: str, lookup: Lookup) -> tuple[str, ...]:
    """Return the values at a name that are of the record's kind: other TXT records may be beside ours."""
    values = tuple(await lookup(name, record.type))
    if record.type != "TXT":
        return values
    is_ours = is_dmarc if record.purpose == DMARC else is_spf
    return tuple(value for value in values if is_ours(value.strip()))


async def _first_right(record: Record, names: Sequence[str], lookup: Lookup) -> str:
    """Return the first of these names at which the right value stands, or nothing."""

    async def is_right(name: str) -> bool:
        with suppress(NoAnswerError):
            values = await _values(record, name, lookup)
            return bool(values) and _why_wrong(record, values) is None
        return False

    right = await asyncio.gather(*map(is_right, names))
    return next((name for name, found in zip(names, right, strict=True) if found), "")


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
    if record.purpose == DMARC:
        is_policy = parse_dmarc(values[0]) is not None
        return None if is_policy else "It names no policy (p=none, p=quarantine or p=reject)"
    if record.type == "TXT":
        return why_not_included(values[0], AMAZON)
    if record.type == "MX":  # the only one there is, whatever its priority
        _, server = values[0].split()
        return None if _host(server) == _host(record.target) else ""
    return None if _host(values[0]) == _host(record.value) else ""


def _host(name: str) -> str:
    return name.lower().rstrip(".")
