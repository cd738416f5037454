"""The bot as a process of its own, unchanged, between a local Slack, a local AWS and a name server."""

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path

import aiohttp

from handlers.slack.manifest import manifest
from tests.playground.aws import AwsPlayground
from tests.playground.dns import DnsPlayground
from tests.playground.ports import free_port
from tests.playground.slack import SlackPlayground

ROOT = Path(__file__).parents[2]
START_SECONDS = 300  # with two busy loops and a test run beside it a start was seen to take 90
ACCOUNT, REGION = "111122223333", "eu-west-1"
OWN_ACCOUNT = "999900001111"


class Bot:
    """`python app.py` with these settings; `kill` is kill -9, `stop` is SIGTERM, `freeze` is SIGSTOP."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        self.environment = environment
        self.log_file = log
        self._process: asyncio.subprocess.Process | None = None
        self._said = "it ended, or answered nothing"  # by /readyz

    async def start(self) -> None:
        await self.launch()
        await self.ready()

    async def launch(self) -> None:
        """Start the process, and do not wait for it."""
        with self.log_file.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                str(ROOT / "app.py"),
                env=self.environment,
                stdout=log,
                stderr=log,
                cwd=self.log_file.parent,
            )

    async def ready(self) -> None:
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._ready()
        except TimeoutError:
            await self.explain()
            log = self.log_file.read_text()[-10_000:]
            raise RuntimeError(f"the bot did not become ready ({self._said}):\n{log}") from None

    async def explain(self) -> None:
        """Have it say in its log what it waits for, where it can."""

    @property
    def is_alive(self) -> bool:
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def kill(self) -> None:
        await self._end(signal.SIGKILL)

    async def stop(self) -> None:
        await self._end(signal.SIGTERM)

    def freeze(self) -> None:
        """It does nothing more, and knows nothing of it, until `thaw`."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def log(self) -> str:
        return self.log_file.read_text()

    async def _end(self, how: signal.Signals) -> None:
        if self.is_alive:
            self._signal(how)
            await self._wait()

    def _signal(self, how: signal.Signals) -> None:
        if self._process and self.is_alive:
            self._process.send_signal(how)

    async def _wait(self) -> None:
        if self._process:
            await self._process.wait()

    async def _ready(self) -> None:
        url = f"http://127.0.0.1:{self.environment['PORT']}/readyz"
        async with aiohttp.ClientSession() as http:
            while True:
                if not self.is_alive:
                    raise TimeoutError
                try:
                    async with http.get(url) as response:
                        if response.status == 200:
                            return
                        self._said = f"{response.status} {await response.text()}"
                except aiohttp.ClientConnectionError as error:
                    self._said = type(error).__name__
                await asyncio.sleep(0.05)  # another process: there is nothing to wait on but its port


class Stage:
    """Everything a play needs. `ada` is an admin, `bob` a member, `gus` a guest; all are in `news`."""

    def __init__(
        self, slack: SlackPlayground, aws: AwsPlayground, dns: DnsPlayground, bot: Bot, public_url: str
    ) -> None:
        self.slack, self.aws, self.dns, self.bot, self.public_url = slack, aws, dns, bot, public_url
        self.ses = aws.ses(ACCOUNT, REGION)
        self.ada = slack.person("Ada", role="admin")
        self.bob = slack.person("Bob", role="member")
        self.gus = slack.person("Gus", role="guest")
        self.news = slack.channel("news", people=[self.ada, self.bob, self.gus])


@asynccontextmanager
async def stage(
    database_url: str = "",
    *,
    own_account: str = "",
    started_aws: AwsPlayground | None = None,
    bot_class: type[Bot] = Bot,
    **settings: str,
) -> AsyncIterator[Stage]:
    """Start all of it, on SQLite and in Socket Mode unless told otherwise (an empty SLACK_APP_TOKEN: HTTP).

    With `own_account` Mailroom has credentials of its own there, and can be let in by a role.
    """
    port = free_port()
    public_url = f"http://127.0.0.1:{port}"
    running = nullcontext(started_aws) if started_aws else AwsPlayground()
    with tempfile.TemporaryDirectory(prefix="mailroom-") as folder, running as aws:
        if not started_aws:
            aws.rules.permissions_seconds = 1  # here time is real, and people watch
        async with SlackPlayground(manifest=manifest(), patience=20) as slack, DnsPlayground() as dns:
            host, dns_port = dns.address
            environment = {
                "PATH": os.environ["PATH"],
                "SLACK_BOT_TOKEN": slack.bot_token,
                "SLACK_APP_TOKEN": slack.app_token,
                "SLACK_SIGNING_SECRET": slack.signing_secret,
                "SLACK_API_URL": slack.api_url,
                "AWS_ENDPOINT_URL": aws.url,
                "AWS_EC2_METADATA_DISABLED": "true",  # nor has this machine any other credentials to find
                "AWS_CONFIG_FILE": os.devnull,
                "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
                "DATABASE_URL": database_url or f"sqlite+aiosqlite:///{folder}/mailroom.db",
                "MAILROOM_DNS_SERVER": f"{host}:{dns_port}",
                "MAILROOM_WEBHOOK_NETWORKS": "127.0.0.0/8",
                "MAILROOM_POLL_PENDING_SECONDS": "2",  # AWS allows one look a second, and people look too
                "MAILROOM_POLL_REVIEW_SECONDS": "1",
                "MAILROOM_POLL_HEALTHY_SECONDS": "1",
                "MAILROOM_UNDO_SECONDS": "2",
                "PUBLIC_URL": public_url,
                "PORT": str(port),
            }
            if own_account:
                own = aws.create_key(own_account, "mailroom-itself")
                environment["AWS_ACCESS_KEY_ID"] = own.access_key_id
                environment["AWS_SECRET_ACCESS_KEY"] = own.secret_access_key
            environment |= settings
            bot = bot_class(environment, Path(folder) / "bot.log")
            await bot.start()
            if environment["SLACK_APP_TOKEN"]:
                await slack.connected()
            else:
                slack.request_url = f"{public_url}/slack/events"
            try:
                yield Stage(slack, aws, dns, bot, public_url)
            finally:
                await bot.stop()
