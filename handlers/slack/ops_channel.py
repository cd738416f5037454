"""Keeps the operator's channel, MAILROOM_OPS_CHANNEL: known to be ours alone before anything is said there."""

import logging
from typing import Any

from bot.alerts.ops_channel import make_ops_channel, say_once_a_day
from bot.errors import BotError
from bot.settings import OpsChannel
from bot.teams.directory import Channel, Teams
from handlers.slack.api_errors import FAILURES, code_of
from handlers.slack.codes import SlackCode
from handlers.slack.workspaces import Workspaces, not_installed
from storage import Database, Team, audit

log = logging.getLogger(__name__)


class OpsChannelWatch:
    """Args: `place` is what the setting says; None: no channel hears of the others."""

    def __init__(
        self,
        db: Database,
        teams: Teams,
        workspaces: Workspaces,
        place: OpsChannel | None,
    ) -> None:
        self._db = db
        self._teams = teams
        self._workspaces = workspaces
        self._place = place
        self._wrong = ""
        self._forgotten = False  # that there was one

    async def tick(self) -> None:
        """Make the channel a team, once Slack has said what it is, and say there how all mailers are, once a day."""
        team, wrong = None, ""
        try:
            team = await self._team() if self._place else None
        except BotError as error:
            wrong = error.text
        except FAILURES as error:
            wrong = f"Slack does not say what the channel is ({code_of(error)})"
        if wrong and wrong != self._wrong:
            log.warning("MAILROOM_OPS_CHANNEL is told nothing: %s", wrong)
        self._wrong = wrong
        if team is None and self._forgotten:
            return
        async with self._db.write() as session:
            if team is None or not team.ops:
                await make_ops_channel(session, team)
            if team is not None:
                await say_once_a_day(session, team)
        self._forgotten = team is None

    async def _team(self) -> Team:
        place = self._place
        if place is None:
            raise LookupError("no channel is set")
        team = await self._teams.find(place.workspace, place.channel_id)
        if team is None:
            workspace = await self._workspaces.find(place.workspace)
            if workspace is None:
                raise not_installed()
            client = await self._workspaces.client(place.workspace)
            seen: dict[str, Any] = (await client.conversations_info(channel=place.channel_id))["channel"]
            refuse_shared(shared=bool(seen.get("is_ext_shared")))
            if not (seen.get("is_private") or seen.get("is_member")):
                await client.conversations_join(channel=place.channel_id)
            team = await self._teams.create(
                Channel(
                    workspace=place.workspace,
                    enterprise=workspace.enterprise,
                    channel_id=place.channel_id,
                    name=str(seen["name"]),
                    private=bool(seen.get("is_private")),
                ),
                audit.MAILROOM,
            )
        refuse_shared(shared=team.shared)
        return team


def refuse_shared(*, shared: bool) -> None:
    """Raise BotError OPS_CHANNEL_SHARED where people of another company read along."""
    if shared:
        raise BotError(SlackCode.OPS_CHANNEL_SHARED)
