"""The chunks of one worker that are under way, and how many may be."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from bot.broadcast.delivery.chunk import ClaimedChunk
from bot.broadcast.delivery.send_result import AnsweredChunk
from bot.pacing import backoff

backoff_seconds = partial(backoff, first=0.5, longest=60.0, jitter=0.5)  # SES counts the recipients of one second


class InFlight:
    """The chunks that were handed to AWS.

    Attributes:
        unanswered: how many AWS has not answered.
        unsettled: the others, with their results, which stand here only until they are stored.
    """

    def __init__(self) -> None:
        self.unanswered = 0
        self.unsettled: list[AnsweredChunk] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._answered = asyncio.Event()

    def __bool__(self) -> bool:
        return bool(self.unanswered or self.unsettled)

    def start(self, chunk: ClaimedChunk, send: Callable[[ClaimedChunk], Awaitable[AnsweredChunk]]) -> None:
        self.unanswered += 1
        task = asyncio.create_task(self._send(chunk, send), name=f"chunk {chunk.chunk_id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def wait(self) -> None:
        """Wait until AWS answers one."""
        await self._answered.wait()
        self._answered.clear()

    def take(self) -> tuple[AnsweredChunk, ...]:
        """Return what is to be stored, which stays here until it is `settled`."""
        self._answered.clear()
        return tuple(self.unsettled)

    def settled(self, count: int) -> None:
        """Forget the oldest results: they are stored."""
        for each in self.unsettled[:count]:
            each.stored.set()
        del self.unsettled[:count]

    def cancel(self) -> None:
        for task in self._tasks:
            task.cancel()

    async def _send(self, chunk: ClaimedChunk, send: Callable[[ClaimedChunk], Awaitable[AnsweredChunk]]) -> None:
        """Done when the result is stored."""
        try:
            answered = await send(chunk)
            self.unsettled.append(answered)
        finally:
            self.unanswered -= 1
            self._answered.set()
        await answered.stored.wait()


class Concurrency:
    """How many chunks may be under way: one more after each that went well, a single one after trouble.

    Attributes:
        limit: so many now.
        most: so many at most, by the account's rate.
    """

    def __init__(self) -> None:
        self.limit = self.most = 1
        self._failures = 0  # in a row

    def succeeded(self) -> None:
        self._failures = 0
        self.limit = min(self.most, self.limit + 1)

    def failed(self) -> float:
        """Return how many seconds to leave AWS alone."""
        self.limit = 1
        return self.back_off()

    def back_off(self) -> float:
        self._failures += 1
        return backoff_seconds(self._failures)
