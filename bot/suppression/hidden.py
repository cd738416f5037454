"""Addresses of which only a keyed hash is kept, since somebody was erased: told again where the address comes back.

The hash is one of the team's own, so that nobody can tell from two teams that they knew the same person. It stands as
an address under `.invalid`, which is nobody's (RFC 2606).
"""

import hmac
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, select
from sqlmodel import SQLModel

from bot.address_extraction import replace_addresses
from bot.email_addresses import address_key
from bot.suppression.recording import Entry
from storage import Session, SuppressionReason

_DIGITS = 24  # hexadecimal: 96 bits
_FORM = re.compile(rf"erased-[0-9a-f]{{{_DIGITS}}}@erased\.invalid")
_suppression = SQLModel.metadata.tables["suppression"]

# Statements are made once: these are carried out with every claim.
_HASHED = select(_suppression.c.address_key).where(_suppression.c.team_id == bindparam("team"), _suppression.c.hashed)
_ANY_HASHED = _HASHED.limit(1)
_SOME_HASHED = _HASHED.where(_suppression.c.address_key.in_(bindparam("keys", expanding=True)))
_BEING_ERASED = select(_suppression.c.address_key).where(
    _suppression.c.team_id == bindparam("team"),
    _suppression.c.reason == SuppressionReason.ERASED,
    ~_suppression.c.hashed,
)


def hash_of(key: bytes, team_id: str, address: str) -> str:
    """Return what stands in the place of an address; two that are the same recipient have the same."""
    told = f"{team_id}\0{address_key(address)}".encode()
    return f"erased-{hmac.digest(key, told, 'sha256').hex()[:_DIGITS]}@erased.invalid"


def is_hashed(address: str) -> bool:
    """Whether this stands in the place of an address."""
    return address.endswith("@erased.invalid") and _FORM.fullmatch(address) is not None


def any_hashed(addresses: Collection[str]) -> bool:
    """Whether one of these does; a look at all of them at once says, as a rule, that none can."""
    return "@erased.invalid" in "\n".join(addresses) and any(map(is_hashed, addresses))


def hidden_among(connection: Connection, key: bytes, team_id: str, addresses: Collection[str]) -> set[str]:
    """Return those of these addresses that are suppressed by their hash, or are none any more."""
    hidden = {address for address in addresses if is_hashed(address)}
    if connection.execute(_ANY_HASHED, {"team": team_id}).first() is None:
        return hidden
    by_hash = {hash_of(key, team_id, address): address for address in addresses}
    found = connection.execute(_SOME_HASHED, {"team": team_id, "keys": list(by_hash)})
    return hidden | {by_hash[row[0]] for row in found}


@dataclass(frozen=True, slots=True)
class HiddenAddresses:
    """The addresses of a team that must not be stored again; false where there are none."""

    key: bytes
    team_id: str
    hashes: frozenset[str]
    being_erased: frozenset[str]

    def __bool__(self) -> bool:
        return bool(self.hashes or self.being_erased)

    def shown(self, address: str) -> str:
        """Return what is to be stored of an address: its hash, where it is one of these."""
        hashed = hash_of(self.key, self.team_id, address)
        return hashed if hashed in self.hashes or address_key(address) in self.being_erased else address

    def within(self, value: Any) -> Any:
        """Return what is to be stored of a text, or of a value of JSON, that may hold some of these (`shown`)."""
        return replace_addresses(value, self.shown) if self else value

    def entries(self, entries: Iterable[Entry]) -> list[Entry]:
        """Return entries of a suppression list as they are to be stored."""
        return [self.entry(entry) for entry in entries] if self else [*entries]

    def entry(self, entry: Entry) -> Entry:
        address = self.shown(entry.address) if self else entry.address
        return entry._replace(address=address, hashed=is_hashed(address), word=self.within(entry.word))


async def hidden_addresses(session: Session, key: bytes, team_id: str) -> HiddenAddresses:
    """Return the team's hidden addresses."""
    connection = await session.connection()
    hashes = frozenset(row[0] for row in await connection.execute(_HASHED, {"team": team_id}))
    being_erased = frozenset(row[0] for row in await connection.execute(_BEING_ERASED, {"team": team_id}))
    return HiddenAddresses(key, team_id, hashes, being_erased)
