"""The sender of one AWS account: claims, calls and records, chunk after chunk, while it holds the account's lease."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from bot.broadcast.content.message import PersonalizerCache
from bot.broadcast.delivery.account_lease import AccountLease, release
from bot.broadcast.delivery.chunk import Blocked, Claimed, ClaimedChunk, Drained, FactsStale, Idle, Step, Wait
from bot.broadcast.delivery.claim import ChunkClaimer
from bot.broadcast.delivery.completion import complete_broadcast, pause_blocked
from bot.broadcast.delivery.fault_isolation import FaultIsolator
from bot.broadcast.delivery.send_result import Landed, SendResult, send_chunk
from bot.broadcast.delivery.settlement import record_result, settle_chunk
from bot.broadcast.pauses import RECHECK_EVERY, resume_cleared
from bot.errors import BotError
from bot.mailer.mailers import Mailers
from bot.mailer.monitoring.monitor import Monitor
from bot.mailer.readiness.overview import Overviews
from bot.pacing import backoff
from bot.ses.bulk_send import EntryOutcome
from storage.database import Database
from storage.models import Mailer

log = logging.getLogger(__name__)

_LONGEST_REST = timedelta(seconds=10)  # then the lease is renewed
_backoff = partial(backoff, first=0.5, longest=60.0, jitter=0.5)  # SES counts the recipients of one second
_TELL_EVERY = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class WorkerDeps:
    """What every sender works with."""

    db: Database
    clock: Callable[[], datetime]
    mailers: Mailers
    monitor: Monitor
    overviews: Overviews
    personalizers: PersonalizerCache
    small_limit: int
    sleep: Callable[[float], Awaitable[None]]


class DeliveryWorker:
    def __init__(self, tools: WorkerDeps, held: AccountLease, stopping: asyncio.Event) -> None:
        self._tools = tools
        self._held = held
        self._stopping = stopping
        self._isolator = FaultIsolator()
        self._claimer = ChunkClaimer(
            held, tools.mailers, tools.overviews, tools.personalizers, self._isolator, small_limit=tools.small_limit
        )
        self._calls: set[asyncio.Task[None]] = set()
        self._airborne = 0  # those of them that AWS has not answered
        self._landed: list[Landed] = []  # the others: until they are written down, what they brought stands here only
        self._news = asyncio.Event()  # one has landed
        self._at_once = self._most_at_once = 1  # calls that may be under way; more of them while all goes well
        self._failures = 0  # of AWS, in a row
        self._failed_writes = 0  # in a row
        self._unread: Mailer | None = None  # its facts must be read before the next claim
        self._next_at = self._look_at = tools.clock()
        self._told: dict[str, datetime] = {}

    async def work(self) -> None:
        """Work until nothing is left, then give the account back; what is under way is always waited for."""
        try:
            while not self._stopping.is_set() and await self._turn():
                pass
            await self._all_land()
        except Exception:  # of the claim: what is under way has nothing to do with it
            await self._all_land()
            raise
        finally:
            for call in self._calls:  # none is left, unless somebody does not want to wait for them any more
                call.cancel()
            async with self._tools.db.write() as session:
                await release(session, self._held, self._tools.overviews, self._tools.clock())

    async def _turn(self) -> bool:
        """Do the next thing. False: there is nothing left to do, or the account is somebody else's now."""
        room = self._at_once - self._airborne
        seconds = (self._next_at - self._tools.clock()).total_seconds()
        claims = room > 0 and self._unread is None and seconds <= 0
        if self._landed or claims:
            return await self._take(await self._write(claims=claims))
        if room <= 0:
            await self._lands()
        elif self._unread is not None:
            await self._read(self._unread)
        else:
            await self._rest(seconds)
        return True

    async def _write(self, *, claims: bool) -> Step:
        """Write down what came back, however long the database is away, and claim what may go now."""
        self._news.clear()
        landed = tuple(self._landed)
        try:
            step = await self._transaction(landed, claims=claims and not self._failed_writes)
        except (DBAPIError, PoolTimeoutError, OSError):
            if not landed:
                raise
            self._failed_writes += 1
            log.warning("results cannot be stored yet (%d)", self._failed_writes, exc_info=True)
            await self._tools.sleep(_backoff(self._failed_writes))
            return Idle.AGAIN
        self._failed_writes = 0
        del self._landed[: len(landed)]
        for each in landed:
            each.written.set()
        return step

    async def _transaction(self, landed: Sequence[Landed], *, claims: bool) -> Step:
        """Do in one go what is done all the time, and in a session what is rare."""
        now = self._tools.clock()
        tell = {each.call.broadcast_id for each in landed} - {
            broadcast for broadcast, told in self._told.items() if now - told < _TELL_EVERY
        }
        look = claims and self._look_at <= now
        if not tell and not look and all(each.is_plain for each in landed):
            airborne, room = self._airborne, self._at_once - self._airborne if claims else 0
            return await self._tools.db.run(lambda using: self._in_one_go(using, landed, now, airborne, room))
        async with self._tools.db.write() as session:
            await record_result(session, landed, now=now, tell=tell)
            if look:
                await resume_cleared(session, self._held.account_id, self._held.region, self._tools.overviews, now)
        self._told |= dict.fromkeys(tell, now)
        self._look_at = now + RECHECK_EVERY if look else self._look_at
        return Idle.AGAIN

    def _in_one_go(
        self, connection: Connection, landed: Sequence[Landed], now: datetime, airborne: int, room: int
    ) -> Step:
        for each in landed:
            settle_chunk(connection, each.call, each.answer, now)
        return self._claimer.claim(connection, now, airborne=airborne, room=room) if room else Idle.AGAIN

    async def _take(self, step: Step) -> bool:
        now = self._tools.clock()
        match step:
            case Claimed():
                self._next_at = min(step.next_at, now + _LONGEST_REST)
                self._most_at_once = step.at_once
                for call in step.calls:
                    self._start(call)
            case Wait(seconds):
                self._next_at = min(now + timedelta(seconds=seconds), now + _LONGEST_REST)
            case FactsStale(mailer):
                self._unread = mailer
            case Blocked():
                async with self._tools.db.write() as session:
                    await pause_blocked(session, step, now)
            case Drained(broadcast_id):
                self._isolator.forget(broadcast_id)
                async with self._tools.db.write() as session:
                    await complete_broadcast(session, self._held, broadcast_id, now)
            case Idle.LOST:
                return False
            case Idle.NOTHING if not self._airborne:
                return bool(self._landed)
            case Idle.NOTHING | Idle.AIRBORNE:
                await self._lands()
        return True

    def _start(self, call: ClaimedChunk) -> None:
        self._airborne += 1
        task = asyncio.create_task(self._fly(call), name=f"chunk {call.chunk_id}")
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)

    async def _fly(self, call: ClaimedChunk) -> None:
        """Make the call; done when its result is written down."""
        try:
            answer = self._isolator.observe(call, await send_chunk(call))
            landed = Landed(call, answer, self._learn(call, answer))
            self._landed.append(landed)
        finally:
            self._airborne -= 1
            self._news.set()
        await landed.written.wait()

    def _learn(self, call: ClaimedChunk, answer: SendResult) -> float:
        """Take a lesson from the answer: how many calls at once, how long to rest (seconds), what to read first."""
        if EntryOutcome.IN_DOUBT in answer.outcomes:
            self._unread = call.mailer  # an outage must not put one chunk after the other in doubt
        if not answer.troubled:
            self._failures = 0
            self._at_once = min(self._most_at_once, self._at_once + 1)
            return 0.0
        self._failures += 1
        self._at_once = 1
        return _backoff(self._failures)

    async def _lands(self) -> None:
        """Wait until a call has landed."""
        await self._news.wait()
        self._news.clear()

    async def _all_land(self) -> None:
        """Wait for every call, and write down what they brought."""
        while self._airborne or self._landed:
            if self._landed:
                await self._write(claims=False)
            else:
                await self._lands()

    async def _read(self, mailer: Mailer) -> None:
        """Have AWS asked about the mailer, and rest where it does not answer."""
        self._unread = None
        try:
            await self._tools.monitor.refresh(mailer)
        except BotError as error:
            log.info("mailer %s cannot be read: %s", mailer.id, error.code)
            self._unread = mailer
            self._failures += 1
            await self._rest(_backoff(self._failures))

    async def _rest(self, seconds: float) -> None:
        """Sleep, but not longer than until a call lands or the engine stops."""
        waking = [
            asyncio.ensure_future(each)
            for each in (self._tools.sleep(seconds), self._news.wait(), self._stopping.wait())
        ]
        try:
            await asyncio.wait(waking, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waking:
                each.cancel()
            self._news.clear()
