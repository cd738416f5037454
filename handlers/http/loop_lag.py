"""How late the event loop is: whatever blocks it holds up every click, send and request of this process."""

import asyncio
from collections import deque

EVERY = 0.25  # seconds between two looks
WINDOW = 60.0  # seconds: longer than Prometheus waits between two scrapes, so that it misses none


class LoopLag:
    """Looks from `start` until `stop`; each time the loop is late by what else it was doing."""

    def __init__(self) -> None:
        self._late: deque[tuple[float, float]] = deque()  # when, and by how many seconds; the latest is the last
        self._next: asyncio.TimerHandle | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._next = loop.call_later(EVERY, self._look, loop, loop.time() + EVERY)

    def stop(self) -> None:
        if self._next:
            self._next.cancel()

    @property
    def worst(self) -> float:
        """The most it was late in the last minute, in seconds."""
        return max((late for _, late in self._late), default=0.0)

    def _look(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        now = loop.time()
        self._late.append((now, max(0.0, now - due)))
        while self._late[0][0] < now - WINDOW:
            self._late.popleft()
        self.start(loop)
