"""How several teams stand at once: what the App Home shows, and how it notices that something has changed."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlmodel import col, func, select

from bot.broadcast.drafts import is_discarded, is_draft
from bot.broadcast.transitions import WITHOUT_CONTENT
from bot.mailer.readiness.overview import Overview, Overviews
from bot.teams.fleet import FleetMember, fleet
from storage import Broadcast, Database, Outbox, SendKind, Session, Team


@dataclass(frozen=True, slots=True)
class Standing:
    """One team on the dashboard."""

    overview: Overview
    last_broadcast: Broadcast | None

    @property
    def team(self) -> Team:
        return self.overview.team

    @property
    def warns(self) -> bool:
        return bool(self.overview.incidents or self.overview.shaky) or not self.team.reachable


class Dashboard:
    def __init__(self, db: Database, overviews: Overviews) -> None:
        self._db = db
        self._overviews = overviews

    async def of(self, teams: Iterable[Team]) -> list[Standing]:
        """Return how each team stands, those with a warning first; AWS is not asked.

        The operator's channel is none of them, unless it has a mailer of its own.
        """
        every = [await self._standing(team) for team in teams]
        standings = [one for one in every if one.overview.mailer is not None or not one.team.ops]
        return sorted(standings, key=lambda one: (not one.warns, one.team.name))

    async def fleet(self, workspace: str) -> Sequence[FleetMember]:
        """Return how every mailer of a workspace is, and nothing else of its team."""
        async with self._db.read() as session:
            return await fleet(session, workspace)

    async def marks(self, team_ids: Collection[str]) -> dict[str, Any]:
        """Return, for each team, what changes whenever something of it is announced or its channel changes."""
        told = select(func.coalesce(func.sum(Outbox.wanted), 0)).where(Outbox.team_id == Team.id).scalar_subquery()
        changing = select(Team.id, Team.name, Team.unreachable_why, told).where(col(Team.id).in_(team_ids))
        async with self._db.read() as session:
            return {row[0]: tuple(row[1:]) for row in await session.exec(changing)}

    async def _standing(self, team: Team) -> Standing:
        overview = await self._overviews.get(team)
        async with self._db.read() as session:
            return Standing(overview, await _last_broadcast(session, team))


async def _last_broadcast(session: Session, team: Team) -> Broadcast | None:
    sent = select(Broadcast).where(
        Broadcast.team_id == team.id, Broadcast.kind == SendKind.BROADCAST, ~is_draft, ~is_discarded
    )
    newest = sent.order_by(col(Broadcast.created_at).desc()).limit(1).options(*WITHOUT_CONTENT)
    return (await session.exec(newest)).first()
