"""A channel with people in it, an AWS account, name servers, and the bot between them, all over real protocols.

The clock stands still unless it is told to go on, so a test decides when a minute has passed.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import SQLModel, col, select

from app import Mailroom
from bot.broadcast.content.remote_images import FetchImage
from bot.ses.sns_messages import Fetch
from bot.settings import Settings
from handlers.slack.dispatch.registration import AckTimeouts
from handlers.slack.manifest import manifest
from storage.models import Outbox
from storage.sealing import KeyRing, Secret
from tests.canaries import Canaries
from tests.databases import Clock
from tests.flows.connected import Connected, kind_of
from tests.playground.aws import AwsPlayground
from tests.playground.aws.principals import Key
from tests.playground.dns import DnsPlayground
from tests.playground.slack import SlackPlayground
from tests.playground.slack.driver import Person, Seen
from tests.playground.slack.surfaces import Modal
from tests.playground.slack.world import Channel
from tests.team_filter import TeamFilter

ACCOUNT = "111122223333"
REGION = "eu-west-1"
SOME_ROUNDS = 20
ENDLESS = AckTimeouts(
    opening=25, submission=25, slow=25
)  # busy as a machine may be, nothing is late unless a test wants it
SIMULATOR = "success@simulator.amazonses.com"
UNDO_SECONDS = 31
AUDIENCE = b"email,first_name\nann@elsewhere.test,Ann\nben@elsewhere.test,\n"
MANIFEST = manifest()
KEYS = KeyRing.generate().export()
LABELS = {
    "sender": "From",
    "reply_to": "Reply-to",
    "subject": "Subject",
    "preheader": "Preheader",
    "message": "Message",
    "save_as": "Save audience as",
    "send_at": "Send at",
}

# Where the database makes no difference, one is enough; each brings a transport of its own.
OVER_HTTP = pytest.mark.parametrize("database_kind", ["sqlite"])
OVER_SOCKET_MODE = pytest.mark.parametrize("database_kind", ["postgresql"])
# Where it makes one: clicks, requests and leases that meet, pages, and rows in bulk.
BOTH_DATABASES = pytest.mark.both_databases


def long_case(*values: Any) -> Any:
    """A case of `make test-long` only: it goes the way of another one of its test."""
    return pytest.param(*values, marks=pytest.mark.long)


_reached: dict[tuple[str, str], Connected] = {}  # by what was reached, and what the world began with


class World:
    """What a test plays with. `ada` is an admin, `bob` a member, `gus` a guest; all are in `news`."""

    def __init__(
        self,
        slack: SlackPlayground,
        aws: AwsPlayground,
        dns: DnsPlayground,
        bot: Mailroom,
        clock: Clock,
        *,
        settings: str,
        start_bot: Callable[[], Awaitable[Mailroom]],
    ) -> None:
        self.slack, self.aws, self.dns, self.bot, self.clock = slack, aws, dns, bot, clock
        self.start_bot = start_bot  # builds and starts one on the same settings
        self.settings = settings  # those of its own
        self.ada = slack.person("Ada", role="admin")
        self.bob = slack.person("Bob", role="member")
        self.gus = slack.person("Gus", role="guest")
        self.news = slack.channel("news", people=[self.ada, self.bob, self.gus])
        self.ses = aws.ses(ACCOUNT, REGION)

    async def settle(self) -> None:
        """Let everything that is due now happen: looks at AWS, mail, messages."""
        await self.bot.tasks.idle()
        await self.bot.services.identity_recovery.tick()
        await self.bot.slack.channel_life.tick()
        await self.bot.services.monitor.tick()
        await self.bot.services.monitor.idle()
        await self.bot.services.dispatcher.tick()
        await self.bot.services.dispatcher.idle()
        await asyncio.to_thread(self.aws.settle)  # SNS may bring something to the bot
        await self.bot.services.event_collector.tick()
        await self.says_what_it_has_to()

    async def does_its_chores(self, seconds: float = 0) -> None:
        """Let time pass, and the chores of a mailer be done: its self-test, reading what AWS suppresses."""
        self.clock.advance(seconds)
        await self.bot.services.periodic_jobs.tick()
        await self.bot.services.periodic_jobs.idle()
        await self.settle()

    async def says_what_it_has_to(self) -> None:
        """Let what waits for the channel be posted and drawn again."""
        for _ in range(SOME_ROUNDS):
            await self.bot.slack.notifier.tick()
            await self.bot.slack.uploader.tick()
            await self.bot.slack.uploader.idle()
            self.clock.advance(1)  # a channel is posted to once a second
            if not await self._something_to_say():
                break

    async def _something_to_say(self) -> bool:
        soon = self.clock() + timedelta(seconds=SOME_ROUNDS)
        async with self.bot.db.read() as session:
            due = await session.exec(select(Outbox.id).where(col(Outbox.due_at) <= soon).limit(1))
            return due.first() is not None

    async def passes(self, seconds: float) -> None:
        """Let time pass, and what is due after it happen."""
        self.clock.advance(seconds)
        await self.settle()

    async def connects(
        self, key: Key | None = None, *, channel: Channel | None = None, who: Person | None = None
    ) -> Key:
        """Connect the channel as a person does, all the way."""
        key = key or self.aws.create_key(ACCOUNT)
        who, channel = who or self.ada, channel or self.news
        await self.submits_key(key, channel=channel, who=who)
        await self.settle()
        await who.sees(channel, "Connected to AWS account 1111-2222-3333")
        return key

    async def is_connected(self) -> Key:
        """Bring the channel to where it is connected: as a person does, or as that has come out before."""
        return await self._as_before("connected", self.connects)

    async def _as_before(self, what: str, reach: Callable[[], Awaitable[Key]]) -> Key:
        kind, began = await kind_of(self), self.clock()
        if kind is None:
            return await reach()
        if (what, kind) in _reached:
            await _reached[what, kind].put_into(self)
        else:
            _reached[what, kind] = await Connected.of(self, await reach(), began)
        return _reached[what, kind].key

    async def submits_key(
        self,
        key: Key,
        *,
        channel: Channel | None = None,
        who: Person | None = None,
        secret: str = "",
        region: str = REGION,
    ) -> None:
        """Fill the connect form and send it off."""
        who, channel = who or self.ada, channel or self.news
        modal = await self.opens(who, "/mailer connect", "Connect Amazon SES", channel=channel)
        if "Access key ID" not in modal.labels:
            await modal.choose("Sign in with", "Access key")
            await self.bot.tasks.idle()
        modal.fill("AWS region", region)
        modal.fill("Access key ID", key.access_key_id)
        modal.fill("Secret access key", secret or key.secret_access_key)
        await modal.submit()
        await self.bot.tasks.idle()

    async def adds(self, name: str, *, verified: bool = False) -> None:
        """Add an identity as a person does; with `verified` AWS has verified it and the channel knows."""
        modal = await self.opens(self.ada, "/mailer identity", "Add identity")
        modal.fill("Email address or domain", name)
        await modal.submit()
        await self.settle()
        if verified:
            self.ses.verify(name)
            await self.passes(60)
            await self.ada.sees(self.news, f"{name} is verified")

    async def asks(self, who: Person, command: str, text: str) -> Seen:
        """Type a command and read its answer, which is newer than anything there was before."""
        shown = self.slack.world.visible_messages(self.news, who.id)
        await who.types(self.news, command)
        return await who.sees(self.news, text, after=Seen(shown[-1], self.slack) if shown else None)

    async def opens(self, who: Person, command: str, title: str, *, channel: Channel | None = None) -> Modal:
        """Type a command that opens a modal; whatever was open is closed first."""
        while (top := who.top_modal) is not None:
            await top.close()
        await who.types(channel or self.news, command)
        await self.bot.tasks.idle()
        return await who.modal(title)

    async def composes(self, csv: bytes = AUDIENCE, *, who: Person | None = None, **typed: Any) -> Modal:
        """Fill the broadcast form and press *Next*; the modal is then whatever that led to.

        `typed` names fields: `sender`, `subject`, `message`, `reply_to`, `preheader`, `send_at`.
        """
        modal = await self.opens(who or self.bob, "/broadcast", "New broadcast")
        fields = {"sender": "hello@acme.test", "subject": "Spring news", "message": "Hello"}
        for name, value in (fields | typed).items():
            modal.fill(LABELS[name], value)
        modal.fill("Audience CSV", ("people.csv", csv))
        await modal.submit()
        await self.bot.tasks.idle()
        return modal

    async def confirms(self, modal: Modal) -> Seen:
        """Press *Send now* or *Schedule*; the message about the broadcast in the channel."""
        assert modal.title == "Check and send", modal.text
        await modal.submit()
        await self.settle()
        return await modal.person.sees(self.news, "Spring news")

    async def sends(self, csv: bytes = AUDIENCE, **typed: Any) -> Seen:
        """Compose, confirm, and let it go out, as far as AWS takes it."""
        message = await self.confirms(await self.composes(csv, **typed))
        await self.passes(UNDO_SECONDS)
        return message

    async def tests(self, to: str, *, who: Person | None = None, **typed: Any) -> Modal:
        """Fill the test form and send it off."""
        modal = await self.opens(who or self.bob, "/broadcast test", "Send a test")
        fields = {"sender": "hello@acme.test", "subject": "Spring news", "message": "Hello"}
        for name, value in (fields | typed).items():
            modal.fill(LABELS[name], value)
        modal.fill("To", to)
        await modal.submit()
        await self.settle()
        return modal

    async def everything_stored(self) -> dict[str, list[str]]:
        """Every row of every table but the memory of requests, to tell whether anything has changed.

        A row's own repr leaves out the middle of what is long.
        """
        async with self.bot.db.read() as session:
            tables = [table for table in SQLModel.metadata.sorted_tables if table.name != "seen_request"]
            connection = await session.connection()
            return {
                table.name: sorted(repr(tuple(row)) for row in await connection.execute(table.select()))
                for table in tables
            }

    async def is_open(self, *names: str, quota: int = 50_000, rate: float = 50) -> None:
        """Connect to an account that has all a broadcast needs: these names verified, and production access."""
        self.ses.verify(*(names or ("acme.test",)))
        self.ses.grant_production(quota=quota, rate=rate)
        await self.is_connected()

    async def is_ready(self, sender: str = "acme.test", *, quota: int = 50_000, rate: float = 50) -> None:
        """Bring the channel to where broadcasts are open, in every step that a person and AWS take."""

        async def reach() -> Key:
            key = await self.is_connected()
            await self.adds(sender, verified=True)
            self.ses.grant_production(quota=quota, rate=rate)
            await self.passes(600)
            await self.ada.sees(self.news, "broadcasts are open")
            return key

        await self._as_before(f"ready {sender} {quota} {rate}", reach)


def certificates_of(aws: AwsPlayground) -> Fetch:
    """What the bot gets where it asks SNS's host for a certificate."""

    async def fetch(url: str) -> bytes:
        certificate = aws.sns.certificate(url.rpartition("/")[2])
        if certificate is None:
            raise OSError
        return certificate

    return fetch


