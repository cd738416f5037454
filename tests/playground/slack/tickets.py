"""The short-lived handles that Slack gives an app: trigger ids, response URLs, upload URLs, Socket Mode tickets."""

from __future__ import annotations

from dataclasses import dataclass

from .call import ApiError
from .world import Channel, File, Message, View, Workspace, World

TRIGGER_SECONDS = 3
RESPONSE_URL_SECONDS = 30 * 60
RESPONSE_URL_USES = 5


@dataclass
class Trigger:
    user_id: str
    workspace: Workspace
    expires: float
    view: View | None = None
    used: bool = False


@dataclass
class ResponseUrl:
    channel: Channel
    user_id: str
    workspace: Workspace
    expires: float
    message: Message | None = None
    uses: int = RESPONSE_URL_USES


class Tickets:
    """Handles by their opaque id. A trigger works once, within three seconds."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.triggers: dict[str, Trigger] = {}
        self.response_urls: dict[str, ResponseUrl] = {}
        self.uploads: dict[str, File] = {}
        self.sockets: set[str] = set()

    def _now(self) -> float:
        return self._world.clock().timestamp()

    def new_trigger(self, user_id: str, workspace: Workspace, view: View | None = None) -> str:
        number = self._world.new_id("")
        trigger_id = f"{number}.{workspace.id}.trigger"
        self.triggers[trigger_id] = Trigger(user_id, workspace, self._now() + TRIGGER_SECONDS, view)
        return trigger_id

    def redeem(self, trigger_id: str, workspace: Workspace) -> Trigger:
        trigger = self.triggers.get(trigger_id)
        if trigger is None or trigger.workspace is not workspace:
            raise ApiError("invalid_trigger_id")
        if self._now() > trigger.expires:
            raise ApiError("expired_trigger_id")
        if trigger.used:
            raise ApiError("exchanged_trigger_id")
        trigger.used = True
        return trigger

    def new_response_url(
        self, channel: Channel, user_id: str, workspace: Workspace, message: Message | None = None
    ) -> str:
        token = self._world.new_id("R")
        expires = self._now() + RESPONSE_URL_SECONDS
        self.response_urls[token] = ResponseUrl(channel, user_id, workspace, expires, message)
        return token

    def use_response_url(self, token: str) -> ResponseUrl:
        ticket = self.response_urls.get(token)
        if ticket is None:
            raise ApiError("invalid_url")
        if self._now() > ticket.expires:
            raise ApiError("expired_url")
        if ticket.uses == 0:
            raise ApiError("used_url")
        ticket.uses -= 1
        return ticket
