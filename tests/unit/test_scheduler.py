"""The clock of a replica: a tick comes when it is its time, and at once when there is work."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from bot.scheduler import STALLED_SECONDS, Scheduler

AN_HOUR = 3600
PATIENCE = 10  # seconds


@pytest.fixture
async def scheduler() -> AsyncIterator[Scheduler]:
    made = Scheduler()
    yield made
    await made.finish(0)


async def test_a_tick_that_is_woken_does_not_wait_for_its_time(scheduler: Scheduler) -> None:
    ticks = asyncio.Queue[None]()

    async def tick() -> None:
        await ticks.put(None)

    scheduler.every(AN_HOUR, "outbox", tick)
    scheduler.wake("outbox")
    assert ticks.empty()  # before the start there is nothing to wake
    scheduler.start()
    async with asyncio.timeout(PATIENCE):
        await ticks.get()
        scheduler.wake("outbox")
        await ticks.get()


async def test_a_tick_that_is_woken_while_it_ticks_looks_once_more_and_never_twice_at_once(
    scheduler: Scheduler,
) -> None:
    began, go_on = asyncio.Queue[int](), asyncio.Event()
    under_way = 0

    async def tick() -> None:
        nonlocal under_way
        under_way += 1
        await began.put(under_way)
        await go_on.wait()
        under_way -= 1

    scheduler.every(AN_HOUR, "outbox", tick)
    scheduler.start()
    async with asyncio.timeout(PATIENCE):
        assert await began.get() == 1
        scheduler.wake("outbox")
        scheduler.wake("outbox")
        go_on.set()
        assert await began.get() == 1
    await asyncio.sleep(0)
    assert began.empty()


async def test_a_tick_that_fails_ticks_again_and_one_that_hangs_is_named() -> None:
    seconds = 0.0
    scheduler = Scheduler(lambda: seconds)
    tries = asyncio.Queue[int]()

    async def fails() -> None:
        await tries.put(1)
        raise RuntimeError

    scheduler.every(1, "monitor", fails)
    scheduler.start()
    async with asyncio.timeout(PATIENCE):
        for _ in range(2):
            scheduler.wake("monitor")
            await tries.get()
    assert scheduler.stalled() == []
    scheduler.stop()
    seconds = STALLED_SECONDS + 2
    assert scheduler.stalled() == ["monitor"]


async def test_a_tick_is_not_late_before_its_time() -> None:
    seconds = 0.0
    scheduler = Scheduler(lambda: seconds)

    async def tick() -> None:
        raise AssertionError

    scheduler.every(AN_HOUR, "forget", tick)
    seconds = AN_HOUR + STALLED_SECONDS
    assert await scheduler.check() == ""
    seconds += 1
    assert await scheduler.check() == "stalled: forget"


async def test_a_tick_that_is_under_way_at_the_stop_ends_and_no_other_begins(scheduler: Scheduler) -> None:
    began, go_on, done = asyncio.Queue[None](), asyncio.Event(), asyncio.Event()

    async def tick() -> None:
        await began.put(None)
        await go_on.wait()
        done.set()

    scheduler.every(AN_HOUR, "outbox", tick)
    scheduler.start()
    async with asyncio.timeout(PATIENCE):
        await began.get()
        scheduler.wake("outbox")
        scheduler.stop()
        assert await scheduler.check() == "stopping"
        finishing = asyncio.create_task(scheduler.finish(PATIENCE))
        for _ in range(5):
            await asyncio.sleep(0)
        go_on.set()
        await finishing

    assert done.is_set()
    assert began.empty()


async def test_a_tick_that_takes_too_long_at_the_stop_is_given_up(scheduler: Scheduler) -> None:
    began, ended = asyncio.Event(), asyncio.Event()

    async def tick() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    scheduler.every(AN_HOUR, "outbox", tick)
    scheduler.start()
    async with asyncio.timeout(PATIENCE):
        await began.wait()
        await scheduler.finish(0.01)
        await ended.wait()
