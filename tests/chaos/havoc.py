"""What is done to the bot: killed, stopped, cut off from its database, at moments that a seeded generator chooses."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random

from bot.broadcast.delivery.account_lease import LEASE
from tests.chaos.books import Books
from tests.databases import Databases
from tests.playground.aws import AwsPlayground, Fault, How
from tests.playground.clock import SharedClock
from tests.playground.stage import Bot

BULK = "ses:SendBulkEmail"
A_MINUTE = LEASE.total_seconds() + 1
_UNDER_WAY_SECONDS = 4.0  # in which a call comes, where there is anything left to send
_TAKE_OVER_SECONDS = 3.0


class Blow(StrEnum):
    KILL = "kills"
    STALL = "stalls"
    RESTART = "restarts"


class Moment(StrEnum):
    """When it strikes."""

    ANY = "any"
    STARTING = "starting"
    UNHEARD = "unheard"  # a call has reached AWS, which has done nothing yet, and perhaps does it later
    ACCEPTED = "accepted"  # AWS has accepted a call and not answered it
    ANSWERED = "answered"  # a call has just been answered


_MOMENTS = [Moment.ANY, Moment.STARTING, *(Moment.UNHEARD, Moment.ACCEPTED, Moment.ANSWERED) * 2]


@dataclass
class Havoc:
    """`bots` share one database: one on SQLite, two replicas on PostgreSQL, whose server `databases` can restart."""

    bots: Sequence[Bot]
    aws: AwsPlayground
    books: Books
    clock: SharedClock
    databases: Databases
    random: Random
    done: Counter[Blow] = field(default_factory=Counter)

    async def strike(self, blow: Blow) -> None:
        """Strike once, see that the books are right, and let everything get up again."""
        victim = self.random.choice(self.bots)
        match blow:
            case Blow.KILL:
                await self._kill(victim)
            case Blow.STALL:
                await self._stall(victim)
            case Blow.RESTART:
                await self._restart()
        self.done[blow] += 1
        await self.everybody_runs()

    async def everybody_runs(self) -> None:
        for bot in self.bots:
            if not bot.is_alive:
                await bot.launch()
        for bot in self.bots:
            await bot.ready()

    async def _kill(self, victim: Bot) -> None:
        """Kill -9; one of the replicas, or in one of four cases all at once."""
        moment = self.random.choice(_MOMENTS)
        if moment is Moment.STARTING:
            await victim.kill()
            await victim.launch()
        fault = await self._comes(moment)
        victims = self.bots if self.random.random() < 0.25 else [victim]
        await asyncio.gather(*(each.kill() for each in victims))
        await self._afterwards(fault)
        if len(self.bots) > 1:
            self.clock.advance(A_MINUTE)  # until the lease of a dead replica ends

    async def _stall(self, victim: Bot) -> None:
        """Stop it in the middle, for longer than its lease, and let it go on as if nothing had been."""
        fault = await self._comes(self.random.choice([Moment.ANY, Moment.UNHEARD, Moment.ACCEPTED]))
        victim.freeze()
        try:
            self.clock.advance(A_MINUTE)
            if len(self.bots) > 1:
                await self._calls_come(_TAKE_OVER_SECONDS)
            await self._afterwards(fault)
        finally:
            victim.thaw()

    async def _restart(self) -> None:
        """Stop the database server, as an administrator does or as a crash does, and start it again."""
        fault = await self._comes(self.random.choice([Moment.ANY, Moment.UNHEARD, Moment.ACCEPTED]))
        stopping = self.databases.restart(crash=self.random.random() < 0.5, down=self.random.uniform(0, 1))
        restart = asyncio.create_task(stopping)
        if fault:
            await asyncio.sleep(self.random.uniform(0, 1))  # so that answers come while the database is away
            self.aws.heal(fault)
        await restart
        self.clock.advance(A_MINUTE)
        await self.books.check()

    async def _afterwards(self, fault: Fault | None) -> None:
        """Read the books before AWS goes on with what it has in hand, or after."""
        late = self.random.random() < 0.5
        if fault and not late:
            self.aws.heal(fault)
        await self.books.check()
        if fault and late:
            self.aws.heal(fault)

    async def _comes(self, moment: Moment) -> Fault | None:
        """Wait until it has come, and return what holds AWS in it, if anything does."""
        match moment:
            case Moment.ANY:
                await asyncio.sleep(self.random.uniform(0, 2))
            case Moment.STARTING:
                await asyncio.sleep(self.random.uniform(0, 0.6))
            case Moment.ANSWERED:
                await self._some_work()
                await self._calls_come(_UNDER_WAY_SECONDS)
                await asyncio.sleep(self.random.uniform(0, 0.05))
            case Moment.UNHEARD | Moment.ACCEPTED:
                await self._some_work()
                fault = self.aws.fail(BULK, How.HANG if moment is Moment.ACCEPTED else How.HANG_BEFORE)
                await asyncio.to_thread(fault.reached.wait, _UNDER_WAY_SECONDS)
                return fault
        return None

    async def _some_work(self) -> None:
        """Let the bot get going, and then send for a while."""
        await self._calls_come(_UNDER_WAY_SECONDS)
        await asyncio.sleep(self.random.uniform(0, 0.6))

    async def _calls_come(self, seconds: float) -> None:
        """Wait for the next mail that AWS accepts, but not longer than this."""
        mails = self.aws.mail_count
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.aws.mail_count == mails:  # noqa: ASYNC110 - it happens in other processes
                    await asyncio.sleep(0.002)
