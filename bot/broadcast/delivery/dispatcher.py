"""Sends what is due: starts scheduled broadcasts, and keeps one sender for every AWS account that has work."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement
from sqlmodel import col, or_, select

from bot.broadcast.content.message import PersonalizerCache
from bot.broadcast.delivery.account_lease import acquire
from bot.broadcast.delivery.worker import DeliveryWorker, WorkerDeps
from bot.broadcast.transitions import MAILROOM, schedule_sending, transition
from bot.mailer.mailers import Mailers
from bot.mailer.monitoring.monitor import Monitor
from bot.mailer.readiness.overview import Overviews
from bot.tasks import Tasks, run_all
from storage import Broadcast, BroadcastState, Database, Mailer, PauseReason, PollKind, SendingAccount, Team, leases

MISSED: Final = timedelta(hours=1)
"""A start missed by more asks first."""

STOP_SECONDS = 25.0  # a call takes at most 23
_AT_ONCE = 100
_STARTS_AT_ONCE = 10
"""One after the other, each would wait for a transaction of the broadcasts that are being sent."""


class Dispatcher:
    """Every replica has one; a lease decides which of them sends for an account.

    Args:
        db, mailers, monitor, overviews: as everywhere.
        personalizers: fills broadcasts for their recipients.
        small_limit: `MAILROOM_SMALL_BROADCAST_LIMIT`.
        sleep: how to wait for the next call that fits the pace.
    """

    def __init__(
        self,
        db: Database,
        mailers: Mailers,
        monitor: Monitor,
        overviews: Overviews,
        personalizers: PersonalizerCache,
        *,
        small_limit: int,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._db = db
        self._deps = WorkerDeps(db, mailers, monitor, overviews, personalizers, small_limit, sleep)
        self._owner = secrets.token_hex(8)
        self._stopping = asyncio.Event()
        self._tasks = Tasks()
        self._workers: dict[str, asyncio.Task[None]] = {}

    async def tick(self) -> None:
        """Start what is due, and a worker for each account that has work and none."""
        if self._stopping.is_set():
            return
        now = self._db.now()
        try:
            await self._start_due(now)
        finally:
            await self._start_workers(now)

    async def idle(self) -> None:
        """Wait until every worker that is running has nothing left to do."""
        while self._workers:
            await asyncio.wait(self._workers.values())

    async def stop(self) -> None:
        """Claim nothing more, and finish what is under way; what AWS does not answer in time is in doubt."""
        self._stopping.set()
        await self._tasks.finish(STOP_SECONDS)

    async def _start_due(self, now: datetime) -> None:
        async with self._db.read() as session:
            due = select(Broadcast.id, Mailer.account_id, Mailer.region).where(*_is_due(now))
            due = due.outerjoin(Mailer, col(Mailer.id) == Broadcast.mailer_id)
            starting = (await session.exec(due.order_by(col(Broadcast.start_at)).limit(_AT_ONCE))).all()
        await run_all((self._start(*each) for each in starting), at_once=_STARTS_AT_ONCE)

    async def _start_workers(self, now: datetime) -> None:
        free = or_(col(SendingAccount.lease_until).is_(None), col(SendingAccount.lease_until) <= now)
        async with self._db.read() as session:
            working = (await session.exec(select(SendingAccount).where(col(SendingAccount.work_at) <= now, free))).all()
        for account in working:
            if account.id not in self._workers:
                self._workers[account.id] = self._tasks.start(
                    self._send(account), f"delivery worker {account.account_id}"
                )

    async def _start(self, broadcast_id: str, account_id: str | None, region: str | None) -> None:
        async with self._db.write() as session:
            if account_id and region:
                await schedule_sending(session, account_id, region, session.now)
            due = select(Broadcast, Team).join(Team).where(col(Broadcast.id) == broadcast_id, *_is_due(session.now))
            found = (await session.exec(due.with_for_update(of=Broadcast))).first()
            if found is None:
                return
            broadcast, team = found
            if broadcast.mailer_id is None:
                await transition(
                    session,
                    broadcast,
                    BroadcastState.CANCELLED,
                    by=MAILROOM,
                    action="broadcast.cancel",
                    now=session.now,
                )
            elif reason := _why_not(broadcast, team, session.now):
                await transition(
                    session,
                    broadcast,
                    BroadcastState.PAUSED,
                    by=MAILROOM,
                    action="broadcast.hold",
                    now=session.now,
                    reasons=[reason],
                )
            else:
                await transition(
                    session, broadcast, BroadcastState.SENDING, by=MAILROOM, action="broadcast.start", now=session.now
                )
                await leases.schedule(session, PollKind.FEEDBACK, broadcast.mailer_id, session.now)

    async def _send(self, account: SendingAccount) -> None:
        try:
            async with self._db.write() as session:
                held = await acquire(session, account, self._owner)
            if held is not None:
                await DeliveryWorker(self._deps, held, self._stopping).work()
        finally:
            del self._workers[account.id]


def _is_due(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return col(Broadcast.state) == BroadcastState.SCHEDULED, col(Broadcast.start_at) <= now


def _why_not(broadcast: Broadcast, team: Team, now: datetime) -> PauseReason | None:
    """Say why a broadcast that is due must wait; readiness is checked before anything of it is claimed."""
    if broadcast.start_at and now - broadcast.start_at > MISSED:
        return PauseReason.LATE
    return None if team.reachable else PauseReason.UNREACHABLE
