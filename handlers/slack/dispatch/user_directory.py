"""What Slack says about a person; cached for five minutes, and never guessed."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cachetools import TTLCache
from slack_sdk.web.async_client import AsyncWebClient

FRESH_SECONDS = 300
REMEMBERED = 10_000
PAGE = 200


@dataclass(frozen=True, slots=True)
class Person:
    """The facts of `users.info` (https://docs.slack.dev/reference/objects/user-object) that decide anything here."""

    team_id: str
    guest: bool
    stranger: bool
    bot: bool
    deactivated: bool
    workspace_admin: bool
    also_in: frozenset[str] = frozenset()  # of an Enterprise Grid: the workspaces of it that they are in

    def is_of(self, *homes: str) -> bool:
        """Tell whether one of these, a workspace or its organization, is this person's own."""
        own = {self.team_id, *self.also_in} - {""}
        return bool(self.team_id) and not own.isdisjoint(homes) and not self.stranger


class UserDirectory:
    """Looks people and channel members up, with a bounded memory of five minutes.

    Raises whatever the Slack client raises: who cannot be looked up is nobody.
    """

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._known = TTLCache[tuple[str, ...], Any](REMEMBERED, FRESH_SECONDS, timer=seconds)

    async def person(self, client: AsyncWebClient, workspace: str, user_id: str) -> Person:
        key = ("person", workspace, user_id)
        if (known := self._known.get(key)) is not None:
            return known  # type: ignore[no-any-return]
        user: dict[str, Any] = (await client.users_info(user=user_id))["user"]
        of_grid: dict[str, Any] = user.get("enterprise_user") or {}
        # `is_admin` is of "the current workspace": of which, where they are at home in another one, nothing says.
        of_workspace = not of_grid or user.get("team_id") in {workspace, of_grid.get("enterprise_id")}
        person = Person(
            team_id=user.get("team_id", ""),
            guest=bool(user.get("is_restricted") or user.get("is_ultra_restricted")),
            stranger=bool(user.get("is_stranger")),
            bot=bool(user.get("is_bot")) or user_id == "USLACKBOT",
            deactivated=bool(user.get("deleted")),
            workspace_admin=(of_workspace and _is_admin(user)) or _is_admin(of_grid),
            also_in=frozenset(of_grid.get("teams") or ()),
        )
        self._known[key] = person
        return person

    async def in_channel(self, client: AsyncWebClient, workspace: str, channel_id: str, user_id: str) -> bool:
        key = ("in", workspace, channel_id, user_id)
        if key in self._known:  # only a yes is remembered: who has just joined need not wait
            return True
        async for page in _pages(client.conversations_members, channel=channel_id):
            if user_id in page["members"]:
                self._known[key] = True
                return True
        return False

    async def channels_of(self, client: AsyncWebClient, workspace: str, user_id: str) -> frozenset[str]:
        """Return the ids of the channels somebody is in, of those the app can see.

        Of joining and leaving those that are teams Slack tells, and `forget` is called.
        """
        key = ("channels", workspace, user_id)
        if (known := self._known.get(key)) is not None:
            return known  # type: ignore[no-any-return]
        found: set[str] = set()
        async for page in _pages(client.users_conversations, user=user_id, types="public_channel,private_channel"):
            found.update(channel["id"] for channel in page["channels"])
        self._known[key] = frozenset(found)
        return frozenset(found)

    def forget(self, user_id: str, workspace: str = "") -> None:
        """Drop what is remembered of one person, in one workspace or in all, when Slack says that it changed."""
        for key in [key for key in self._known if key[-1] == user_id and workspace in {"", key[1]}]:
            self._known.pop(key, None)


def _is_admin(user: Mapping[str, Any]) -> bool:
    return bool(user.get("is_admin") or user.get("is_owner") or user.get("is_primary_owner"))


async def _pages(method: Callable[..., Awaitable[Any]], **arguments: str) -> AsyncIterator[Any]:
    """Yield what a method answers, page by page (https://docs.slack.dev/apis/web-api/pagination)."""
    cursor = ""
    while True:
        page = await method(**arguments, cursor=cursor or None, limit=PAGE)
        yield page
        cursor = (page.get("response_metadata") or {}).get("next_cursor") or ""
        if not cursor:
            return
