"""APScheduler as a clock: it ticks callables, and knows when each last came through.

What is due is decided by rows in the database, so a tick that is late or lost loses nothing.
"""

import logging
import time
from collections.abc import Awaitable, Callable

from apscheduler.schedulers.asyncio import AsyncIOScheduler

log = logging.getLogger(__name__)

Tick = Callable[[], Awaitable[None]]

STALLED_SECONDS = 150.0  # longer than the slowest single tick: a poll is at most a few calls of 20 s


class Scheduler:
    """Runs each tick every few seconds, never twice at once."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._clock = AsyncIOScheduler(timezone="UTC")
        self._monotonic = monotonic
        self._came_through: dict[str, float] = {}

    def every(self, seconds: float, name: str, tick: Tick) -> None:
        """Tick this often, once started."""
        self._came_through[name] = self._monotonic()

        async def run() -> None:
            try:
                await tick()
            except Exception:
                log.exception("the tick %s failed; what it had claimed is due again when its lease ends", name)
            self._came_through[name] = self._monotonic()

        self._clock.add_job(
            run, "interval", seconds=seconds, id=name, max_instances=1, coalesce=True, misfire_grace_time=None
        )

    def start(self) -> None:
        self._clock.start()

    def stop(self) -> None:
        if self._clock.running:
            self._clock.shutdown(wait=False)

    def stalled(self) -> list[str]:
        """Return the ticks that have not come through for too long."""
        now = self._monotonic()
        return [name for name, at in self._came_through.items() if now - at > STALLED_SECONDS]
