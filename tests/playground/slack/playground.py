"""A Slack workspace over loopback: the real protocols for the app, people driven by visible text for tests and demo."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self, TypeVar

import aiohttp

from .api import Api
from .call import Call
from .delivery import Deliverer, Delivery
from .driver import NotSeen, Person
from .events import Events
from .faults import FOREVER, Fault, Faults, Kind
from .objects import file_object
from .payloads import Payloads
from .render import message_lines
from .server import Server
from .socket_mode import SocketMode
from .tickets import Tickets
from .world import Channel, File, Json, Message, Role, User, Workspace, World

T = TypeVar("T")
SCOPES = (
    "channels:join channels:read chat:write commands files:read files:write groups:read im:read im:write "
    "mpim:read team:read users:read"
)


class SlackPlayground:
    """One Slack with one app. An async context manager; `workspace` is the first workspace, made with it.

    With `request_url` set, the app is sent signed HTTP requests; without it, Socket Mode is used. `manifest` (the
    app's, as a dict) limits scopes, events and commands to what it asks for. `patience` is how long people wait for
    something to appear, in seconds.
    """

    def __init__(
        self,
        clock: Callable[[], datetime] | None = None,
        *,
        manifest: Json | None = None,
        ack_seconds: float = 3.0,
        patience: float = 5.0,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self.world = World(clock or (lambda: datetime.now(UTC)))
        self.app_token = "xapp-1-playground"
        self.signing_secret = "8f742231b10e8888abcd99yyyzzz85a5"
        self.patience = patience
        self.faults = Faults()
        self.tickets = Tickets(self.world)
        self.sockets = SocketMode(self.world, self.tickets)
        self.delivery = Deliverer(self.sockets, self.signing_secret, ack_seconds, wall_clock)
        self.api = Api(self.world, self.tickets, self.faults, self.app_token, lambda: self.server.base_url)
        self.server = Server(self.world, self.tickets, self.faults, self.api, self.sockets)
        self.payloads = Payloads(self.world, self.tickets, lambda: self.server.base_url, self._file_json)
        self.events = Events(self.world, self.payloads, self.delivery)
        self.world.on_event = self.events.send_soon
        self.shortcuts: dict[str, str] = {}
        self.escaped_commands: set[str] = set()
        self._scopes = set(SCOPES.split())
        self._people: dict[str, Person] = {}
        if manifest:
            self._follow(manifest)
        self.workspace = self.add_workspace("Acme")

    def _follow(self, manifest: Json) -> None:
        features, settings = manifest.get("features", {}), manifest.get("settings", {})
        self._scopes = set(manifest["oauth_config"]["scopes"]["bot"])
        self.events.subscribed = set(settings.get("event_subscriptions", {}).get("bot_events", []))
        self.shortcuts = {s["name"]: s["callback_id"] for s in features.get("shortcuts", [])}
        commands = features.get("slash_commands", [])
        self.escaped_commands = {c["command"] for c in commands if c.get("should_escape")}

    def _file_json(self, file: File) -> Json:
        return file_object(file, self.server.base_url)

    async def __aenter__(self) -> Self:
        self.delivery.http = aiohttp.ClientSession()
        await self.server.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.events.stop()
        await self.server.stop()
        if self.delivery.http:
            await self.delivery.http.close()

    # Addresses and credentials

    @property
    def api_url(self) -> str:
        return f"{self.server.base_url}/api/"

    @property
    def bot_token(self) -> str:
        return self.workspace.bot_token

    @property
    def request_url(self) -> str | None:
        return self.delivery.request_url

    @request_url.setter
    def request_url(self, url: str | None) -> None:
        self.delivery.request_url = url

    # People and places

    def add_workspace(self, name: str, *, enterprise_id: str | None = None) -> Workspace:
        """A workspace with the app in it, and a bot token of its own."""
        team_id, bot_user_id = self.world.new_id("T"), self.world.new_id("U")
        workspace = Workspace(
            team_id,
            name,
            name.lower().replace(" ", "-"),
            bot_user_id,
            self.world.new_id("B"),
            f"xoxb-{team_id}-{len(self.world.workspaces)}",
            set(self._scopes),
            enterprise_id,
        )
        self.world.workspaces[team_id] = workspace
        self.world.users[bot_user_id] = User(bot_user_id, self.world.bot_name, Role.BOT, team_id)
        return workspace

    def person(self, name: str, role: str = "member", *, workspace: Workspace | None = None) -> Person:
        """`role`: owner, admin, member, guest, single-channel guest, outsider, deactivated or bot."""
        team_id = (workspace or self.workspace).id
        if role == Role.OUTSIDER:
            team_id = self.world.new_id("T")
        user = User(self.world.new_id("U"), name, Role(role), team_id)
        self.world.users[user.id] = user
        self._people[user.id] = Person(self, user)
        return self._people[user.id]

    def channel(
        self,
        name: str,
        people: Iterable[Person] = (),
        *,
        private: bool = False,
        bot_in: bool = False,
        shared: bool = False,
        workspace: Workspace | None = None,
    ) -> Channel:
        """A channel; `shared` is a Slack Connect one, as it also is with an outsider in it."""
        workspace = workspace or self.workspace
        members = {person.id for person in people}
        outsiders = any(self.world.users[m].team_id != workspace.id for m in members)
        channel = Channel(
            self.world.new_id("C"),
            name,
            workspace,
            self.world.now(),
            members | ({workspace.bot_user_id} if bot_in else set()),
            private,
            shared=shared or outsiders,
        )
        self.world.channels[channel.id] = channel
        return channel

    def upload(self, user: User, workspace: Workspace, name: str, content: bytes) -> File:
        file = File(self.world.new_id("F"), name, name, content, user.id, workspace, self.world.now())
        self.world.files[file.id] = file
        return file

    def escaped(self, command: str, text: str) -> str:
        """What Slack makes of a command's text where the manifest says `should_escape`: ids for names, entities."""
        if command not in self.escaped_commands:
            return text
        text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        people = sorted(self._people.values(), key=lambda p: -len(p.name))
        for person in people:
            mention = f"<@{person.id}|{person.user.handle}>"
            text = re.sub(rf"@({re.escape(person.name)}|{re.escape(person.user.handle)})\b", mention, text)
        for channel in self.world.channels.values():
            if not channel.direct:
                text = re.sub(rf"#{re.escape(channel.name)}(?![\w-])", f"<#{channel.id}|{channel.name}>", text)
        return text

    # Channel and app events

    async def rename(self, channel: Channel, name: str) -> None:
        await self.events.rename(channel, name)

    async def archive(self, channel: Channel, by: Person | None = None) -> None:
        await self.events.archive(channel, self._actor(channel, by))

    async def unarchive(self, channel: Channel, by: Person | None = None) -> None:
        await self.events.unarchive(channel, self._actor(channel, by))

    async def delete_channel(self, channel: Channel, by: Person | None = None) -> None:
        await self.events.delete(channel, self._actor(channel, by))

    async def make_private(self, channel: Channel) -> None:
        await self.events.make_private(channel)

    async def change_id(self, channel: Channel) -> None:
        await self.events.change_id(channel)

    async def invite_bot(self, channel: Channel, by: Person | None = None) -> None:
        await self.events.invite_bot(channel, self._actor(channel, by))

    async def remove_bot(self, channel: Channel, by: Person | None = None) -> None:
        await self.events.remove_bot(channel, self._actor(channel, by))

    async def uninstall(self, workspace: Workspace | None = None) -> None:
        await self.events.uninstall(workspace or self.workspace)

    async def revoke_token(self, workspace: Workspace | None = None) -> None:
        await self.events.revoke_token(workspace or self.workspace)

    async def event(self, event: Json, workspace: Workspace | None = None) -> None:
        """Any other event, wrapped as Slack wraps them."""
        await self.events.send(event, workspace or self.workspace)

    def _actor(self, channel: Channel, by: Person | None) -> User:
        if by:
            return by.user
        people = [self.world.users[m] for m in sorted(channel.members)]
        return next((u for u in people if u.role is not Role.BOT), next(iter(self.world.users.values())))

    # Faults

    def fail(self, method: str, *, error: str = "internal_error", times: int = 1) -> None:
        """The next `times` calls of a method (`*` for any; `response_url` too) are refused with an error."""
        self.faults.plan(method, Fault(Kind.ERROR, error, times))

    def rate_limit(self, method: str, *, retry_after: object = 1, times: int = 1) -> None:
        """429; `retry_after` as the header has it, None for none."""
        self.faults.plan(method, Fault(Kind.RATE_LIMIT, "" if retry_after is None else str(retry_after), times))

    def break_down(self, method: str, *, status: int = 503, times: int = 1) -> None:
        self.faults.plan(method, Fault(Kind.HTTP_STATUS, str(status), times))

    def hang(self, method: str, *, times: int = 1) -> None:
        """Accepts the call, does nothing, never answers."""
        self.faults.plan(method, Fault(Kind.HANG, times=times))

    def lose_reply(self, method: str, *, times: int = 1) -> None:
        """Does what was asked, then closes the connection instead of answering."""
        self.faults.plan(method, Fault(Kind.LOSE_REPLY, times=times))

    def refuse(self, method: str, *, times: int = 1) -> None:
        """Closes the connection without doing anything."""
        self.faults.plan(method, Fault(Kind.REFUSE, times=times))

    def heal(self, method: str | None = None) -> None:
        self.faults.clear(method)

    async def down(self) -> None:
        """Gone: connections are cut, new ones refused, until `up` on the same port."""
        await self.server.stop()

    async def up(self) -> None:
        await self.server.start()

    def deliver_twice(self, times: int = FOREVER) -> None:
        """The next `times` commands, interactions and events reach the app twice, at the same moment."""
        self.delivery.twice = times

    def lose_acks(self, times: int = 1) -> None:
        """The app does its work, and Slack never gets the acknowledgement."""
        self.delivery.lost_acks = times

    # Reading back

    @property
    def calls(self) -> list[Call]:
        """Every Web API call so far, refused ones too; response URLs are `response_url`."""
        return self.api.calls

    def calls_of(self, method: str) -> list[Call]:
        return [call for call in self.calls if call.method == method]

    @property
    def deliveries(self) -> list[Delivery]:
        return self.delivery.sent

    def messages(self, channel: Channel) -> list[Message]:
        """What everybody in a channel sees, oldest first."""
        return [m for m in self.world.visible_messages(channel) if not m.shown_to]

    def text_of(self, message: Message) -> str:
        return "\n".join(message_lines(message, self.world))

    async def settled(
        self,
        predicate: Callable[[], T | None],
        *,
        timeout: float | None = None,  # noqa: ASYNC109  (a test's patience)
    ) -> T:
        """The first true answer of `predicate`, asked after every change here; else the transcript as the failure."""
        try:
            return await self.world.until(predicate, self.patience if timeout is None else timeout)
        except TimeoutError:
            raise NotSeen(f"it did not come to that; so far:\n{self.transcript()}") from None

    async def connected(self, count: int = 1) -> None:
        """Waits until the app has opened its Socket Mode connections."""
        await self.settled(lambda: self.sockets.connections >= count)

    def transcript(self) -> str:
        """What each person saw and did, in order."""
        lines: list[str] = []
        for entry in self.world.log:
            lines.append(entry.headline)
            lines += [f"    {line}" for line in entry.lines]
        return "\n".join(lines)

    async def redeliver(self, delivery: Delivery) -> Any:
        """The same request again, byte for byte (HTTP), or the same payload (Socket Mode)."""
        if delivery.body:
            return await self.delivery.post(delivery.body, delivery.headers)
        return await self.delivery.send(delivery.kind, delivery.payload)
