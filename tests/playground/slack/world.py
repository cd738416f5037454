"""What exists in the playground's Slack: workspaces, people, channels, messages, files, views.

Only state and the questions asked of it; every change wakes whoever waits in `World.until`.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

Json = dict[str, Any]
T = TypeVar("T")


class Role(StrEnum):
    """What Slack says about a person; `guest` is a multi-channel guest."""

    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"
    GUEST = "guest"
    SINGLE_CHANNEL_GUEST = "single-channel guest"
    OUTSIDER = "outsider"
    DEACTIVATED = "deactivated"
    BOT = "bot"


@dataclass(eq=False)
class Workspace:
    """A workspace with the app installed in it (until `revoked` names why not)."""

    id: str
    name: str
    domain: str
    bot_user_id: str
    bot_id: str
    bot_token: str
    scopes: set[str]
    enterprise_id: str | None = None
    revoked: str | None = None
    free_plan: bool = False
    tokens: dict[str, float] = field(default_factory=dict)  # those that end, with when; `bot_token` is the newest
    organization: Organization | None = None
    emoji: dict[str, str] = field(default_factory=dict)  # its own: the address of each, or alias: and another
    groups: dict[str, str] = field(default_factory=dict)  # of people: the handle, by id


@dataclass(eq=False)
class Organization(Workspace):
    """An Enterprise Grid: its token, where it has one, is good in those of its workspaces that the app was added to.

    docs.slack.dev/enterprise/organization-ready-apps
    """

    added: list[Workspace] = field(default_factory=list)


@dataclass(eq=False)
class User:
    id: str
    name: str
    role: Role
    team_id: str
    tz: str = "Europe/London"
    also_in: set[str] = field(default_factory=set)  # other workspaces of the same organization

    def is_of(self, workspace: Workspace) -> bool:
        return workspace.id == self.team_id or workspace.id in self.also_in

    @property
    def handle(self) -> str:
        return self.name.lower().replace(" ", ".")


@dataclass(eq=False)
class Channel:
    """A channel or a direct message; `members` holds user ids, the bot's too."""

    id: str
    name: str
    workspace: Workspace
    created: int
    members: set[str] = field(default_factory=set)
    private: bool = False
    direct: bool = False
    archived: bool = False
    shared: bool = False
    deleted: bool = False
    previous_names: list[str] = field(default_factory=list)
    tab: str = ""  # the canvas that stands in it
    also_of: list[Workspace] = field(default_factory=list)  # by Slack Connect, under the same id

    def seen_from(self, workspace: Workspace) -> bool:
        return workspace is self.workspace or workspace in self.also_of

    def workspace_for(self, user: User) -> Workspace:
        """Where somebody acts who does something in it: in a shared channel that is their own workspace."""
        return next((each for each in self.also_of if user.is_of(each)), self.workspace)

    @property
    def label(self) -> str:
        return f"DM with {self.name}" if self.direct else f"#{self.name}"


@dataclass(eq=False)
class File:
    id: str
    name: str
    title: str
    content: bytes
    user_id: str
    workspace: Workspace
    created: int
    posted: bool = False
    alt_text: str = ""
    is_canvas: bool = False  # its content is Markdown
    shares: dict[Channel, list[str]] = field(default_factory=dict)  # by channel, the messages it stands in


@dataclass(eq=False)
class Message:
    """`shown_to` is the one person who sees an ephemeral message; None is everybody in the channel."""

    channel: Channel
    ts: str
    author: str
    text: str
    blocks: list[Json]
    workspace: Workspace
    thread_ts: str | None = None
    broadcast: bool = False
    shown_to: str | None = None
    edited: bool = False
    deleted: bool = False
    files: list[File] = field(default_factory=list)
    metadata: Json | None = None

    @property
    def by_bot(self) -> bool:
        return self.author == self.workspace.bot_user_id


