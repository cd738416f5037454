"""APScheduler as a clock: it ticks callables, and knows when each last came through.

What is due is decided by rows in the database, so a tick that is late or lost loses nothing.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from apscheduler.schedulers.asyncio import AsyncIOScheduler

log = logging.getLogger(__name__)

Tick = Callable[[], Awaitable[None]]

STALLED_SECONDS = 150.0  # over its time; longer than the slowest single tick: a poll is at most a few calls of 20 s


class Scheduler:
    """Runs each tick every few seconds, never twice at once."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._clock = AsyncIOScheduler(timezone="UTC")
        self._monotonic = monotonic
        self._seconds: dict[str, float] = {}  # from one to the next
        self._came_through: dict[str, float] = {}
        self._ticking: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopped = False
        self._once_more: set[str] = set()

    def every(self, seconds: float, name: str, tick: Tick) -> None:
        """Tick at once when started, and then this often."""
        self._seconds[name] = seconds
        self._came_through[name] = self._monotonic()

        async def run() -> None:
            if task := asyncio.current_task():
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            self._ticking.add(name)
            self._once_more.add(name)
            while name in self._once_more and not self._stopped:
                self._once_more.discard(name)
                try:
                    await tick()
                except Exception:
                    log.exception("the tick %s failed; what it had claimed is due again when its lease ends", name)
                self._came_through[name] = self._monotonic()
            self._ticking.discard(name)

        self._clock.add_job(
            run,
            "interval",
            seconds=seconds,
            next_run_time=datetime.now(UTC),
            id=name,
            max_instances=1,
            coalesce=True,
            misfire_grace_time=None,
        )

    def wake(self, name: str) -> None:
        """Tick now, or, where it is ticking, once more after that. Before the start it changes nothing."""
        if name in self._ticking:
            self._once_more.add(name)
        elif self._clock.running and not self._stopped:
            self._clock.modify_job(name, next_run_time=datetime.now(UTC))

    def start(self) -> None:
        self._clock.start()

    def stop(self) -> None:
        """Begin no tick any more; those under way go on."""
        self._stopped = True
        if self._clock.running:
            self._clock.pause()

    async def finish(self, seconds: float) -> None:
        """Wait so long for the ticks under way, and cancel the others: what one has said to Slack it has to store."""
        self.stop()
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=seconds)
        if self._clock.running:
            self._clock.shutdown(wait=False)  # which cancels them

    async def check(self) -> str:
        """Say that it stops, or which ticks have stalled; empty where all is well."""
        if self._stopped:
            return "stopping"
        stalled = self.stalled()
        return f"stalled: {', '.join(stalled)}" if stalled else ""

    def stalled(self) -> list[str]:
        """Return the ticks that have not come through for too long."""
        now = self._monotonic()
        came = self._came_through.items()
        return [name for name, at in came if now - at > self._seconds[name] + STALLED_SECONDS]
