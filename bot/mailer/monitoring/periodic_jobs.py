"""Runs the periodic jobs of a mailer, one function for each kind, when their rows are due."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from bot.leased_poller import LeasedPoller
from storage import Database, Mailer, PollKind, leases

AT_ONCE: Final = 8
PATIENCE: Final = 5.0  # seconds that a tick waits for what it has started

Job = Callable[[leases.Claim, Mailer], Awaitable[None]]
"""Does what is due, and says by the claim when it is due again, or that it is not (`leases.finish`, `leases.end`)."""


class PeriodicJobs(LeasedPoller[leases.Claim]):
    def __init__(self, db: Database, jobs: Mapping[PollKind, Job]) -> None:
        super().__init__(db, at_once=AT_ONCE, patience=PATIENCE)
        self._jobs = jobs

    async def _claim(self, limit: int) -> list[leases.Claim]:
        return await self._claim_polls(self._jobs, limit)

    async def _work(self, claimed: leases.Claim) -> None:
        async with self._db.read() as session:
            mailer = await session.get(Mailer, claimed.subject_id)
        if mailer is not None:
            await self._jobs[claimed.kind](claimed, mailer)
        else:
            async with self._db.write() as session:
                await leases.end(session, claimed)