@asynccontextmanager
async def open_world(
    aws: AwsPlayground,
    database_url: str,
    clock: Clock,
    *,
    socket_mode: bool = False,
    patience: AckTimeouts = ENDLESS,
    fetch_image: FetchImage | None = None,
    **settings: Any,
) -> AsyncIterator[World]:
    """Start the bot between a Slack, this AWS and a DNS."""
    own: dict[str, Any] = {"port": 0, "mailroom_keys": KEYS} | settings
    async with SlackPlayground(clock, manifest=MANIFEST, patience=30, ack_seconds=30) as slack, DnsPlayground() as dns:
        host, port = dns.address
        of_bot = Settings(
            _env_file=None,
            slack_app_token=Secret(slack.app_token if socket_mode else ""),
            slack_signing_secret=Secret(slack.signing_secret),
            slack_api_url=slack.api_url,
            database_url=database_url,
            mailroom_dns_server=f"{host}:{port}",
            **{"slack_bot_token": Secret(slack.bot_token)} | own,
        )

        canaries = Canaries(slack, of_bot.mailroom_keys.reveal())
        team_filter = TeamFilter()

        async def start_bot() -> Mailroom:
            bot = Mailroom(
                of_bot,
                clock=clock,
                sleep=clock.sleep,
                event_wait=0,
                fetch=certificates_of(aws),
                fetch_image=fetch_image,
                patience=patience,
            )
            canaries.watch(bot)
            team_filter.watch(bot)
            for listener in bot.slack.bolt._async_listeners:
                listener.ack_timeout = int(patience.submission) + 3  # Bolt's own patience, which is 3 s
            await bot.start()
            if socket_mode:
                await slack.connected()
            else:
                slack.request_url = f"http://127.0.0.1:{bot.http.port}/slack/events"
            return bot

        own_settings = repr((sorted(settings.items()), patience))
        world = World(slack, aws, dns, await start_bot(), clock, settings=own_settings, start_bot=start_bot)
        try:
            yield world
            await canaries.check(world.bot.db)
            team_filter.check()
        finally:
            await world.bot.stop()
