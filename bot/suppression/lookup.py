"""What a team's suppression list holds: in numbers, and about one address."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, collate
from sqlmodel import and_, col, func, or_, select

from bot.email_addresses import address_key
from bot.suppression.hidden import hash_of
from storage import ApiToken, Broadcast, LiftedSuppression, Repository, Session, Suppression, SuppressionReason, Team


@dataclass(frozen=True, slots=True)
class LookedUp:
    """How an address stands: on the list (`active`), taken off it (`lifted`), or neither.

    `subject` is of the broadcast that it comes from, `token` the name of the API token.
    """

    address: str
    active: Suppression | None = None
    lifted: LiftedSuppression | None = None
    subject: str = ""
    token: str = ""


Row = TypeVar("Row", Suppression, LiftedSuppression)


class SuppressionLookup(Repository):
    async def counts(self, team: Team) -> Mapping[SuppressionReason, int]:
        """Return how many addresses are on the list for each reason."""
        counted = select(Suppression.reason, func.count()).where(Suppression.team_id == team.id)
        async with self._db.read() as session:
            rows = await session.exec(counted.group_by(col(Suppression.reason)))
            return {SuppressionReason(reason): number for reason, number in rows}

    async def find(self, team: Team, address: str) -> LookedUp:
        """Say how an address stands."""
        key = address_key(address)
        keys = (key, hash_of(self._db.people_key, team.id, address))
        on_list = select(Suppression).where(Suppression.team_id == team.id, col(Suppression.address_key).in_(keys))
        async with self._db.read() as session:
            active = (await session.exec(on_list)).first()
            lifted = await session.get(LiftedSuppression, (team.id, key))
            source = active.source if active else ""
            broadcast = await session.get(Broadcast, source) if source else None
            token = await session.get(ApiToken, source.partition(":")[2]) if source else None
        of_team = broadcast is not None and broadcast.team_id == team.id
        subject = broadcast.subject if broadcast is not None and of_team else ""
        name = token.name if token is not None and token.team_id == team.id else ""
        return LookedUp(address, active, lifted, subject, name)

    async def changes(
        self, team: Team, *, after: tuple[int, str], reason: SuppressionReason | None, limit: int
    ) -> list[Suppression | LiftedSuppression]:
        """Return addresses in the order of change, each at its last one; `after` is the place of one of them."""
        async with self._db.read() as session:
            active = await self._changed(session, Suppression, team, after, reason, limit)
            lifted = await self._changed(session, LiftedSuppression, team, after, reason, limit)
        found: list[Suppression | LiftedSuppression] = [*active, *lifted]
        return sorted(found, key=lambda row: (row.change, row.address_key))[:limit]

    async def _changed(
        self,
        session: Session,
        table: type[Row],
        team: Team,
        after: tuple[int, str],
        reason: SuppressionReason | None,
        limit: int,
    ) -> Sequence[Row]:
        change, key = col(table.change), self._key(table)
        later = or_(change > after[0], and_(change == after[0], key > after[1]))
        page = select(table).where(table.team_id == team.id, later).order_by(change, key).limit(limit)
        return (await session.exec(page if reason is None else page.where(table.reason == reason))).all()

    def _key(self, table: type[Row]) -> ColumnElement[str]:
        """Return the key in the order that Python has."""
        key: Any = col(table.address_key)
        return collate(key, "C") if self._db.dialect == "postgresql" else key

    async def get(self, team: Team, suppression_id: str) -> Suppression | None:
        """Return one row of the list; None: it is another team's, or not on it any more."""
        async with self._db.read() as session:
            row = await session.get(Suppression, suppression_id)
        return row if row is not None and row.team_id == team.id else None
