"""Sends what one AWS account has to send: claims, calls and records, chunk after chunk, while it holds the lease."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from bot.alerts.outbox import BETWEEN_DRAWINGS, Notice
from bot.broadcast.content.message import PersonalizerCache
from bot.broadcast.delivery.account_lease import AccountLease, release
from bot.broadcast.delivery.chunk import Blocked, Claimed, ClaimedChunk, Drained, FactsStale, Idle, Step, Wait
from bot.broadcast.delivery.claim import ChunkClaimer
from bot.broadcast.delivery.completion import complete_broadcast, pause_blocked
from bot.broadcast.delivery.fault_isolation import FaultIsolator
from bot.broadcast.delivery.in_flight import Concurrency, InFlight, backoff_seconds
from bot.broadcast.delivery.send_result import AnsweredChunk, SendResult, send_chunk
from bot.broadcast.delivery.settlement import record_result, settle_plain
from bot.broadcast.pauses import RECHECK_EVERY, resume_cleared
from bot.errors import BotError
from bot.mailer.mailers import Mailers
from bot.mailer.monitoring.monitor import Monitor
from bot.mailer.readiness.overview import Overviews
from bot.ses.bulk_send import EntryOutcome
from storage import Database, Mailer

log = logging.getLogger(__name__)

_RENEW_WITHIN = timedelta(seconds=10)  # the lease is renewed by a claim
_ANNOUNCE_EVERY = BETWEEN_DRAWINGS[Notice.BROADCAST]  # a session and a transaction of its own, beside plain statements
# seconds: a transaction of their own costs as much as the call, and what is not stored is in doubt after a kill
_RESULTS_WAIT = 0.15


@dataclass(frozen=True, slots=True)
class WorkerDeps:
    """What every worker works with."""

    db: Database
    mailers: Mailers
    monitor: Monitor
    overviews: Overviews
    personalizers: PersonalizerCache
    small_limit: int
    sleep: Callable[[float], Awaitable[None]]


class DeliveryWorker:
    def __init__(self, deps: WorkerDeps, lease: AccountLease, stopping: asyncio.Event) -> None:
        self._deps = deps
        self._lease = lease
        self._stopping = stopping
        self._isolator = FaultIsolator()
        self._claimer = ChunkClaimer(
            lease,
            deps.mailers,
            deps.overviews,
            deps.personalizers,
            self._isolator,
            small_limit=deps.small_limit,
            people_key=deps.db.people_key,
        )
        self._in_flight = InFlight()
        self._concurrency = Concurrency()
        self._failed_writes = 0  # in a row
        self._stale: Mailer | None = None  # its facts must be read before the next claim
        self._claim_at = self._recheck_at = deps.db.now()
        self._announced: dict[str, datetime] = {}  # when the progress of a broadcast was

    async def work(self) -> None:
        """Work until nothing is left, then release the account; what is in flight is always waited for."""
        try:
            while not self._stopping.is_set() and await self._run_once():
                pass
            await self._drain()
        except Exception:  # of the claim: what is in flight has nothing to do with it
            await self._drain()
            raise
        finally:
            self._in_flight.cancel()  # nothing is left, unless this task was cancelled
            async with self._deps.db.write() as session:
                await release(session, self._lease, self._deps.overviews)

    async def _run_once(self) -> bool:
        """Do the next thing. False: there is nothing left to do, or the lease is lost."""
        if self._in_flight.unsettled:
            await self._let_results_wait()
        room = self._concurrency.limit - self._in_flight.unanswered
        seconds = self._until_claim()
        claims = room > 0 and self._stale is None and seconds <= 0
        if self._in_flight.unsettled or claims:
            return await self._follow(await self._settle_and_claim(claims=claims))
        if room <= 0:
            await self._in_flight.wait()
        elif self._stale is not None:
            await self._refresh(self._stale)
        else:
            await self._idle(seconds)
        return True

    def _until_claim(self) -> float:
        return (self._claim_at - self._deps.db.now()).total_seconds()

    async def _let_results_wait(self) -> None:
        """Wait where the next claim is near, whose transaction stores the results too.

        The time is the event loop's, however the clock is played: results never wait for longer.
        """
        seconds = self._until_claim()
        if 0 < seconds <= _RESULTS_WAIT and all(each.is_plain for each in self._in_flight.unsettled):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), seconds)

    async def _settle_and_claim(self, *, claims: bool) -> Step:
        """Store the results there are, however long the database is away, and claim what may go now."""
        answered = self._in_flight.take()
        try:
            step = await self._transaction(answered, claims=claims and not self._failed_writes)
        except (DBAPIError, PoolTimeoutError, OSError):
            if not answered:
                raise
            self._failed_writes += 1
            log.warning("results cannot be stored yet (%d)", self._failed_writes, exc_info=True)
            await self._deps.sleep(backoff_seconds(self._failed_writes))
            return Idle.AGAIN
        self._failed_writes = 0
        self._in_flight.settled(len(answered))
        return step

    async def _transaction(self, answered: Sequence[AnsweredChunk], *, claims: bool) -> Step:
        """Do the frequent case in plain statements, and the rare ones in a session."""
        now = self._deps.db.now()
        announce = {each.call.broadcast_id for each in answered} - {
            broadcast for broadcast, at in self._announced.items() if now - at < _ANNOUNCE_EVERY
        }
        recheck = claims and self._recheck_at <= now
        if not announce and not recheck and all(each.is_plain for each in answered):
            in_flight = self._in_flight.unanswered
            room = self._concurrency.limit - in_flight if claims else 0
            return await self._deps.db.run(lambda using: self._fast_path(using, answered, now, in_flight, room))
        async with self._deps.db.write() as session:
            await record_result(session, answered, tell=announce)
            if recheck:
                await resume_cleared(session, self._lease.account_id, self._lease.region, self._deps.overviews)
        self._announced |= dict.fromkeys(announce, now)
        self._recheck_at = now + RECHECK_EVERY if recheck else self._recheck_at
        return Idle.AGAIN

    def _fast_path(
        self, connection: Connection, answered: Sequence[AnsweredChunk], now: datetime, in_flight: int, room: int
    ) -> Step:
        settle_plain(connection, answered, now)
        return self._claimer.claim(connection, now, in_flight=in_flight, room=room) if room else Idle.AGAIN

    async def _follow(self, step: Step) -> bool:
        """Do what the claim found. False: that was the end."""
        now = self._deps.db.now()
        match step:
            case Claimed():
                self._claim_at = min(step.next_at, now + _RENEW_WITHIN)
                self._concurrency.most = step.at_once
                for chunk in step.calls:
                    self._in_flight.start(chunk, self._send)
            case Wait(seconds):
                self._claim_at = now + min(timedelta(seconds=seconds), _RENEW_WITHIN)
            case FactsStale(mailer):
                self._stale = mailer
            case Blocked():
                async with self._deps.db.write() as session:
                    await pause_blocked(session, step)
            case Drained(broadcast_id):
                self._isolator.forget(broadcast_id)
                async with self._deps.db.write() as session:
                    await complete_broadcast(session, self._lease, broadcast_id)
            case Idle.LOST:
                return False
            case Idle.NOTHING if not self._in_flight.unanswered:
                return bool(self._in_flight.unsettled)
            case Idle.NOTHING | Idle.IN_FLIGHT:
                await self._in_flight.wait()
        return True

    async def _send(self, chunk: ClaimedChunk) -> AnsweredChunk:
        result = self._isolator.observe(chunk, await send_chunk(chunk))
        return AnsweredChunk(chunk, result, self._adapt(chunk, result))

    def _adapt(self, chunk: ClaimedChunk, result: SendResult) -> float:
        """Send more or less at a time from now on; return how many seconds to leave AWS alone."""
        if EntryOutcome.IN_DOUBT in result.outcomes:
            self._stale = chunk.mailer  # an outage must not put one chunk after the other in doubt
        if result.troubled:
            return self._concurrency.failed()
        self._concurrency.succeeded()
        return 0.0

    async def _drain(self) -> None:
        """Wait for every answer, and store the results."""
        while self._in_flight:
            if self._in_flight.unsettled:
                await self._settle_and_claim(claims=False)
            else:
                await self._in_flight.wait()

    async def _refresh(self, mailer: Mailer) -> None:
        """Ask AWS about the mailer, and back off where it does not answer."""
        self._stale = None
        try:
            await self._deps.monitor.refresh(mailer)
        except BotError as error:
            log.info("mailer %s cannot be read: %s", mailer.id, error.code)
            self._stale = mailer
            await self._idle(self._concurrency.back_off())

    async def _idle(self, seconds: float) -> None:
        """Sleep, but not longer than until AWS answers or the dispatcher stops."""
        waking = [
            asyncio.ensure_future(each)
            for each in (self._deps.sleep(seconds), self._in_flight.wait(), self._stopping.wait())
        ]
        try:
            await asyncio.wait(waking, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waking:
                each.cancel()
