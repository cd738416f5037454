"""A queue of jobs with one thread: what AWS does after it has answered."""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Any

_log = logging.getLogger(__name__)
Job = Callable[[], Any]
_LOOK_SECONDS = 0.02  # at the clock, which may be one that somebody moves


class Worker:
    """Does its jobs in order. A job that fails is logged, and the next one is done."""

    def __init__(self, name: str, clock: Callable[[], datetime]) -> None:
        self._name = name
        self._clock = clock
        self._later: list[tuple[datetime, int, Job]] = []
        self._numbers = itertools.count()
        self._jobs: deque[Job] = deque()
        self._changed = threading.Condition()
        self._busy = False
        self._closed = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._closed = False
        self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Forget what is not begun, and wait for what is."""
        with self._changed:
            self._closed = True
            self._forget()
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()

    def do(self, job: Job) -> None:
        with self._changed:
            self._jobs.append(job)
            self._changed.notify_all()

    def do_at(self, due: datetime, job: Job) -> None:
        """Do it once the clock says so."""
        with self._changed:
            heapq.heappush(self._later, (due, next(self._numbers), job))
            self._changed.notify_all()

    def clear(self) -> None:
        with self._changed:
            self._forget()

    def settle(self, timeout: float) -> bool:
        """Wait until every job so far is done, and what was put off until now; False when that took longer."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._is_due() and not self._busy, timeout)

    def _forget(self) -> None:
        self._jobs.clear()
        self._later.clear()

    def _is_due(self) -> bool:
        while self._later and self._later[0][0] <= self._clock():
            self._jobs.append(heapq.heappop(self._later)[2])
        return bool(self._jobs)

    def _work(self) -> None:
        while True:
            with self._changed:
                self._busy = False
                self._changed.notify_all()
                while not self._is_due() and not self._closed:
                    self._changed.wait(_LOOK_SECONDS if self._later else None)
                if self._closed:
                    return
                job = self._jobs.popleft()
                self._busy = True
            try:
                job()
            except Exception:  # noqa: BLE001 - one bad job must not stop the others
                _log.exception("a job of the playground failed")
