"""Counting recipients over a sliding window: the rolling 24 hours of the quota, the second of the rate."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta


class Window:
    """Recipients accepted within the last `span`; each question costs amortised constant time."""

    def __init__(self, span: timedelta) -> None:
        self._span = span
        self._entries: deque[tuple[datetime, int]] = deque()
        self._total = 0

    def add(self, now: datetime, count: int) -> None:
        if count:
            self._entries.append((now, count))
            self._total += count

    def total(self, now: datetime) -> int:
        while self._entries and self._entries[0][0] <= now - self._span:
            self._total -= self._entries.popleft()[1]
        return self._total

    def preset(self, now: datetime, count: int) -> None:
        """Pretend that `count` recipients were accepted just now, and none before."""
        self._entries.clear()
        self._total = 0
        self.add(now, count)
