"""A rolling restart: replicas, on one PostgreSQL, get SIGTERM in turn while people click and a broadcast goes out."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from random import Random

from storage.sealing import KeyRing
from tests.chaos.balancer import balancer, installed
from tests.chaos.books import Books, Total
from tests.chaos.channels import Channels, Said
from tests.chaos.run import PATIENCE, comes_to_rest
from tests.chaos.team import Team
from tests.databases import Databases
from tests.playground.aws import AwsPlayground
from tests.playground.clock import SharedClock
from tests.playground.forked import ForkedBot
from tests.playground.ports import free_port
from tests.playground.slack.delivery import NotAcked
from tests.playground.slack.driver import NotSeen, Person
from tests.playground.slack.surfaces import InvalidAck
from tests.playground.stage import Bot, Stage, stage

PEOPLE, EVERY = 20, 1.0  # each clicks once in so many seconds
RATE = 200  # recipients a second
SIZE, LITTLE = 3_000, 800  # of a broadcast; left of it at which the next one is confirmed
BETWEEN = 2.0  # seconds from the readiness of one replica to the end of the next
HELD = 4.0  # seconds in which an alert is waited for
_ANSWER_SECONDS = 60
_TELL_SECONDS = 15.0
_SETTINGS = {
    "MAILROOM_POLL_PENDING_SECONDS": "2",
    "MAILROOM_POLL_REVIEW_SECONDS": "2",
    "MAILROOM_POLL_HEALTHY_SECONDS": "2",
    "MAILROOM_UNDO_SECONDS": "0",
    "PUBLIC_URL": "",
    "LOG_LEVEL": "INFO",
}


@dataclass
class Clicks:
    """What people did, and what came of it. Each types a command whose answer they alone see, once a second.

    Whoever has no answer yet waits for it, as people do, so that a busy machine gets less and not more behind.
    """

    on: Stage
    people: list[Person]
    made: Counter[str] = field(default_factory=Counter)  # by person
    refused: Counter[str] = field(default_factory=Counter)  # Slack said at once that it did not work
    answers: Counter[str] = field(default_factory=Counter)
    why: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    _read: int = 0

    async def go_on(self) -> None:
        """Click until cancelled; a click that is under way then is seen through."""
        ending = asyncio.Event()
        clicking = asyncio.gather(*(self._clicks(who, ending) for who in self.people))
        try:
            await asyncio.shield(clicking)
        finally:
            ending.set()
            await clicking

    async def _clicks(self, who: Person, ending: asyncio.Event) -> None:
        while not ending.is_set():
            began = time.monotonic()
            await self._click(who)
            took = time.monotonic() - began
            self.slowest = max(self.slowest, took)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(ending.wait(), max(0.0, EVERY - took))

    async def _click(self, who: Person) -> None:
        self.made[who.id] += 1
        try:
            await who.types(self.on.news, "/mailer")
        except (NotAcked, InvalidAck) as problem:
            self.refused[who.id] += 1
            self.why[str(problem)] += 1
            return
        with contextlib.suppress(NotSeen):
            await self.on.slack.settled(lambda: self._is_answered(who), timeout=_ANSWER_SECONDS)

    def _is_answered(self, who: Person) -> bool:
        messages = self.on.slack.world.messages
        while self._read < len(messages):
            message = messages[self._read]
            self._read += 1
            if message.shown_to and message.by_bot and "dispatch_failed" not in message.text:
                self.answers[message.shown_to] += 1
        return self.answers[who.id] >= self.made[who.id] - self.refused[who.id]

    @property
    def lost(self) -> int:
        """How many were acknowledged, and never answered."""
        return (self.made - self.refused - self.answers).total()

    @property
    def doubled(self) -> int:
        return sum(max(0, self.answers[who] - times) for who, times in self.made.items())


@dataclass(frozen=True)
class Result:
    total: Total
    said: Said
    clicks: Clicks
    by_socket: bool
    replicas: int
    restarts: int
    seconds: float  # of the restarts
    longest_gap: float  # in which no mail went out

    def line(self, name: str) -> str:
        total, clicks = self.total, self.clicks
        a_second = clicks.made.total() / self.seconds
        return (
            f"rolling {name}: replicas {self.replicas}, restarts {self.restarts} in {self.seconds:.0f} s, "
            f"clicks {clicks.made.total()} ({a_second:.1f} a second), refused {clicks.refused.total()}, "
            f"lost {clicks.lost}, doubled {clicks.doubled}, slowest {clicks.slowest:.1f} s, "
            f"recipients {total.recipients}, duplicates {total.duplicates}, lost {total.lost}, "
            f"in doubt {total.in_doubt}, longest gap {self.longest_gap:.1f} s, "
            f"messages {self.said.messages}, twice {self.said.twice}"
        )

    @property
    def is_right(self) -> bool:
        """Nothing lost, nothing done twice, nobody in doubt.

        In Socket Mode a click that is on its way while its connection is being closed has no acknowledgement, and the
        protocol knows none that could come later: Slack tells its person, who presses again. One a restart may.
        """
        total, clicks = self.total, self.clicks
        mails = total.duplicates or total.lost or total.in_doubt
        may_be_refused = self.restarts if self.by_socket else 0
        wrong = clicks.lost or clicks.doubled or clicks.refused.total() > may_be_refused
        return not (mails or wrong or self.said.twice)


class Rolling:
    """Args: replicas are `python app.py`, on the real time; `last` goes on when they have ended, on `clock`."""

    def __init__(
        self, name: str, on: Stage, bots: list[Bot], last: Bot, books: Books, channels: Channels, clock: SharedClock
    ) -> None:
        self._name, self._on, self._bots, self._books, self._channels = name, on, bots, books, channels
        self._last, self._clock = last, clock
        people = [on.slack.person(f"Person {number}") for number in range(PEOPLE)]
        on.news.members.update(person.id for person in people)
        self._clicks = Clicks(on, people)
        self._sender = Team.new(on, 1, account=f"{1:012d}", hears_back=False)
        self._alarmed = Team.new(on, 2, account=f"{2:012d}", hears_back=False)
        self._told = self._mailed = time.monotonic()
        self._longest_gap = 0.0

    async def play(self, restarts: int, random: Random) -> Result:
        """Restart so often, one after the other, while all goes on; let it come to rest; account for everybody."""
        await asyncio.gather(self._sender.connects(), self._alarmed.connects())
        self._sender.ses.set_quota(rate=RATE)
        self._sender.ses.refused_share = 0
        self._clicks.made[self._on.ada.id] += 1
        await self._on.ada.types(self._on.news, "/mailer")  # so that the channel has a team
        await self._on.ada.sees(self._on.news, "Not connected yet")
        await self._sender.sends(SIZE)
        await self._mails_go()
        began = time.monotonic()
        others = [self._clicks.go_on(), self._keeps_sending(), self._watches()]
        running = [asyncio.create_task(work) for work in others]
        try:
            for number in range(restarts):
                self._tell(f"{number} of {restarts} restarts, {self._clicks.made.total()} clicks")
                await self._restart(self._bots[number % len(self._bots)], random)
        finally:
            for task in running:
                task.cancel()
            ended = await asyncio.gather(*running, return_exceptions=True)
        seconds = time.monotonic() - began
        if broken := next((one for one in ended if not isinstance(one, asyncio.CancelledError)), None):
            raise RuntimeError("a part of the load ended") from broken
        for why, times in self._clicks.why.items():
            print(f"  {self._name}: {times} refused: {why}", flush=True)
        self._sender.ses.set_quota(rate=1000)
        await asyncio.gather(*(bot.stop() for bot in self._bots))
        await self._last.start()
        total = await comes_to_rest(self._books, self._clock, self._tell)
        said = await self._channels.check()
        by_socket = not self._on.slack.request_url
        shape = by_socket, len(self._bots), restarts
        return Result(total, said, self._clicks, *shape, seconds, self._longest_gap)

    async def _restart(self, bot: Bot, random: Random) -> None:
        """SIGTERM in the moment in which an alert is on its way to Slack, and a start."""
        posting = self._on.slack.delay("chat.postMessage")
        self._alarmed.changes_at_aws(random)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(HELD):
                await posting.held.wait()
        ending = asyncio.create_task(bot.stop())
        await asyncio.sleep(random.uniform(0.1, 1))
        self._on.slack.heal("chat.postMessage")
        posting.arrive.set()
        await ending
        await bot.start()
        if not self._on.slack.request_url:
            await self._on.slack.connected(len(self._bots))
        await asyncio.sleep(BETWEEN)
        await self._books.check()

    async def _keeps_sending(self) -> None:
        while True:
            if (await self._books.unsent())[self._sender.ses.account] < LITTLE:
                await self._sender.sends(SIZE)
            await asyncio.sleep(1)

    async def _watches(self) -> None:
        """Note the longest time in which nothing is mailed; there is always something to mail."""
        mails, since = self._on.aws.mail_count, time.monotonic()
        while True:
            await asyncio.sleep(0.1)
            now, count = time.monotonic(), self._on.aws.mail_count
            if count != mails:
                mails, since = count, now
            self._longest_gap = max(self._longest_gap, now - since)

    async def _mails_go(self) -> None:
        mails = self._on.aws.mail_count
        async with asyncio.timeout(_ANSWER_SECONDS):
            while self._on.aws.mail_count < mails + RATE:  # noqa: ASYNC110 - it happens in other processes
                await asyncio.sleep(0.1)

    def _tell(self, what: str) -> None:
        now = time.monotonic()
        if now - self._told >= _TELL_SECONDS:
            self._told = now
            print(f"  {self._name}: {what}", flush=True)


@asynccontextmanager
async def prepared(
    way: str, replicas: int, databases: Databases, random: Random
) -> AsyncIterator[tuple[Rolling, list[Bot]]]:
    """Set up so many replicas; `way` is "http", behind a balancer, or "socket".

    Raises:
        BalancerMissingError: this machine has none.
        DatabaseMissingError: it has no PostgreSQL.
    """
    program = installed() if way == "http" else ""
    url = await databases.create("postgresql")
    clock = SharedClock(databases.directory / f"clock-{way}")
    keys = KeyRing.generate().export().reveal()
    own = {"MAILROOM_KEYS": keys, **_SETTINGS}
    if program:
        own |= {"SLACK_APP_TOKEN": "", "MAILROOM_DRAIN_SECONDS": "5", "MAILROOM_PROXIES": "1"}
    with AwsPlayground(clock) as aws:
        aws.faults.random.seed(random.random())
        async with AsyncExitStack() as stack:
            on = await stack.enter_async_context(stage(url, started_aws=aws, bot_class=Bot, **own))
            on.slack.patience = on.slack.delivery.ack_seconds = PATIENCE
            bots = [on.bot]
            for number in range(2, replicas + 1):
                other = on.bot.environment | {"PORT": str(free_port())}
                bots.append(Bot(other, on.bot.log_file.with_name(f"{number}.log")))
                stack.push_async_callback(bots[-1].kill)
                await bots[-1].start()
            if program:
                ports = [int(bot.environment["PORT"]) for bot in bots]
                run = balancer(program, on.bot.log_file.parent, free_port(), ports)
                on.slack.request_url = f"{await stack.enter_async_context(run)}/slack/events"
            last = ForkedBot(on.bot.environment | {"CHAOS_CLOCK": str(clock.file)}, on.bot.log_file)
            stack.push_async_callback(last.kill)
            channels = Channels(on.slack, on.bot.environment, clock)
            name = f"{way}, {program}" if program else way
            yield Rolling(name, on, bots, last, Books(url, aws), channels, clock), bots
