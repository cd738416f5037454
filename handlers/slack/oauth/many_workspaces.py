"""Many workspaces, each with the token that it gave by OAuth.

What a workspace has is read from the database at each request: a token of a minute ago may be gone, and another process
may have heard of that first. Slack is asked for nothing.
"""

import logging
from collections.abc import Callable, MutableMapping
from datetime import datetime, timedelta

from slack_bolt.authorization import AuthorizeResult
from slack_bolt.authorization.async_authorize import AsyncAuthorize
from slack_bolt.context.async_context import AsyncBoltContext
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.settings import Settings
from bot.teams.installations import Access, Grant, Installations
from bot.teams.slack_codes import WORKSPACE_GONE
from handlers.slack.api_errors import FAILURES, code_of
from handlers.slack.oauth.token_rotation import TokenRotation
from handlers.slack.web_client import web_client
from handlers.slack.workspaces import Workspace, not_installed
from storage import audit

log = logging.getLogger(__name__)

ASK_AGAIN = timedelta(minutes=1)
"""How often an organization is asked where it has added the app, because somebody comes from elsewhere."""


class ManyWorkspaces:
    """`handlers.slack.workspaces.Workspaces` of what is installed; SLACK_BOT_TOKEN, where it is set, is taken over."""

    def __init__(
        self,
        settings: Settings,
        installations: Installations,
        rotation: TokenRotation,
        clock: Callable[[], datetime],
        urls: MutableMapping[str, str],
    ) -> None:
        self._settings = settings
        self._installations = installations
        self._rotation = rotation
        self._clock = clock
        self._urls = urls
        self._to_take_over = bool(settings.slack_bot_token)
        self._asked: dict[str, datetime] = {}  # organization: when it was asked last

    async def start(self) -> list[str]:
        for access in await self._installations.live():
            self._urls[access.workspace] = access.url
        return await self._take_over()

    async def find(self, workspace: str) -> Workspace | None:
        access = await self.access(workspace)
        return Workspace(workspace, access.enterprise) if access else None

    async def is_foreign(self, workspace: str, enterprise: str) -> bool:
        return not await self._installations.is_known(workspace, enterprise)

    async def client(self, workspace: str) -> AsyncWebClient:
        access = await self.access(workspace)
        if access is None:
            raise not_installed()
        return web_client(self._settings, access.token, workspace if access.is_of_organization else "")

    async def access(self, workspace: str, enterprise: str = "") -> Access | None:
        """Return what the app may use in a workspace; with its organization, also where it was added there just now.

        Both empty, or the workspace alone, as in events of an organization: what the organization gave.
        """
        if workspace:
            access = await self._found(workspace, enterprise)
        else:
            access = await self._installations.of_organization(enterprise)
        return access and await self._rotation.current(access)

    async def _found(self, workspace: str, enterprise: str) -> Access | None:
        access = await self._installations.find(workspace)
        if access is None and await self._take_over():
            access = await self._installations.find(workspace)
        if access is None and await self._ask_organization(enterprise):
            access = await self._installations.find(workspace)
        if access is not None:
            self._urls.setdefault(workspace, access.url)
        return access

    async def _ask_organization(self, enterprise: str) -> bool:
        """Have Slack say where the organization has added the app: the event that told so may be lost."""
        now = self._clock()
        if self._asked.get(enterprise, now - ASK_AGAIN) > now - ASK_AGAIN:
            return False
        organization = await self._installations.of_organization(enterprise)
        if organization is None:
            return False
        self._asked[enterprise] = now
        client = web_client(self._settings, organization.token)
        await self._installations.keep_workspaces(organization, await workspaces_of(client))
        return True

    async def _take_over(self) -> list[str]:
        """Keep SLACK_BOT_TOKEN as the installation of its workspace, where that has none: its teams go on."""
        if not self._to_take_over:
            return []
        client = web_client(self._settings, self._settings.slack_bot_token)
        try:
            answer = await client.auth_test()
        except SlackApiError as error:
            self._to_take_over = code_of(error) not in WORKSPACE_GONE
            raise
        workspace = str(answer["team_id"])
        if await self._installations.find(workspace) is None:
            grant = Grant(
                workspace=workspace,
                enterprise=str(answer.get("enterprise_id") or ""),
                bot_user_id=str(answer["user_id"]),
                token=self._settings.slack_bot_token,
                scopes=answer.headers.get("x-oauth-scopes", ""),
                installed_by=audit.MAILROOM,
                name=str(answer.get("team") or ""),
                url=str(answer.get("url") or ""),
            )
            await self._installations.save(grant)
            log.info("SLACK_BOT_TOKEN was taken over as the installation of the workspace %s", workspace)
        self._to_take_over = False
        return [workspace]


class Authorization(AsyncAuthorize):
    """Gives Bolt the token of the workspace that a request comes from, without a call of `auth.test`."""

    def __init__(self, workspaces: ManyWorkspaces) -> None:
        self._workspaces = workspaces

    async def __call__(
        self,
        *,
        context: AsyncBoltContext,
        enterprise_id: str | None,
        team_id: str | None,
        user_id: str | None,
        actor_enterprise_id: str | None = None,
        actor_team_id: str | None = None,
        actor_user_id: str | None = None,
    ) -> AuthorizeResult | None:
        """Return None where the app is not installed, or Slack does not answer: nobody is let in then."""
        del context, actor_enterprise_id, actor_team_id, actor_user_id
        try:
            access = await self._workspaces.access(team_id or "", enterprise_id or "")
        except FAILURES as error:
            log.warning("could not learn whether the app is installed: %s", code_of(error))
            return None
        if access is None:
            return None
        return AuthorizeResult(
            enterprise_id=access.enterprise or None,
            team_id=team_id,
            bot_user_id=access.bot_user_id,
            bot_token=access.token.reveal(),
            user_id=user_id,
        )


async def workspaces_of(client: AsyncWebClient) -> list[str]:
    """Ask where an organization has added the app (https://docs.slack.dev/reference/methods/auth.teams.list)."""
    found: list[str] = []
    cursor = ""
    while True:
        page = await client.auth_teams_list(cursor=cursor or None, limit=200)
        found += [str(team["id"]) for team in page["teams"]]
        cursor = (page.get("response_metadata") or {}).get("next_cursor") or ""
        if not cursor:
            return found
