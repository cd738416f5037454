"""What a team's data holds about one address, and the request to erase it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlmodel import SQLModel, col, or_, select

from bot.address_extraction import replace_addresses
from bot.email_addresses import address_key
from bot.errors import BotError
from bot.people.codes import PersonCode
from bot.people.places import mentions, standing_for
from bot.suppression.hidden import hash_of, is_hashed
from bot.suppression.recording import Entry, suppress_all
from storage import (
    Audience,
    AudienceBlock,
    Audit,
    Broadcast,
    Delivery,
    LiftedSuppression,
    PollKind,
    Repository,
    Session,
    Suppression,
    SuppressionReason,
    Team,
    audit,
    leases,
)

_tables = SQLModel.metadata.tables


@dataclass(frozen=True, slots=True)
class Membership:
    """A row of an audience."""

    audience: Audience
    line: int
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Person:
    """All that is known of an address. `deliveries` have the subject of their broadcast."""

    address: str
    suppression: Suppression | None
    lifted: LiftedSuppression | None
    memberships: Sequence[Membership]
    deliveries: Sequence[tuple[Delivery, str]]
    audit: Sequence[Audit]

    @property
    def is_being_erased(self) -> bool:
        return self.suppression is not None and self.suppression.reason is SuppressionReason.ERASED

    @property
    def files(self) -> list[str]:
        """The names of the files that the address came from."""
        return sorted({each.audience.file_name for each in self.memberships if each.audience.file_name})

    def to_json(self) -> dict[str, Any]:
        return {
            "address": self.address,
            "state": "erasing" if self.is_being_erased else "known",
            "suppression": _suppression(self.suppression, self.lifted),
            "audiences": [
                {
                    "id": each.audience.id,
                    "name": each.audience.name or each.audience.file_name,
                    "line": each.line,
                    "fields": dict(each.fields),
                }
                for each in self.memberships
            ],
            "deliveries": [
                {
                    "broadcast_id": row.broadcast_id,
                    "subject": subject,
                    "state": row.state,
                    "error": row.error,
                    "at": row.at.isoformat(),
                }
                for row, subject in self.deliveries
            ],
            "audit": [
                {"at": row.at.isoformat(), "actor": row.actor, "action": row.action, "subject": row.subject}
                for row in self.audit
            ],
        }


def _suppression(row: Suppression | None, lifted: LiftedSuppression | None) -> dict[str, Any] | None:
    found = row or lifted
    if found is None:
        return None
    told = {"reason": found.reason, "word": found.word, "source": found.source, "at": found.created_at.isoformat()}
    return told | {"lifted_at": lifted.lifted_at.isoformat() if lifted and not row else None}


class PersonLookup(Repository):
    def mark(self, team: Team, address: str) -> str:
        """Return what names a person in a form, which must not hold an address."""
        return hash_of(self._db.people_key, team.id, address).partition("@")[0].removeprefix("erased-")

    async def find(self, team: Team, address: str) -> Person:
        """Return what is known of an address.

        Raises:
            BotError: NOT_FOUND; the same for one that was erased.
        """
        key = address_key(address)
        async with self._db.read() as session:
            on_list = select(Suppression).where(Suppression.team_id == team.id, Suppression.address_key == key)
            row = (await session.exec(on_list)).first()
            lifted = await session.get(LiftedSuppression, (team.id, key))
            sent = (
                select(Delivery, Broadcast.subject)
                .join(Broadcast)
                .where(Broadcast.team_id == team.id, Delivery.address_key == key)
                .order_by(col(Delivery.at))
            )
            deliveries = (await session.exec(sent)).all()
            memberships = await self._memberships(session, team, key)
            actions = await self._audit(session, team, key)
        if is_hashed(address) or not (row or lifted or deliveries or memberships or actions):
            raise BotError(PersonCode.NOT_FOUND)
        return Person(address, row, lifted, memberships, deliveries, actions)

    async def _memberships(self, session: Session, team: Team, key: str) -> list[Membership]:
        holds = mentions(self._db.dialect, _tables["audience_block"].c.addresses, f'"{key}"')
        found = select(AudienceBlock, Audience).join(Audience).where(Audience.team_id == team.id, holds)
        return [
            Membership(audience, block.lines[at], dict(zip(audience.columns, block.fields[at], strict=False)))
            for block, audience in await session.exec(found)
            for at, address in enumerate(block.addresses)
            if address_key(address) == key
        ]

    async def _audit(self, session: Session, team: Team, key: str) -> list[Audit]:
        table, gone = _tables["audit"], standing_for(key, "")
        holds = [mentions(self._db.dialect, table.c[name], key) for name in ("subject", "before", "after")]
        found = select(Audit).where(Audit.team_id == team.id, or_(*holds)).order_by(col(Audit.id))
        rows = await session.exec(found)
        texts = ((row, f"{row.subject} {row.before} {row.after}") for row in rows)
        return [row for row, text in texts if replace_addresses(text, gone) != text]

    async def exported(self, team: Team, address: str, by: str) -> Person:
        """Return what is known of an address, and write down who has it.

        Raises:
            BotError: NOT_FOUND.
        """
        person = await self.find(team, address)
        async with self._db.write() as session:
            audit.record(session, team.id, by, "person.export", session.now, address)
        return person

    async def erase(self, team: Team, address: str, by: str) -> Person:
        """Have a person erased, and nothing mailed to them from now on; return what was known.

        Raises:
            BotError: NOT_FOUND.
        """
        person, now = await self.find(team, address), self._db.now()
        if person.is_being_erased:
            return person
        async with self._db.write() as session:
            await suppress_all(session, team.id, [Entry(address, SuppressionReason.ERASED)], source=by, now=now)
            same = (Suppression.team_id == team.id, Suppression.address_key == address_key(address))
            row = (await session.exec(select(Suppression).where(*same))).one()
            await leases.schedule(session, PollKind.ERASE, row.id, now)
            hashed = hash_of(self._db.people_key, team.id, address)
            audit.record(session, team.id, by, "person.erase", now, hashed)
        return person
