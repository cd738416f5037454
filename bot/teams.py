"""Teams: one channel of one workspace, known by a key of our own."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.exc import IntegrityError
from sqlmodel import select

from bot.errors import BotError
from storage.database import Database, is_unique_violation
from storage.models import Team, TeamAdmin


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel as Slack describes it."""

    workspace: str
    enterprise: str
    channel_id: str
    name: str
    private: bool


class Teams:
    def __init__(self, db: Database, clock: Callable[[], datetime]) -> None:
        self._db = db
        self._clock = clock

    async def find(self, workspace: str, channel_id: str) -> Team | None:
        async with self._db.read() as session:
            found = await session.exec(
                select(Team).where(Team.slack_team_id == workspace, Team.channel_id == channel_id)
            )
            return found.first()

    async def get(self, team_id: str, workspace: str) -> Team:
        """Return the team of this id in this workspace.

        Raises:
            BotError: NOT_FOUND, the same for one that is missing and one of another workspace.
        """
        async with self._db.read() as session:
            found = await session.exec(select(Team).where(Team.id == team_id, Team.slack_team_id == workspace))
            team = found.first()
        if team is None:
            raise BotError("NOT_FOUND", "What this button or form belongs to is no longer there.", "Type `/mailer`.")
        return team

    async def create(self, channel: Channel, created_by: str) -> Team:
        """Make the channel a team; the one that is there already where two people come first."""
        team = Team(
            slack_team_id=channel.workspace,
            enterprise_id=channel.enterprise,
            channel_id=channel.channel_id,
            name=channel.name,
            private=channel.private,
            created_by=created_by,
            created_at=self._clock(),
        )
        try:
            async with self._db.write() as session:
                session.add(team)
        except IntegrityError as error:
            if not is_unique_violation(error):
                raise
            return await self._existing(channel)
        return team

    async def is_appointed(self, team: Team, user_id: str) -> bool:
        async with self._db.read() as session:
            return await session.get(TeamAdmin, (team.id, user_id)) is not None

    async def _existing(self, channel: Channel) -> Team:
        team = await self.find(channel.workspace, channel.channel_id)
        if team is None:
            raise LookupError("the team that was there a moment ago is gone")
        return team
