"""Which installation the Slack step of `doctor --live` tries, and what it shows of OAuth, Grid and token rotation."""

from collections.abc import Callable
from datetime import datetime

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.errors import BotError
from bot.observations import one_of
from bot.settings import Settings
from bot.teams.installations import Access, Installations
from handlers.slack.api_errors import code_of
from handlers.slack.codes import SlackCode
from handlers.slack.live_check import Say
from handlers.slack.oauth.many_workspaces import workspaces_of
from handlers.slack.oauth.token_rotation import TokenRotation
from handlers.slack.web_client import web_client


class LiveInstallation:
    """Args: `workspace` is the one to try; empty: the only one there is."""

    def __init__(
        self, settings: Settings, installations: Installations, clock: Callable[[], datetime], workspace: str
    ) -> None:
        self._settings = settings
        self._installations = installations
        self._clock = clock
        self._workspace = workspace

    async def client(self, say: Say) -> AsyncWebClient:
        """Try what Slack gave for this workspace; return a client with its token.

        Raises:
            BotError: it has no installation, or none is named of several.
        """
        access = await self._renewed(await self._chosen(), say)
        await self._whose(access, say)
        if access.is_of_organization:
            await self._workspaces(access, say)
        return self._client(access)

    async def _chosen(self) -> Access:
        live = await self._installations.live()
        if self._workspace:
            found = await self._installations.find(self._workspace)
        else:
            found = live[0] if len(live) == 1 and not live[0].is_of_organization else None
        if found is None:
            there = ", ".join(f"{one.place} ({one.name})" for one in live) or "none"
            raise BotError(
                SlackCode.NO_INSTALLATION,
                f"Which installation is to be tried? There are: {there}.",
                "Name the workspace with --workspace T…; of an organization, one that has the app.",
            )
        return found

    async def _renewed(self, access: Access, say: Say) -> Access:
        """Have a new token where tokens end, and keep it; say what becomes of the one before."""
        if access.expires_at is None:
            say(one_of("oauth.v2.access, rotation", "off", "off"))
            return access
        try:
            await TokenRotation(self._settings, self._installations, self._clock).renew(access)
        except SlackApiError as error:
            say(one_of("oauth.v2.access, a new token", code_of(error), "given"))
            return access
        new = await self._installations.again(access) or access
        say(one_of("oauth.v2.access, a new token", "given" if new.token != access.token else "none", "given"))
        left = round(((new.expires_at or self._clock()) - self._clock()).total_seconds() / 3600)
        say(one_of("oauth.v2.access, expires_in", f"{left} h", "12 h"))
        say(one_of("auth.test, with the token before", await self._said_of(access), "ok"))
        return new

    async def _said_of(self, access: Access) -> str:
        try:
            await self._client(access).auth_test()
        except SlackApiError as error:
            return code_of(error)
        return "ok"

    async def _whose(self, access: Access, say: Say) -> None:
        answer = await web_client(self._settings, access.token).auth_test()
        of_organization = bool(answer.get("is_enterprise_install"))
        say(one_of("auth.test, is_enterprise_install", str(of_organization), str(access.is_of_organization)))
        named = str(answer.get("enterprise_id") if access.is_of_organization else answer["team_id"])
        is_it = "the one installed" if named == access.place else "another"
        say(one_of("auth.test, the workspace or organization", is_it, "the one installed"))

    async def _workspaces(self, access: Access, say: Say) -> None:
        """Say whether an organization lists where it has added the app, to this very token."""
        try:
            listed = await workspaces_of(web_client(self._settings, access.token))
        except SlackApiError as error:
            say(one_of("auth.teams.list", code_of(error), "the workspace is listed"))
            return
        shown = "the workspace is listed" if self._workspace in listed else f"{len(listed)} others"
        say(one_of("auth.teams.list", shown, "the workspace is listed"))

    def _client(self, access: Access) -> AsyncWebClient:
        return web_client(self._settings, access.token, self._workspace if access.is_of_organization else "")
