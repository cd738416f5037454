"""How late the event loop was, on a loop whose time a test tells."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest

from handlers.http.loop_lag import EVERY, WINDOW, LoopLag


class Loop:
    """The two methods that are asked of an event loop."""

    def __init__(self) -> None:
        self.now = 0.0
        self.waiting: list[tuple[float, Callable[..., None], tuple[Any, ...]]] = []

    def time(self) -> float:
        return self.now

    def call_later(self, seconds: float, work: Callable[..., None], *arguments: Any) -> asyncio.TimerHandle:
        self.waiting.append((self.now + seconds, work, arguments))
        return cast("asyncio.TimerHandle", None)

    def run(self, late: float = 0) -> None:
        """Carry out what waits, so many seconds too late."""
        due, work, arguments = self.waiting.pop()
        self.now = due + late
        work(*arguments)


def test_the_worst_of_the_last_minute_is_told_and_then_forgotten() -> None:
    loop, lag = Loop(), LoopLag()
    lag.start(cast("asyncio.AbstractEventLoop", loop))
    assert lag.worst == 0

    loop.run()
    loop.run(late=2)
    loop.run(late=0.5)
    assert lag.worst == pytest.approx(2)

    for _ in range(int(WINDOW / EVERY) - 1):
        loop.run()
    assert lag.worst == pytest.approx(0.5)
    for _ in range(4):
        loop.run()
    assert lag.worst == 0


async def test_after_the_stop_nothing_is_left_to_run() -> None:
    lag = LoopLag()
    lag.start(asyncio.get_running_loop())
    lag.stop()

    assert lag._next is not None and lag._next.cancelled()
