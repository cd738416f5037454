"""The loop of everything that waits in the database: claim what is due, work on it side by side, a few at a time."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Generic, TypeVar

from bot.tasks import Tasks
from storage import Database, PollKind, leases

T = TypeVar("T")  # Python 3.11 has no type parameters yet


class LeasedPoller(ABC, Generic[T]):
    """A subclass says how work is claimed and how one piece of it is done. What fails is due again when its lease ends.

    Args:
        db: what is due is there.
        at_once: so many pieces are worked on at most.
        patience: seconds that a tick waits for what it started, so that a slow piece does not hold up those that are
            due later; None: as long as it takes.
    """

    def __init__(self, db: Database, *, at_once: int, patience: float | None = None) -> None:
        self._db = db
        self._at_once = at_once
        self._patience = patience
        self._working = Tasks()
        self._stopping = False

    async def tick(self) -> None:
        """Start whatever is due, as far as there is room."""
        room = self._at_once - len(self._working)
        if room > 0 and not self._stopping and (due := await self._claim(room)) and not self._stopping:
            name = type(self).__name__
            await asyncio.wait([self._working.start(self._work(one), name) for one in due], timeout=self._patience)

    async def idle(self) -> None:
        """Wait until nothing is under way."""
        await self._working.idle()

    async def stop(self, seconds: float) -> None:
        """Begin nothing more, wait for what is under way, then give it up: it is due again when its lease ends."""
        self._stopping = True
        await self._working.finish(seconds)

    @abstractmethod
    async def _claim(self, limit: int) -> Sequence[T]:
        """Claim up to `limit` pieces of work that are due."""

    @abstractmethod
    async def _work(self, claimed: T) -> None: ...

    async def _claim_polls(
        self, kinds: Collection[PollKind], limit: int, lease: timedelta = leases.LONGEST_POLL
    ) -> list[leases.Claim]:
        async with self._db.write() as session:
            return await leases.claim_due(session, kinds, lease=lease, limit=limit)
