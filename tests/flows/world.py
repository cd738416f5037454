"""A channel with people in it, an AWS account, name servers, and the bot between them, all over real protocols.

The clock stands still unless it is told to go on, so a test decides when a minute has passed.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app import Mailroom, manifest
from bot.settings import Settings
from storage.sealing import KeyRing, Secret
from tests.databases import Clock
from tests.playground.aws import AwsPlayground
from tests.playground.aws.principals import Key
from tests.playground.dns import DnsPlayground
from tests.playground.slack import SlackPlayground
from tests.playground.slack.driver import Person
from tests.playground.slack.world import Channel

ACCOUNT = "111122223333"
REGION = "eu-west-1"
SOME_ROUNDS = 20


class World:
    """What a test plays with. `ada` is an admin, `bob` a member, `gus` a guest; all are in `news`."""

    def __init__(
        self, slack: SlackPlayground, aws: AwsPlayground, dns: DnsPlayground, bot: Mailroom, clock: Clock
    ) -> None:
        self.slack, self.aws, self.dns, self.bot, self.clock = slack, aws, dns, bot, clock
        self.ada = slack.person("Ada", role="admin")
        self.bob = slack.person("Bob", role="member")
        self.gus = slack.person("Gus", role="guest")
        self.news = slack.channel("news", people=[self.ada, self.bob, self.gus])
        self.ses = aws.ses(ACCOUNT, REGION)

    async def settle(self) -> None:
        """Let everything that is due now happen: looks at AWS, mail, messages."""
        await self.bot.tasks.idle()
        await self.bot.monitor.tick()
        await self.bot.engine.tick()
        await self.bot.engine.idle()
        for _ in range(SOME_ROUNDS):
            await self.bot.notifier.tick()
            self.clock.advance(1)  # a channel is posted to once a second

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
        await who.types(channel, "/mailer connect")
        modal = await who.modal("Connect Amazon SES")
        modal.fill("AWS region", region)
        modal.fill("Access key ID", key.access_key_id)
        modal.fill("Secret access key", secret or key.secret_access_key)
        await modal.submit()
        await self.bot.tasks.idle()

    async def adds(self, name: str, *, verified: bool = False) -> None:
        """Add an identity as a person does; with `verified` AWS has verified it and the channel knows."""
        await self.ada.types(self.news, "/mailer identity")
        modal = await self.ada.modal("Add identity")
        modal.fill("Email address or domain", name)
        await modal.submit()
        await self.settle()
        if verified:
            self.ses.verify(name)
            await self.passes(60)
            await self.ada.sees(self.news, f"{name} is verified")

    async def is_ready(self, sender: str = "acme.test", *, quota: int = 50_000, rate: float = 50) -> None:
        """Bring the channel to where broadcasts are open."""
        await self.connects()
        await self.adds(sender, verified=True)
        self.ses.grant_production(quota=quota, rate=rate)
        await self.passes(600)
        await self.ada.sees(self.news, "broadcasts are open")


@asynccontextmanager
async def open_world(
    aws: AwsPlayground, database_url: str, clock: Clock, *, socket_mode: bool = False, **settings: object
) -> AsyncIterator[World]:
    """Start the bot between a Slack, this AWS and a DNS."""
    async with SlackPlayground(clock, manifest=manifest(), patience=10) as slack:
        with DnsPlayground() as dns:
            host, port = dns.address
            bot = Mailroom(
                Settings(
                    _env_file=None,
                    slack_bot_token=Secret(slack.bot_token),
                    slack_app_token=Secret(slack.app_token if socket_mode else ""),
                    slack_signing_secret=Secret(slack.signing_secret),
                    slack_api_url=slack.api_url,
                    database_url=database_url,
                    mailroom_keys=KeyRing.generate().export(),
                    mailroom_dns_server=f"{host}:{port}",
                    port=0,
                    **settings,
                ),
                clock=clock,
                sleep=clock.sleep,
            )
            await bot.start()
            if socket_mode:
                await slack.connected()
            else:
                slack.request_url = f"http://127.0.0.1:{bot.port}/slack/events"
            try:
                yield World(slack, aws, dns, bot, clock)
            finally:
                await bot.stop()
