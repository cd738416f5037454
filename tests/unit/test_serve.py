"""The bot as a process is told to end, also before it has started."""

import asyncio
import os
import signal

import pytest

from bot.scheduler import Scheduler
from handlers.cli.commands import serve


class Slow:
    """A service whose start waits, as it does for a Slack that does not answer."""

    def __init__(self) -> None:
        self.scheduler = Scheduler()
        self.waits = asyncio.Event()
        self.stopped = 0

    async def start(self) -> None:
        self.waits.set()
        await asyncio.Event().wait()

    async def stop(self) -> None:
        self.stopped += 1


class Broken(Slow):
    async def start(self) -> None:
        raise RuntimeError("no port")


async def test_sigterm_ends_a_start_that_waits_and_closes_what_is_open() -> None:
    service = Slow()
    serving = asyncio.create_task(serve(lambda: service))
    async with asyncio.timeout(10):
        await service.waits.wait()
        os.kill(os.getpid(), signal.SIGTERM)
        await serving

    assert service.stopped == 1


async def test_what_a_start_raises_ends_it() -> None:
    service = Broken()
    with pytest.raises(RuntimeError, match="no port"):
        await serve(lambda: service)

    assert service.stopped == 1
