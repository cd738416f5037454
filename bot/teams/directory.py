"""Teams: one channel of one workspace, known by a key of our own."""

from dataclasses import dataclass

from sqlalchemy.exc import IntegrityError
from sqlmodel import and_, col, or_, select

from bot.errors import require
from bot.teams import reachability
from bot.teams.codes import TeamCode
from storage import PollKind, Repository, Session, Team, TeamAdmin, leases
from storage.database_errors import is_unique_violation


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel as Slack describes it."""

    workspace: str
    enterprise: str
    channel_id: str
    name: str
    private: bool
    shared: bool = False


async def team_at(session: Session, workspace: str, channel_id: str) -> Team | None:
    """Return the team of this channel; an id that Slack has changed leads to it for a day more."""
    before = and_(col(Team.previous_channel_id) == channel_id, col(Team.previous_until) > session.now)
    found = await session.exec(
        select(Team)
        .where(Team.slack_team_id == workspace, or_(col(Team.channel_id) == channel_id, before))
        .order_by(col(Team.channel_id) != channel_id)
    )
    return found.first()


async def sharing(session: Session, channel_id: str) -> list[Team]:
    """Return the teams of a channel in every workspace that sees it: by Slack Connect it has the same id in each."""
    return list(await session.exec(select(Team).where(Team.channel_id == channel_id)))


class Teams(Repository):
    async def find(self, workspace: str, channel_id: str) -> Team | None:
        async with self._db.read() as session:
            return await team_at(session, workspace, channel_id)

    async def of_workspace(self, workspace: str) -> list[Team]:
        """Return every team of a workspace, by the names of their channels."""
        async with self._db.read() as session:
            return list(await session.exec(select(Team).where(Team.slack_team_id == workspace).order_by(Team.name)))

    async def get(self, team_id: str, workspace: str) -> Team:
        """Return the team of this id in this workspace.

        Raises:
            BotError: NOT_FOUND, the same for one that is missing and one of another workspace.
        """
        async with self._db.read() as session:
            found = await session.exec(select(Team).where(Team.id == team_id, Team.slack_team_id == workspace))
            return require(found.first(), TeamCode.NOT_FOUND)

    async def create(self, channel: Channel, created_by: str) -> Team:
        """Make the channel a team; the one that is there already where two people come first."""
        team = Team(
            slack_team_id=channel.workspace,
            enterprise_id=channel.enterprise,
            channel_id=channel.channel_id,
            name=channel.name,
            private=channel.private,
            shared=channel.shared,
            created_by=created_by,
            created_at=self._db.now(),
        )
        try:
            async with self._db.write() as session:
                session.add(team)
                await session.flush()
                await leases.schedule(session, PollKind.CHANNEL, team.id, team.created_at + reachability.LOOK_DAILY)
        except IntegrityError as error:
            if not is_unique_violation(error):
                raise
            return await self._existing(channel)
        return team

    async def entered(self, team: Team, channel: Channel) -> Team:
        """Take over how the channel is, of a team where the bot is now known to be."""
        async with self._db.write() as session:
            row = await session.get_one(Team, team.id, with_for_update=True)
            await reachability.workspace_back(session, row.slack_team_id)
            await reachability.mark_reachable(session, row, now=session.now)
            await reachability.describe(session, row, name=channel.name, private=channel.private, shared=channel.shared)
        return row

    async def is_gone(self, workspace: str) -> bool:
        """Tell whether the app is no longer in this workspace."""
        async with self._db.read() as session:
            return workspace in await reachability.gone_workspaces(session)

    async def is_appointed(self, team: Team, user_id: str) -> bool:
        async with self._db.read() as session:
            return await session.get(TeamAdmin, (team.id, user_id)) is not None

    async def _existing(self, channel: Channel) -> Team:
        team = await self.find(channel.workspace, channel.channel_id)
        if team is None:
            raise LookupError("the team that was there a moment ago is gone")
        return team
