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
from .controls import Controls
from .delivery import Deliverer, Delivery
from .driver import NotSeen, Person
from .events import Events
from .faults import Faults
from .oauth import OAuth
from .objects import file_object
from .payloads import Payloads
from .render import message_lines
from .server import Server
from .socket_mode import SocketMode
from .tickets import Tickets
from .world import Channel, File, Json, Message, Organization, Role, User, Workspace, World

T = TypeVar("T")
SCOPES = (
    "canvases:read canvases:write channels:join channels:read chat:write commands emoji:read files:read files:write "
    "groups:read im:read im:write mpim:read team:read usergroups:read users:read users:read.email"
)


class SlackPlayground(Controls):
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
        self.oauth = OAuth(self.world)
        self.api = Api(self.world, self.tickets, self.faults, self.oauth, self.app_token, lambda: self.server.base_url)
        self.server = Server(self.world, self.tickets, self.faults, self.api, self.oauth, self.sockets)
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
    def authorize_url(self) -> str:
        """Where the app's OAuth flow sends people."""
        return f"{self.server.base_url}/oauth/v2/authorize"

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

    def add_workspace(
        self, name: str, *, organization: Organization | None = None, installed: bool = True
    ) -> Workspace:
        """A workspace with a bot token of its own; not `installed`, its people still have to allow the app.

        In an `organization` the bot is the same one in every workspace.
        """
        team_id, bot_user_id = self.world.new_id("T"), self.world.new_id("U")
        workspace = Workspace(
            team_id,
            name,
            name.lower().replace(" ", "-"),
            organization.bot_user_id if organization else bot_user_id,
            organization.bot_id if organization else self.world.new_id("B"),
            f"xoxb-{team_id}-{len(self.world.workspaces)}",
            set(self._scopes),
            organization.id if organization else None,
            None if installed else "account_inactive",
            organization=organization,
        )
        self.world.workspaces[team_id] = workspace
        self.world.users[workspace.bot_user_id] = User(workspace.bot_user_id, self.world.bot_name, Role.BOT, team_id)
        return workspace

    def add_organization(self, name: str) -> Organization:
        """An Enterprise Grid, in which nobody has allowed the app yet."""
        enterprise_id = self.world.new_id("E")
        organization = Organization(
            enterprise_id,
            name,
            name.lower(),
            self.world.new_id("W"),
            self.world.new_id("B"),
            f"xoxb-{enterprise_id}-0",
            set(self._scopes),
            enterprise_id,
            "account_inactive",
        )
        self.world.organizations[enterprise_id] = organization
        return organization

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
        outsiders = any(not self.world.users[m].is_of(workspace) for m in members)
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
        """The first true answer of `predicate`, asked again after every change in this Slack (and no other).

        In vain, the transcript is the failure's message.
        """
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
