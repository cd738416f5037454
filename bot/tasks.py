"""Work that outlives the request it came from: held on to, its failure logged, waited for at the end."""

import asyncio
import logging
from collections.abc import Coroutine, Iterable
from itertools import islice
from typing import Any, TypeVar

T = TypeVar("T")  # Python 3.11 has no type parameters yet

log = logging.getLogger(__name__)


class Tasks:
    """Supervised asyncio tasks. What must survive a crash is a row in the database instead."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        """How many are under way."""
        return len(self._running)

    def start(self, work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        task = asyncio.create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._done)
        return task

    async def idle(self) -> None:
        """Wait until nothing is under way."""
        while self._running:
            await asyncio.wait(self._running)

    async def finish(self, seconds: float) -> None:
        """Wait for what is under way, then cancel the rest."""
        running = list(self._running)
        if not running:
            return
        _, late = await asyncio.wait(running, timeout=seconds)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("task %s ended with an error", task.get_name(), exc_info=error)


async def run_all(work: Iterable[Coroutine[Any, Any, None]], *, at_once: int = 1) -> None:
    """Await all of them, a few at a time. None keeps another back.

    The first error is raised once all have ended, and the others are logged.
    """
    errors: list[BaseException] = []
    left = iter(work)
    while some := list(islice(left, at_once)):
        errors += [error for error in await asyncio.gather(*some, return_exceptions=True) if error]
    for error in errors[1:]:
        log.error("this failed as well", exc_info=error)
    if errors:
        raise errors[0]
