"""What is done for a mailer now and then, each kind by a function of its own, when its row in the database is due."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Final

from bot.tasks import Tasks
from storage import leases
from storage.database import Database
from storage.models import Mailer
from storage.states import PollKind

AT_ONCE: Final = 8
PATIENCE: Final = 5.0  # seconds that a tick waits for what it has started

Job = Callable[[leases.Claim, Mailer], Awaitable[None]]
"""Does what is due, and says by the claim when it is due again, or that it is not (`leases.finish`, `leases.end`)."""


class PeriodicJobs:
    def __init__(self, db: Database, clock: Callable[[], datetime], jobs: Mapping[PollKind, Job]) -> None:
        self._db = db
        self._clock = clock
        self._jobs = jobs
        self._tasks = Tasks()
        self._under_way = 0

    async def tick(self) -> None:
        """Start whatever is due; one that fails is due again when its lease ends."""
        free = AT_ONCE - self._under_way
        async with self._db.write() as session:
            claims = await leases.claim_due(
                session, self._jobs, now=self._clock(), lease=leases.LONGEST_POLL, limit=free
            )
        started = [self._tasks.start(self._do(claim), f"{claim.kind} of {claim.subject_id}") for claim in claims]
        if started:
            await asyncio.wait(started, timeout=PATIENCE)

    async def idle(self) -> None:
        """Wait until nothing is under way."""
        await self._tasks.idle()

    async def stop(self, seconds: float) -> None:
        """Wait for what is under way, then give it up."""
        await self._tasks.finish(seconds)

    async def _do(self, claim: leases.Claim) -> None:
        self._under_way += 1
        try:
            async with self._db.read() as session:
                mailer = await session.get(Mailer, claim.subject_id)
            if mailer is not None:
                await self._jobs[claim.kind](claim, mailer)
            else:
                async with self._db.write() as session:
                    await leases.end(session, claim)
        finally:
            self._under_way -= 1
