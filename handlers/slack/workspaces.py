"""In which workspaces the app is installed, and the client for each: Slack says so, and no payload does."""

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Protocol

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

Clients = Callable[[str], Awaitable[AsyncWebClient]]
"""`Workspaces.client`: all that is needed to call Slack for a team."""


@dataclass(frozen=True, slots=True)
class Workspace:
    id: str
    enterprise: str  # empty outside an Enterprise Grid


class Workspaces(Protocol):
    """Every method raises whatever the Slack client raises."""

    async def start(self) -> list[str]:
        """Return the workspaces of which it turned out now that the app has a token that works."""

    async def find(self, workspace: str) -> Workspace | None:
        """Return the workspace of this id, where the app is installed in it."""

    async def is_foreign(self, workspace: str, enterprise: str) -> bool:
        """Tell whether the app was never installed in this workspace, nor in its organization."""

    async def client(self, workspace: str) -> AsyncWebClient:
        """Return the client with this workspace's own token.

        Raises:
            SlackApiError: `app_uninstalled`, where it has none.
        """


class OneWorkspace:
    """The one that SLACK_BOT_TOKEN is of: asked at the start, and again on demand until Slack has answered.

    `urls` gets the workspace's own address in Slack, by its id.
    """

    def __init__(self, client: AsyncWebClient, urls: MutableMapping[str, str]) -> None:
        self._client = client
        self._urls = urls
        self._known: Workspace | None = None

    async def start(self) -> list[str]:
        return [(await self._ask()).id]

    async def find(self, workspace: str) -> Workspace | None:
        known = self._known or await self._ask()
        return known if known.id == workspace else None

    async def is_foreign(self, workspace: str, enterprise: str) -> bool:
        del enterprise
        return await self.find(workspace) is None

    async def client(self, workspace: str) -> AsyncWebClient:
        if self._known is not None and self._known.id != workspace:
            raise not_installed()
        return self._client

    async def _ask(self) -> Workspace:
        answer = await self._client.auth_test()
        self._known = Workspace(str(answer["team_id"]), str(answer.get("enterprise_id") or ""))
        self._urls[self._known.id] = str(answer.get("url") or "")
        return self._known


def not_installed() -> SlackApiError:
    """Return what Slack itself would say, had we any token to ask with."""
    return refusal("app_uninstalled")


def refusal(code: str) -> SlackApiError:
    """Return an error with this code, as if a call had been refused with it."""
    return SlackApiError(code, _Refusal({"error": code}))  # type: ignore[no-untyped-call]  # slack_sdk has no types here


@dataclass(frozen=True, slots=True)
class _Refusal:
    data: dict[str, str]
