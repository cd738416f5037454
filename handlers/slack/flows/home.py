"""The App Home: opened, paged, and published again while somebody is likely to have it open."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from aiohttp import ClientError
from cachetools import LRUCache
from slack_sdk.errors import SlackApiError
from slack_sdk.models.views import View
from slack_sdk.web.async_client import AsyncWebClient

from bot.dashboard import Dashboard
from bot.teams.directory import Teams
from handlers.slack.dispatch.interaction import Interaction
from handlers.slack.dispatch.listeners import Listeners
from handlers.slack.dispatch.user_directory import UserDirectory
from handlers.slack.views.home import ALL_TEAMS, dashboard_view, fleet_view
from handlers.slack.workspaces import Clients
from storage import Team

log = logging.getLogger(__name__)

OPEN_FOR = timedelta(minutes=10)  # Slack does not say when it is closed
VIEWERS = 1_000


@dataclass(frozen=True, slots=True)
class _Viewer:
    at: Interaction
    since: datetime
    marks: dict[str, Any]  # of the teams that were shown, as they were


class Home:
    def __init__(
        self,
        dashboard: Dashboard,
        teams: Teams,
        people: UserDirectory,
        clients: Clients,
        clock: Callable[[], datetime],
        *,
        one_click: bool,
    ) -> None:
        self._dashboard = dashboard
        self._teams = teams
        self._people = people
        self._clients = clients
        self._clock = clock
        self._one_click = one_click
        self._viewers = LRUCache[tuple[str, str], _Viewer](VIEWERS)

    def register(self, listeners: Listeners) -> None:
        self._publisher = listeners.home(self.show)

    async def show(self, at: Interaction, client: AsyncWebClient, admin: bool) -> View:
        """Draw the page that was asked for, of the teams whose channel the viewer is in.

        An admin of the workspace may ask for all of them, as states only.
        """
        if admin and at.ref.record_id == ALL_TEAMS:
            self._remember(at, {})
            return fleet_view(await self._dashboard.fleet(at.workspace), at.ref.version)
        teams = await self._teams_of(at, client)
        self._remember(at, await self._dashboard.marks([team.id for team in teams]))
        return dashboard_view(await self._dashboard.of(teams), at.ref.version, one_click=self._one_click, admin=admin)

    async def tick(self) -> None:
        """Publish again where something of a team that is shown has changed."""
        self._forget()
        shown = {team_id for viewer in self._viewers.values() for team_id in viewer.marks}
        if not shown:
            return
        marks = await self._dashboard.marks(shown)
        for key, viewer in list(self._viewers.items()):
            now = {team_id: marks[team_id] for team_id in viewer.marks if team_id in marks}
            if now == viewer.marks:
                continue
            if await self._teams.is_gone(viewer.at.workspace):
                del self._viewers[key]
                continue
            self._viewers[key] = replace(viewer, marks=now)
            await self._again(viewer)

    async def _again(self, viewer: _Viewer) -> None:
        try:
            await self._publisher.publish(viewer.at, await self._clients(viewer.at.workspace))
        except (SlackApiError, ClientError, TimeoutError, OSError) as error:
            log.info("the App Home of somebody could not be drawn again: %s", type(error).__name__)

    async def _teams_of(self, at: Interaction, client: AsyncWebClient) -> list[Team]:
        teams = await self._teams.of_workspace(at.workspace)
        if not teams:
            return []
        inside = await self._people.channels_of(client, at.workspace, at.user_id)
        return [team for team in teams if team.channel_id in inside]

    def _remember(self, at: Interaction, marks: dict[str, Any]) -> None:
        key = (at.workspace, at.user_id)
        known = self._viewers.pop(key, None)
        since = known.since if known and known.at is at else self._clock()  # drawn again, not opened again
        self._viewers[key] = _Viewer(at, since, marks)

    def _forget(self) -> None:
        now = self._clock()
        for key, viewer in list(self._viewers.items()):
            if now - viewer.since > OPEN_FOR:
                del self._viewers[key]
