"""The payloads of commands, interactions and events, field by field as Slack sends them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .inputs import Inputs, element_state, is_many, state_values
from .posting import message_object
from .tickets import Tickets
from .views import view_object
from .world import Channel, File, Json, Message, Organization, User, View, Workspace, World

VERIFICATION_TOKEN = "playground"
FileJson = Callable[[File], Json]


def visible_name(channel: Channel) -> str:
    """What payloads call a channel: not the name, where it is private."""
    return "directmessage" if channel.direct else "privategroup" if channel.private else channel.name


class Payloads:
    def __init__(self, world: World, tickets: Tickets, base_url: Callable[[], str], file_json: FileJson) -> None:
        self._world = world
        self._tickets = tickets
        self._base_url = base_url
        self._file_json = file_json

    def response_url(self, kind: str, channel: Channel, user: User, message: Message | None = None) -> str:
        workspace = channel.workspace_for(user)
        token = self._tickets.new_response_url(channel, user.id, workspace, message)
        return f"{self._base_url()}/{kind}/{workspace.id}/{token}"

    def command(self, user: User, channel: Channel, command: str, text: str) -> Json:
        """docs.slack.dev/interactivity/implementing-slash-commands"""
        workspace = channel.workspace_for(user)
        grid = {"enterprise_id": workspace.enterprise_id, "enterprise_name": "Grid"} if workspace.enterprise_id else {}
        return {
            "token": VERIFICATION_TOKEN,
            "team_id": workspace.id,
            "team_domain": workspace.domain,
            **grid,
            "channel_id": channel.id,
            "channel_name": visible_name(channel),
            "user_id": user.id,
            "user_name": user.handle,
            "command": command,
            "text": text,
            "api_app_id": self._world.app_id,
            "is_enterprise_install": str(is_org_wide(workspace)).lower(),
            "response_url": self.response_url("commands", channel, user),
            "trigger_id": self._tickets.new_trigger(user.id, workspace),
        }

    def _interaction(self, kind: str, user: User, workspace: Workspace) -> Json:
        grid = {"id": workspace.enterprise_id, "name": "Grid"} if workspace.enterprise_id else None
        org_wide = is_org_wide(workspace)
        home = workspace.id if user.is_of(workspace) else user.team_id
        return {
            "type": kind,
            "token": VERIFICATION_TOKEN,
            # "With org-wide installations, payload.team in interactivity payloads can be None": bolt-python
            "team": None if org_wide else {"id": workspace.id, "domain": workspace.domain},
            "user": {"id": user.id, "username": user.handle, "name": user.handle, "team_id": home},
            "api_app_id": self._world.app_id,
            "enterprise": grid,
            "is_enterprise_install": org_wide,
        }

    def _channel(self, channel: Channel) -> Json:
        return {"id": channel.id, "name": visible_name(channel)}

    def action(self, block: Json, element: Json, value: Any) -> Json:
        """One entry of `actions`; `value` is what was chosen, for elements that hold a value."""
        named: Json = {
            k: element[k] for k in ("text", "value", "style", "url", "confirm", "placeholder") if k in element
        }
        ids: Json = {
            "action_id": element["action_id"],
            "block_id": block["block_id"],
            "action_ts": self._world.new_ts(),
        }
        if element["type"] == "overflow":
            return {"type": "overflow", **ids, "selected_option": value}
        if element["type"] in {"button", "workflow_button", "icon_button"}:
            return {"type": element["type"], **named, **ids}
        return {**named, **element_state(element, value, self._file_json), **ids}

    def message_action(self, user: User, message: Message, action: Json, inputs: Inputs, blocks: list[Json]) -> Json:
        """block_actions from a message; one that only its reader sees is not sent along."""
        channel, ephemeral = message.channel, message.shown_to is not None
        container = {
            "type": "message",
            "message_ts": message.ts,
            "channel_id": channel.id,
            "is_ephemeral": ephemeral,
        }
        if message.thread_ts:
            container["thread_ts"] = message.thread_ts
        shown = {} if ephemeral else {"message": message_object(message, self._world)}
        return {
            **self._interaction("block_actions", user, channel.workspace_for(user)),
            "container": container,
            "trigger_id": self._tickets.new_trigger(user.id, channel.workspace_for(user)),
            "channel": self._channel(channel),
            **shown,
            "state": state_values(blocks, inputs, self._file_json),
            "response_url": self.response_url("actions", channel, user, message),
            "actions": [action],
        }

    def _view(self, view: View) -> Json:
        return view_object(view, self._world, self._file_json)

    def view_action(self, user: User, view: View, action: Json) -> Json:
        return {
            **self._interaction("block_actions", user, view.workspace),
            "container": {"type": "view", "view_id": view.id},
            "trigger_id": self._tickets.new_trigger(user.id, view.workspace, view),
            "view": self._view(view),
            "actions": [action],
        }

    def submission(self, user: User, view: View, response_urls: list[Json]) -> Json:
        return {
            **self._interaction("view_submission", user, view.workspace),
            "trigger_id": self._tickets.new_trigger(user.id, view.workspace, view),
            "view": self._view(view),
            "response_urls": response_urls,
        }

    def closed(self, user: User, view: View, *, cleared: bool) -> Json:
        payload = self._interaction("view_closed", user, view.workspace)
        return {**payload, "view": self._view(view), "is_cleared": cleared}

    def shortcut(self, user: User, workspace: Workspace, callback_id: str) -> Json:
        return {
            **self._interaction("shortcut", user, workspace),
            "callback_id": callback_id,
            "action_ts": self._world.new_ts(),
            "trigger_id": self._tickets.new_trigger(user.id, workspace),
        }

    def message_shortcut(self, user: User, message: Message, callback_id: str) -> Json:
        workspace = message.channel.workspace_for(user)
        files: Json = {"files": [self._file_json(file) for file in message.files]} if message.files else {}
        return {
            **self._interaction("message_action", user, workspace),
            "callback_id": callback_id,
            "action_ts": self._world.new_ts(),
            "message_ts": message.ts,
            "channel": self._channel(message.channel),
            "message": message_object(message, self._world) | files,
            "trigger_id": self._tickets.new_trigger(user.id, workspace),
            "response_url": self.response_url("app", message.channel, user, message),
        }

    def suggestion(self, user: User, view: View, block: Json, element: Json, typed: str) -> Json:
        return {
            **self._interaction("block_suggestion", user, view.workspace),
            "container": {"type": "view", "view_id": view.id},
            "action_id": element["action_id"],
            "block_id": block["block_id"],
            "value": typed,
            "view": self._view(view),
        }

    def event(self, event: Json, workspace: Workspace, *, shared: bool = False) -> Json:
        """docs.slack.dev/apis/events-api: the outer event.

        Of an organization itself it names no workspace (docs.slack.dev/reference/events/team_access_granted).
        """
        team_id = None if isinstance(workspace, Organization) else workspace.id
        return {
            "token": VERIFICATION_TOKEN,
            "team_id": team_id,
            "enterprise_id": workspace.enterprise_id,
            "api_app_id": self._world.app_id,
            "event": {"event_ts": self._world.new_ts(), **event},
            "type": "event_callback",
            "event_id": self._world.new_id("Ev"),
            "event_time": self._world.now(),
            "is_ext_shared_channel": shared,
            "authorizations": [
                {
                    "enterprise_id": workspace.enterprise_id,
                    "team_id": team_id,
                    "user_id": workspace.bot_user_id,
                    "is_bot": True,
                    "is_enterprise_install": is_org_wide(workspace),
                }
            ],
        }


def is_org_wide(workspace: Workspace) -> bool:
    """Whether the app is there because its organization has added it: the workspace itself has not installed it."""
    return isinstance(workspace, Organization) or (
        workspace.organization is not None and workspace in workspace.organization.added
    )


def merged_choice(element: Json, options: list[Json]) -> Any:
    """The value of a menu for the chosen options: a list where several may be chosen."""
    return options if is_many(element) else (options[0] if options else None)
