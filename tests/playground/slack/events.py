"""What happens to channels, the app and its tokens, each with the event that Slack sends about it."""

from __future__ import annotations

import asyncio

from .delivery import Deliverer
from .objects import user_object
from .payloads import Payloads
from .world import Channel, Json, Organization, Role, User, Workspace, World

SCOPES = {
    "app_home_opened": (),
    "app_uninstalled": (),
    "team_access_granted": (),
    "team_access_revoked": (),
    "tokens_revoked": (),
    "member_joined_channel": ("channels:read", "groups:read"),
    "member_left_channel": ("channels:read", "groups:read"),
    "channel_shared": ("channels:read", "groups:read"),
    "channel_unshared": ("channels:read", "groups:read"),
    "channel_id_changed": ("channels:read", "groups:read"),
    "user_change": ("users:read",),
}
"""What an app must be allowed to do to hear of an event, any one of them: "Required scopes" on the page of each."""


def scopes_of(event_type: str) -> tuple[str, ...]:
    kind = event_type.partition("_")[0]
    return SCOPES.get(event_type, (f"{kind}s:read",) if kind in {"channel", "group"} else ())


class Events:
    """Every change awaits the delivery of its event. Events that stay without acknowledgement are in `undelivered`.

    `subscribed` is what the app's manifest asks for; None delivers every event.
    """

    def __init__(self, world: World, payloads: Payloads, delivery: Deliverer) -> None:
        self._world = world
        self._payloads = payloads
        self._delivery = delivery
        self._tasks: set[asyncio.Task[None]] = set()
        self.subscribed: set[str] | None = None
        self.undelivered: list[Json] = []

    async def send(self, event: Json, workspace: Workspace, *, shared: bool = False) -> None:
        if self.subscribed is not None and event["type"] not in self.subscribed:
            return
        if (scopes := scopes_of(event["type"])) and not workspace.scopes.intersection(scopes):
            return
        payload = self._payloads.event(event, workspace, shared=shared)
        if not await self._delivery.send_event(payload):
            self.undelivered.append(payload)
            self._world.changed()

    def send_soon(self, event: Json, workspace: Workspace) -> None:
        """For events that a call by the app itself brings about."""
        task = asyncio.create_task(self.send(event, workspace))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _prefix(self, channel: Channel) -> str:
        return "group" if channel.private else "channel"

    async def _about(self, channel: Channel, what: str, event: Json) -> None:
        self._world.note(channel.label, f"{channel.label}  ({what})")
        if channel.workspace.bot_user_id in channel.members or not channel.private:
            # Of the installations that see it one is told: docs.slack.dev/apis/events-api, "authorizations"
            await self.send(event, channel.workspace, shared=bool(channel.also_of))

    async def rename(self, channel: Channel, name: str) -> None:
        channel.previous_names.insert(0, channel.name)
        channel.name = name
        details = {"id": channel.id, "name": name, "created": channel.created}
        event = {"type": f"{self._prefix(channel)}_rename", "channel": details}
        await self._about(channel, f"renamed from #{channel.previous_names[0]}", event)

    async def archive(self, channel: Channel, by: User) -> None:
        channel.archived = True
        event = {"type": f"{self._prefix(channel)}_archive", "channel": channel.id, "user": by.id}
        await self._about(channel, f"archived by {by.name}", event)

    async def unarchive(self, channel: Channel, by: User) -> None:
        channel.archived = False
        event = {"type": f"{self._prefix(channel)}_unarchive", "channel": channel.id, "user": by.id}
        await self._about(channel, f"unarchived by {by.name}", event)

    async def delete(self, channel: Channel, by: User) -> None:
        channel.deleted = True
        event = {"type": f"{self._prefix(channel)}_deleted", "channel": channel.id, "actor_id": by.id}
        await self._about(channel, f"deleted by {by.name}", event)

    async def make_private(self, channel: Channel) -> None:
        """Slack sends no event of its own for this: the app finds out from conversations.info."""
        channel.private = True
        self._world.note(channel.label, f"{channel.label}  (made private)")
        self._world.changed()

    async def change_id(self, channel: Channel) -> None:
        old = channel.id
        channel.id = self._world.new_id("C")
        self._world.channels[channel.id] = self._world.channels.pop(old)
        event = {"type": "channel_id_changed", "old_channel_id": old, "new_channel_id": channel.id}
        await self._about(channel, "has a new id", event)

    async def invite_bot(self, channel: Channel, by: User) -> None:
        workspace = channel.workspace
        channel.members.add(workspace.bot_user_id)
        self._world.note(channel.label, f"{channel.label}  {by.name} adds {self._world.bot_name}.")
        kind = "G" if channel.private else "C"
        event = {"type": "member_joined_channel", "user": workspace.bot_user_id, "channel": channel.id}
        await self.send(event | {"channel_type": kind, "team": workspace.id, "inviter": by.id}, workspace)

    async def remove_bot(self, channel: Channel, by: User) -> None:
        workspace = channel.workspace
        channel.members.discard(workspace.bot_user_id)
        self._world.note(channel.label, f"{channel.label}  {by.name} removes {self._world.bot_name}.")
        event = {"type": f"{self._prefix(channel)}_left", "channel": channel.id, "actor_id": by.id}
        await self.send(event, workspace)

    async def home_opened(self, user: User, workspace: Workspace) -> None:
        channel = self._world.direct_channel(user, workspace)
        event = {"type": "app_home_opened", "user": user.id, "channel": channel.id, "tab": "home"}
        await self.send(event, workspace)

    async def change_role(self, user: User, role: str) -> None:
        """Make somebody an admin, a guest, or deactivate them: docs.slack.dev/reference/events/user_change."""
        user.role = Role(role)
        workspace = self._world.workspaces[user.team_id]
        shown = user_object(user, workspace, with_email=False, stranger=False)
        self._world.note(workspace.name, f"{user.name} is {role} now.")
        await self.send({"type": "user_change", "user": shown}, workspace)

    async def uninstall(self, workspace: Workspace) -> None:
        """From here on every call is refused with account_inactive; the app hears of it twice.

        docs.slack.dev/reference/events/app_uninstalled, docs.slack.dev/reference/events/tokens_revoked
        """
        workspace.revoked = "account_inactive"
        if isinstance(workspace, Organization):
            workspace.added.clear()
        self._world.note(workspace.name, f"{self._world.bot_name} is removed from {workspace.name}.")
        await self.send({"type": "tokens_revoked", "tokens": {"oauth": [], "bot": [workspace.bot_user_id]}}, workspace)
        await self.send({"type": "app_uninstalled"}, workspace)

    async def add_to(self, organization: Organization, workspaces: list[Workspace]) -> None:
        """An org admin adds the app to workspaces: docs.slack.dev/reference/events/team_access_granted."""
        for workspace in workspaces:
            workspace.scopes = organization.scopes
        organization.added += workspaces
        await self._access("granted", organization, workspaces)

    async def take_from(self, organization: Organization, workspaces: list[Workspace]) -> None:
        """And takes it out of some: docs.slack.dev/reference/events/team_access_revoked."""
        organization.added = [each for each in organization.added if each not in workspaces]
        await self._access("revoked", organization, workspaces)

    async def _access(self, what: str, organization: Organization, workspaces: list[Workspace]) -> None:
        self._world.note(organization.name, f"access {what}: {', '.join(each.name for each in workspaces)}")
        event = {"type": f"team_access_{what}", "team_ids": [each.id for each in workspaces]}
        await self.send(event, organization)

    async def revoke_token(self, workspace: Workspace) -> None:
        workspace.revoked = "token_revoked"
        await self.send({"type": "tokens_revoked", "tokens": {"oauth": [], "bot": [workspace.bot_user_id]}}, workspace)
