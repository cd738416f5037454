"""Who can approve the broadcasts of a team, as Slack knows people now."""

import logging
from collections.abc import Iterable

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.broadcast.approval.follow_up import ApprovalFollowUp
from bot.teams.settings import TeamRules
from handlers.slack.api_errors import FAILURES, code_of
from handlers.slack.dispatch.user_directory import UserDirectory
from handlers.slack.workspaces import Clients
from storage import Team

log = logging.getLogger(__name__)


class Approvers:
    def __init__(self, team_rules: TeamRules, people: UserDirectory) -> None:
        self._rules = team_rules
        self._people = people

    async def of(self, client: AsyncWebClient, team: Team) -> list[str]:
        """Return those who can approve now: the named ones, else the team admins who have done something here."""
        if team.approvers:
            return await self.present(client, team, team.approvers)
        return await self.admins(client, team)

    async def admins(self, client: AsyncWebClient, team: Team) -> list[str]:
        """Return the team admins who have done something here, or were appointed, and are in the channel."""
        appointed = await self._rules.admins(team)
        seen = set(await self._rules.seen(team)) - set(appointed)
        admins = [user for user in sorted(seen) if await self.is_workspace_admin(client, team, user)]
        return await self.present(client, team, [*appointed, *admins])

    async def present(self, client: AsyncWebClient, team: Team, users: Iterable[str]) -> list[str]:
        """Return those of these people who are full members of the workspace, and are in the channel."""
        return [
            user
            for user in users
            if await self.is_full_member(client, team, user) and await self._is_in_channel(client, team, user)
        ]

    async def is_full_member(self, client: AsyncWebClient, team: Team, user: str) -> bool:
        try:
            person = await self._people.person(client, team.slack_team_id, user)
        except SlackApiError:  # of a stranger Slack says nothing at all
            return False
        at_home = person.is_of(team.slack_team_id, team.enterprise_id)
        return at_home and not (person.guest or person.bot or person.deactivated)

    async def _is_in_channel(self, client: AsyncWebClient, team: Team, user: str) -> bool:
        return await self._people.in_channel(client, team.slack_team_id, team.channel_id, user)

    async def is_admin(self, client: AsyncWebClient, team: Team, user: str) -> bool:
        """Tell whether somebody is a team admin.

        Raises:
            SlackApiError: Slack does not say who it is; that there is no such person is a no.
        """
        try:
            person = await self._people.person(client, team.slack_team_id, user)
        except SlackApiError as error:
            if code_of(error) == "user_not_found":
                return False
            raise
        if person.deactivated or person.guest or not person.is_of(team.slack_team_id, team.enterprise_id):
            return False
        return person.workspace_admin or user in await self._rules.admins(team)

    async def is_workspace_admin(self, client: AsyncWebClient, team: Team, user: str) -> bool:
        try:
            return (await self._people.person(client, team.slack_team_id, user)).workspace_admin
        except SlackApiError:  # as above
            return False


async def watch_approvers(follow_up: ApprovalFollowUp, approvers: Approvers, clients: Clients) -> None:
    """Look at all that waits for approval: whether enough people are left who could approve it."""
    for request, team in await follow_up.waiting():
        if not team.reachable:
            continue
        try:
            can_approve = await approvers.of(await clients(team.slack_team_id), team)
        except FAILURES as error:
            log.warning("Slack does not say who is in a channel: %s", code_of(error))
            continue
        await follow_up.judge(team, request.id, can_approve)
