"""The sender of one AWS account: claims, calls and records, chunk after chunk, while it holds the account's lease."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from bot.broadcast.claim import Call, Claimer, Idle, Stale, Step, Wait
from bot.broadcast.lease import Held, leave
from bot.broadcast.letter import Letters
from bot.broadcast.pace import backoff
from bot.broadcast.result import Answer, record, send
from bot.broadcast.waiting import LOOK, let_go
from bot.errors import BotError
from bot.mailer.monitor import Monitor
from bot.mailer.overview import Overviews
from bot.mailer.records import Mailers
from bot.ses.sending import EntryOutcome
from storage.database import Database
from storage.models import Mailer

log = logging.getLogger(__name__)

MOST_CALLS = 4
"""Under way at a time for one account: what it takes for 500 a second where SES answers after 400 ms."""

_LONGEST_REST = 10.0  # seconds; then the lease is renewed
_TELL_EVERY = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Tools:
    """What every sender works with."""

    db: Database
    clock: Callable[[], datetime]
    mailers: Mailers
    monitor: Monitor
    overviews: Overviews
    letters: Letters
    small_limit: int
    sleep: Callable[[float], Awaitable[None]]


class Sender:
    def __init__(self, tools: Tools, held: Held, stopping: asyncio.Event) -> None:
        self._tools = tools
        self._held = held
        self._stopping = stopping
        self._claimer = Claimer(held, tools.mailers, tools.overviews, tools.letters, small_limit=tools.small_limit)
        self._calls: set[asyncio.Task[None]] = set()
        self._at_once = 1  # calls that may be under way; more of them while all goes well
        self._failures = 0  # in a row
        self._unread: Mailer | None = None  # its facts must be read before the next claim
        self._next_at = tools.clock()
        self._look_at = tools.clock()
        self._told: dict[str, datetime] = {}

    async def work(self) -> None:
        """Work until nothing is left, then give the account back; what is under way is always waited for."""
        try:
            while not self._stopping.is_set() and await self._turn():
                pass
        finally:
            await self._landed(all_of_them=True)
            async with self._tools.db.write() as session:
                await leave(session, self._held, self._tools.overviews, self._tools.clock())

    async def _turn(self) -> bool:
        """Do the next thing. False: there is nothing left to do, or the account is somebody else's now."""
        if len(self._calls) >= self._at_once:
            await self._landed()
        elif self._unread is not None:
            await self._read(self._unread)
        elif (seconds := (self._next_at - self._tools.clock()).total_seconds()) > 0:
            await self._rest(seconds)
        else:
            return await self._take(await self._claim())
        return True

    async def _claim(self) -> Step:
        now = self._tools.clock()
        async with self._tools.db.write() as session:
            step = await self._claimer.next(session, now, airborne=len(self._calls))
            if step is not Idle.LOST and self._look_at <= now:
                await let_go(session, self._held.account_id, self._held.region, self._tools.overviews, now)
                self._look_at = now + LOOK
        return step

    async def _take(self, step: Step) -> bool:
        match step:
            case Call():
                self._next_at = step.next_at
                self._calls.add(asyncio.create_task(self._fly(step), name=f"chunk {step.chunk_id}"))
            case Wait(seconds):
                await self._rest(seconds)
            case Stale(mailer):
                self._unread = mailer
            case Idle.LOST:
                return False
            case Idle.NOTHING if not self._calls:
                return False
            case Idle.NOTHING | Idle.AIRBORNE:
                await self._landed()
        return True

    async def _fly(self, call: Call) -> None:
        answer = await send(call)
        rest = self._learn(call, answer)
        await self._record(call, answer, rest)

    def _learn(self, call: Call, answer: Answer) -> float:
        """Take a lesson from the answer: how many calls at once, how long to rest (seconds), what to read first."""
        if EntryOutcome.IN_DOUBT in answer.outcomes:
            self._unread = call.mailer  # an outage must not put one chunk after the other in doubt
        if not answer.troubled:
            self._failures = 0
            self._at_once = min(MOST_CALLS, self._at_once + 1)
            return 0.0
        self._failures += 1
        self._at_once = 1
        return backoff(self._failures)

    async def _record(self, call: Call, answer: Answer, rest: float) -> None:
        """Write the answer down, however long the database is away: until then it stands here only."""
        attempt = 0
        while True:
            now = self._tools.clock()
            tell = now - self._told.get(call.broadcast_id, now - _TELL_EVERY) >= _TELL_EVERY
            try:
                async with self._tools.db.write() as session:
                    await record(session, call, answer, now=now, rest=rest, tell=tell)
            except (DBAPIError, PoolTimeoutError, OSError):
                attempt += 1
                log.warning("the result of chunk %s cannot be stored yet (%d)", call.chunk_id, attempt, exc_info=True)
                await self._tools.sleep(backoff(attempt))
            else:
                if tell:
                    self._told[call.broadcast_id] = now
                return

    async def _landed(self, *, all_of_them: bool = False) -> None:
        """Wait until a call has been recorded, or all of them."""
        if not self._calls:
            return
        when = asyncio.ALL_COMPLETED if all_of_them else asyncio.FIRST_COMPLETED
        try:
            landed, self._calls = await asyncio.wait(self._calls, return_when=when)
        except asyncio.CancelledError:
            for call in self._calls:
                call.cancel()
            raise
        for call in landed:
            if not call.cancelled() and (error := call.exception()):
                log.error("%s was not recorded and is in doubt", call.get_name(), exc_info=error)

    async def _read(self, mailer: Mailer) -> None:
        """Have AWS asked about the mailer, and rest where it does not answer."""
        self._unread = None
        try:
            await self._tools.monitor.refresh(mailer)
        except BotError as error:
            log.info("mailer %s cannot be read: %s", mailer.id, error.code)
            self._unread = mailer
            self._failures += 1
            await self._rest(backoff(self._failures))

    async def _rest(self, seconds: float) -> None:
        """Sleep, but not longer than the lease allows, nor once the engine stops."""
        sleeping = asyncio.ensure_future(self._tools.sleep(min(seconds, _LONGEST_REST)))
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait({sleeping, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            stopping.cancel()
