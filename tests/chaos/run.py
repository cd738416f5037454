"""One run on one kind of database: teams that send all the time while the bot is struck again and again."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random

from storage.sealing import KeyRing
from tests.chaos.books import Books, BooksError, Total
from tests.chaos.channels import Channels, Said
from tests.chaos.havoc import A_MINUTE, BULK, Blow, Havoc
from tests.chaos.team import Team
from tests.databases import Databases
from tests.playground.aws import AwsPlayground, Fault, How
from tests.playground.clock import SharedClock
from tests.playground.forked import ForkedBot
from tests.playground.ports import free_port
from tests.playground.stage import Bot, Stage, stage

TEAMS = 8
ACCOUNTS = 7  # the last two teams share one
SIZES = (60, 200)  # of a broadcast
LITTLE = 30  # recipients left, at which a team confirms the next broadcast
LOST_REPLIES = 0.1  # of the calls; half of these are accepted
AT_ONCE = 4  # people at work
PATIENCE = 20  # of people, in seconds
REST_SECONDS = 180.0
TELL_SECONDS = 15.0
_SETTINGS = {
    "MAILROOM_POLL_PENDING_SECONDS": "60",
    "MAILROOM_POLL_REVIEW_SECONDS": "60",
    "MAILROOM_POLL_HEALTHY_SECONDS": "60",
    "MAILROOM_UNDO_SECONDS": "0",
    "PUBLIC_URL": "",  # so that a team without a queue hears of nothing
}


@dataclass(frozen=True)
class Result:
    """What the line of a database says."""

    total: Total
    done: Counter[Blow]
    lost_replies: int
    reported: int  # in doubt, as the channels' reports have it
    listed: int  # in doubt, as the API lists them
    said: Said

    def line(self, kind: str) -> str:
        total = self.total
        return (
            f"chaos {kind}: recipients {total.recipients}, kills {self.done[Blow.KILL]}, "
            f"stalls {self.done[Blow.STALL]}, "
            f"lost replies {self.lost_replies}, duplicates {total.duplicates}, lost {total.lost}, "
            f"in doubt {self.reported} listed {self.listed}, messages {self.said.messages}, twice {self.said.twice}"
        )

    @property
    def is_right(self) -> bool:
        total = self.total
        right = not total.duplicates and not total.lost and self.reported == self.listed == total.in_doubt
        return right and self.said.twice <= self.done.total()


async def comes_to_rest(books: Books, clock: SharedClock, tell: Callable[[str], None]) -> Total:
    """Wait until everything is sent, heard of and said; whatever a dead process held is free by then."""
    clock.advance(10 * A_MINUTE)  # facts are read anew
    for second in range(int(REST_SECONDS)):
        total = await books.total()
        if not (total.left or total.unfinished or total.unheard or total.unsaid):
            return total
        waits = f"{total.left} to send, {total.unfinished} unfinished, {total.unheard} unheard of"
        tell(f"coming to rest: {waits}, {total.unsaid} to say")
        await asyncio.sleep(1)
        if second % 10 == 9:
            clock.advance(10 * A_MINUTE)  # until a chart waits for nothing any more
    raise BooksError(f"it does not come to rest: {total}")


class Run:
    def __init__(self, kind: str, on: Stage, havoc: Havoc, channels: Channels, sizes: Random, changes: Random) -> None:
        self._kind, self._on, self._havoc, self._channels = kind, on, havoc, channels
        self._sizes, self._changes = sizes, changes
        self._teams = [
            Team.new(on, number, account=f"{min(number, ACCOUNTS):012d}", hears_back=number % 4 == 0)
            for number in range(1, TEAMS + 1)
        ]
        self._lost_replies: list[Fault] = []
        self._few = asyncio.Semaphore(AT_ONCE)
        self._began = self._told = time.monotonic()

    async def play(self, blows: list[Blow]) -> Result:
        """Strike every blow, let everything come to rest, and account for everybody."""
        await asyncio.gather(*(self._by_few(team.connects()) for team in self._teams))
        share = LOST_REPLIES / 2
        for how in (How.CLOSE_AFTER, How.REFUSE):
            self._lost_replies.append(self._on.aws.fail(BULK, how, None, chance=share))
        for number, blow in enumerate(blows):
            self._tell(f"{number} of {len(blows)} blows, {self._on.aws.mail_count} mails")
            await self._keep_sending()
            self._changes.choice(self._teams).changes_at_aws(self._changes)
            await self._havoc.strike(blow)
        for fault in self._lost_replies:
            self._on.aws.heal(fault)
        total = await self._comes_to_rest()
        hits = sum(fault.hits for fault in self._lost_replies)
        in_doubt = await self._reported(), await self._listed()
        return Result(total, self._havoc.done, hits, *in_doubt, await self._channels.check())

    async def _keep_sending(self) -> None:
        unsent = await self._havoc.books.unsent()
        idle = [team for team in self._teams if unsent[team.ses.account] < LITTLE]
        await asyncio.gather(*(self._by_few(team.sends(self._sizes.randint(*SIZES))) for team in idle))

    async def _by_few(self, work: Coroutine[None, None, None]) -> None:
        async with self._few:
            await work

    async def _comes_to_rest(self) -> Total:
        for team in self._teams:
            team.ses.set_quota(rate=1000)
        return await comes_to_rest(self._havoc.books, self._havoc.clock, self._tell)

    async def _reported(self) -> int:
        """Add up what is in doubt in the reports; everybody must be in them."""
        in_doubt = 0
        teams = {team.channel.id: team for team in self._teams}
        for channel_id, subject, size in await self._havoc.books.broadcasts():
            report = await teams[channel_id].reads_report(subject, size)
            if sum(report.values()) != size:
                raise BooksError(f"the report of “{subject}” to {size} recipients says {report}")
            in_doubt += report.get("in doubt", 0)
        return in_doubt

    async def _listed(self) -> int:
        return sum([await team.lists_in_doubt() for team in self._teams])

    def _tell(self, what: str) -> None:
        now = time.monotonic()
        if now - self._told >= TELL_SECONDS:
            self._told = now
            print(f"  {self._kind}: {what}, {now - self._began:.0f} s", flush=True)


@asynccontextmanager
async def prepared(kind: str, databases: Databases, random: Random) -> AsyncIterator[tuple[Run, list[Bot]]]:
    """Set everything up: one process on SQLite, two replicas on PostgreSQL."""
    url = await databases.create(kind)
    clock = SharedClock(databases.directory / "clock")
    keys = KeyRing.generate().export().reveal()
    with AwsPlayground(clock) as aws:
        aws.faults.random.seed(random.random())
        sizes, changes, blows = (Random(random.random()) for _ in range(3))  # noqa: S311 - apart, so that each repeats
        own = {"MAILROOM_KEYS": keys, "CHAOS_CLOCK": str(clock.file), **_SETTINGS}
        async with stage(url, started_aws=aws, bot_class=ForkedBot, **own) as on:
            on.slack.patience = on.slack.delivery.ack_seconds = PATIENCE
            bots = [on.bot]
            if kind == "postgresql":
                second = on.bot.environment | {"PORT": str(free_port())}
                bots.append(ForkedBot(second, on.bot.log_file.with_name("second.log")))
                await bots[1].start()
            havoc = Havoc(bots, aws, Books(url, aws), clock, databases, blows)
            try:
                channels = Channels(on.slack, on.bot.environment, clock)
                yield Run(kind, on, havoc, channels, sizes, changes), bots
            finally:
                for bot in bots:
                    await bot.kill()
