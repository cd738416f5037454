"""What one Web API call brings with it, and how a method says no."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .world import Channel, Json, User, Workspace, World

if TYPE_CHECKING:
    from .tickets import Tickets


class ApiError(Exception):
    """The method's answer is `{"ok": false, "error": error, ...extra}`."""

    def __init__(self, error: str, messages: list[str] | None = None, **extra: Any) -> None:
        super().__init__(error, *(messages or []))
        self.error = error
        self.body: Json = {"ok": False, "error": error, **extra}
        if messages:
            self.body |= {"errors": [m.removeprefix("[ERROR] ") for m in messages]}
            self.body["response_metadata"] = {"messages": messages}


@dataclass(frozen=True)
class Call:
    """One call as the playground saw it; `params` never has the token in it."""

    method: str
    params: Json
    response: Json
    at: float


@dataclass
class Request:
    """A call that has passed the token check."""

    world: World
    tickets: Tickets
    base_url: str
    workspace: Workspace
    params: Json = field(default_factory=dict)

    def text(self, name: str, default: str = "") -> str:
        value = self.params.get(name)
        return default if value is None else str(value)

    def required(self, name: str) -> str:
        value = self.text(name)
        if not value:
            raise ApiError("invalid_arguments", [f"[ERROR] missing required field: {name}"])
        return value

    def flag(self, name: str) -> bool:
        return str(self.params.get(name, "")).lower() in {"true", "1"}

    def json(self, name: str, error: str) -> Any:
        """An argument that is JSON, or JSON in a string as form bodies carry it."""
        value = self.params.get(name)
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value) if value else None
        except ValueError:
            raise ApiError(error) from None

    def needs(self, *scopes: str) -> None:
        """Refuses unless the token has one of `scopes`."""
        if not self.workspace.scopes.intersection(scopes):
            provided = ",".join(sorted(self.workspace.scopes))
            raise ApiError("missing_scope", needed=scopes[0], provided=provided)

    def channel(self, name: str = "channel") -> Channel:
        channel = self.world.channels.get(self.text(name))
        if channel is None or not self.sees(channel):
            raise ApiError("channel_not_found")
        return channel

    def sees(self, channel: Channel) -> bool:
        """Whether the app can see a channel at all: its workspace's own public ones, and those its bot is in."""
        outside = channel.private or channel.direct or not channel.seen_from(self.workspace)
        return not channel.deleted and (self.workspace.bot_user_id in channel.members or not outside)

    def user(self, name: str = "user") -> User:
        user = self.world.users.get(self.text(name))
        if user is None or not self._sees(user):
            raise ApiError("user_not_found")
        return user

    def _sees(self, user: User) -> bool:
        shared = (c for c in self.world.channels.values() if c.shared and c.seen_from(self.workspace))
        return user.is_of(self.workspace) or any(user.id in c.members for c in shared)


Handler = Callable[[Request], Json]


@dataclass(frozen=True)
class Method:
    """`scopes`: any one of them is enough; none means that the method asks for none, or asks by itself."""

    handler: Handler
    scopes: tuple[str, ...] = ()
