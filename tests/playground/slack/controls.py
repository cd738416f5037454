"""What a test or the demo does to Slack: changes to channels and the app, and faults, by one call each."""

from __future__ import annotations

from .delivery import Deliverer
from .driver import Person
from .events import Events
from .faults import FOREVER, Fault, Faults, Kind
from .server import Server
from .world import Channel, Json, Organization, Role, User, Workspace, World


class Controls:
    """The part of `SlackPlayground` that acts on it from above."""

    world: World
    events: Events
    faults: Faults
    delivery: Deliverer
    server: Server
    workspace: Workspace

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

    async def change_role(self, person: Person, role: str) -> None:
        await self.events.change_role(person.user, role)

    async def remove_bot(self, channel: Channel, by: Person | None = None) -> None:
        await self.events.remove_bot(channel, self._actor(channel, by))

    async def uninstall(self, workspace: Workspace | None = None) -> None:
        await self.events.uninstall(workspace or self.workspace)

    async def revoke_token(self, workspace: Workspace | None = None) -> None:
        await self.events.revoke_token(workspace or self.workspace)

    async def add_to(self, organization: Organization, *workspaces: Workspace) -> None:
        await self.events.add_to(organization, list(workspaces))

    async def take_from(self, organization: Organization, *workspaces: Workspace) -> None:
        await self.events.take_from(organization, list(workspaces))

    async def share(self, channel: Channel, workspace: Workspace, *people: Person) -> None:
        """Slack Connect: another workspace has the channel too, under the same id, with these people of its own."""
        channel.shared = True
        channel.also_of.append(workspace)
        channel.members |= {person.id for person in people}
        await self.events.send({"type": "channel_shared", "channel": channel.id}, channel.workspace, shared=True)

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
        """The next `times` calls of a method (`*` for any; `response_url`, `files.download`) get this error."""
        self.faults.plan(method, Fault(Kind.ERROR, error, times))

    def rate_limit(self, method: str, *, retry_after: object = 1, times: int = 1) -> None:
        """429; `retry_after` as the header has it, None for none."""
        self.faults.plan(method, Fault(Kind.RATE_LIMIT, "" if retry_after is None else str(retry_after), times))

    def break_down(self, method: str, *, status: int = 503, times: int = 1, body_type: str = "text/html") -> None:
        """What stands in front of Slack answers, in words of its own."""
        self.faults.plan(method, Fault(Kind.HTTP_STATUS, str(status), times, body_type))

    def hang(self, method: str, *, times: int = 1) -> None:
        """Accepts the call, does nothing, never answers."""
        self.faults.plan(method, Fault(Kind.HANG, times=times))

    def delay(self, method: str) -> Fault:
        """Holds the next call on its way, until it may `arrive`."""
        fault = Fault(Kind.LATE)
        self.faults.plan(method, fault)
        return fault

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
