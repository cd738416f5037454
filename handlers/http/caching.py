"""Caches costly answers of routes without a token for a few seconds, for all callers."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")

FRESH_SECONDS = 5


class Remembered(Generic[T]):
    """Gives an answer again while it is fresh. What `ask` raises is not remembered."""

    def __init__(self, ask: Callable[[], Awaitable[T]], clock: Callable[[], float]) -> None:
        self._ask = ask
        self._clock = clock
        self._turn = asyncio.Lock()
        self._known: tuple[float, T] | None = None

    async def __call__(self) -> T:
        async with self._turn:
            if self._known is None or not 0 <= self._clock() - self._known[0] < FRESH_SECONDS:
                self._known = self._clock(), await self._ask()
            return self._known[1]
