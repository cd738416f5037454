"""Which workspace the app is installed in: `auth.test` says so, and no payload does."""

from collections.abc import MutableMapping
from dataclasses import dataclass

from slack_sdk.web.async_client import AsyncWebClient


@dataclass(frozen=True, slots=True)
class Workspace:
    id: str
    enterprise: str  # empty outside an Enterprise Grid


class Installed:
    """Asked at the start, and again on demand until Slack has answered (a token is of one workspace).

    `urls` gets the workspace's own address in Slack, by its id.
    """

    def __init__(self, client: AsyncWebClient, urls: MutableMapping[str, str]) -> None:
        self._client = client
        self._urls = urls
        self._known: Workspace | None = None

    async def workspace(self) -> Workspace:
        """Return the workspace; raises whatever the Slack client raises."""
        return self._known or await self.ask()

    async def ask(self) -> Workspace:
        """Ask Slack, whatever was known; raises as above."""
        answer = await self._client.auth_test()
        self._known = Workspace(str(answer["team_id"]), str(answer.get("enterprise_id") or ""))
        self._urls[self._known.id] = str(answer.get("url") or "")
        return self._known