@dataclass(eq=False)
class View:
    """A modal or a home tab as one person has it open, with what that person has put into its inputs."""

    id: str
    body: Json
    user_id: str
    workspace: Workspace
    hash: str
    root_id: str
    previous: View | None = None
    inputs: dict[tuple[str, str], Any] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        return str(self.body["title"]["text"]) if "title" in self.body else ""

    @property
    def blocks(self) -> list[Json]:
        return list(self.body["blocks"])


@dataclass(frozen=True)
class LogEntry:
    """One line of what happened: `lines` is what was visible, `who` sees it."""

    who: str
    headline: str
    lines: tuple[str, ...] = ()


class World:
    """Everything of one Slack. Times come from `clock`."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.clock = clock
        self.app_id = "A0MAILROOM"
        self.bot_name = "Mailroom"
        self.workspaces: dict[str, Workspace] = {}
        self.organizations: dict[str, Organization] = {}
        self.users: dict[str, User] = {}
        self.channels: dict[str, Channel] = {}
        self.messages: list[Message] = []
        self.files: dict[str, File] = {}
        self.views: dict[str, View] = {}
        self.modals: dict[str, list[View]] = {}
        self.homes: dict[tuple[str, str], View] = {}
        self.log: list[LogEntry] = []
        self.on_event: Callable[[Json, Workspace], None] = lambda _event, _workspace: None
        self.numbers = itertools.count(1)
        self.last_ts = 0
        self._changed = asyncio.Event()

    # Names and times

    def new_id(self, prefix: str) -> str:
        return f"{prefix}{next(self.numbers):010d}"

    def now(self) -> int:
        return int(self.clock().timestamp())

    def new_ts(self) -> str:
        """A message's timestamp, which is also its id: strictly increasing, as Slack's are in a channel."""
        self.last_ts = max(self.last_ts + 1, int(self.clock().timestamp() * 1_000_000))
        return f"{self.last_ts // 1_000_000}.{self.last_ts % 1_000_000:06d}"

    def display(self, id_: str) -> str:
        """What a person reads where a payload holds the id of a user or a channel."""
        if id_ in self.users:
            return self.users[id_].name
        return self.channels[id_].name if id_ in self.channels else id_

    # Changes

    def changed(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    @property
    def next_change(self) -> asyncio.Event:
        """Set when something changes after this was asked for."""
        return self._changed

    async def until(self, predicate: Callable[[], T | None], timeout: float) -> T:  # noqa: ASYNC109  (the caller words the failure)
        """The first true answer of `predicate`, asked again after every change; TimeoutError when none comes."""
        async with asyncio.timeout(timeout):
            while not (answer := predicate()):
                await self._changed.wait()
            return answer

    def note(self, who: str, headline: str, lines: tuple[str, ...] = ()) -> None:
        self.log.append(LogEntry(who, headline, lines))
        self.changed()

    # Questions

    def workspace_of_token(self, token: str) -> Workspace | None:
        """Return whose it is, also where it has ended; an organization's is the organization's."""
        known = (*self.workspaces.values(), *self.organizations.values())
        return next((w for w in known if token == w.bot_token or token in w.tokens), None)

    def find_message(self, channel: Channel, ts: str) -> Message | None:
        return next(
            (m for m in self.messages if m.channel is channel and m.ts == ts and not m.deleted and not m.shown_to),
            None,
        )

    def visible_messages(self, channel: Channel, user_id: str | None = None) -> list[Message]:
        """What stands in a channel, oldest first: for `user_id` with the messages that only they see."""
        return [m for m in self.messages if m.channel is channel and not m.deleted and m.shown_to in (None, user_id)]

    def top_modal(self, user_id: str) -> View | None:
        stack = self.modals.get(user_id)
        return stack[-1] if stack else None

    def direct_channel(self, user: User, workspace: Workspace) -> Channel:
        """The direct message between a person and the bot, made when it is first needed."""
        for channel in self.channels.values():
            if channel.direct and user.id in channel.members and channel.workspace is workspace:
                return channel
        channel = Channel(
            self.new_id("D"), user.name, workspace, self.now(), {user.id, workspace.bot_user_id}, direct=True
        )
        self.channels[channel.id] = channel
        return channel
