"""Two pieces of work on one PostgreSQL database in every order of their statements.

Each stops before every statement and before every commit, and goes on when the order says so. One that waits for a lock
of the other goes on by itself once that is free; PostgreSQL itself tells who waits.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from itertools import combinations, pairwise, product, zip_longest
from typing import Any

from sqlalchemy import event, text
from sqlalchemy.util import await_only

from storage.database import Database

Work = Callable[[], Awaitable[Any]]

_LONGEST = 10.0  # seconds for one step
_LOOK_EVERY = 0.002

_WAITING = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
_actor: ContextVar["_Actor | None"] = ContextVar("actor", default=None)


class _Actor:
    """A piece of work that stops before each step."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._go = asyncio.Event()
        self.stands = asyncio.Event()  # before its next step, or at its end
        self.steps = 0
        self.task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        self.stands.set()
        await self._go.wait()
        self._go.clear()
        self.steps += 1

    def go(self) -> None:
        self.stands.clear()
        self._go.set()

    async def _run(self) -> Any:
        _actor.set(self)
        try:
            return await self._work()
        finally:
            self.stands.set()


class Interleaving:
    """Made by `interleaving`."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def steps(self, work: Work) -> int:
        """Return how many steps the work has by itself."""
        actor = _Actor(work)
        await self._to_the_end([actor])
        await actor.task
        return actor.steps

    async def run(self, *works: Work, order: Iterable[int]) -> list[Any]:
        """Do them step by step in this order (0: the first), and then to their ends; return what they returned.

        Raises what the works raise, PostgreSQL's "deadlock detected" too.
        """
        actors = [_Actor(work) for work in works]
        await self._settle(actors)
        for number in order:
            await self._step(actors[number], actors)
        await self._to_the_end(actors)
        return await asyncio.gather(*(actor.task for actor in actors))

    async def _to_the_end(self, actors: list[_Actor]) -> None:
        while not all(actor.task.done() for actor in actors):
            for actor in actors:
                await self._step(actor, actors)

    async def _step(self, actor: _Actor, actors: list[_Actor]) -> None:
        if actor.stands.is_set() and not actor.task.done():
            actor.go()
        await self._settle(actors)

    async def _settle(self, actors: list[_Actor]) -> None:
        """Wait until everybody stands before a step, is at its end, or waits for a lock."""
        async with asyncio.timeout(_LONGEST):
            while moving := [actor for actor in actors if not actor.stands.is_set()]:
                stands = [asyncio.ensure_future(actor.stands.wait()) for actor in moving]
                done, pending = await asyncio.wait(stands, timeout=_LOOK_EVERY, return_when=asyncio.FIRST_COMPLETED)
                for each in pending:
                    each.cancel()
                if not done and len(moving) < len(actors) and await self._waiting() >= len(moving):
                    return
            await asyncio.sleep(0)  # a task at its end is done only now

    async def _waiting(self) -> int:
        async with self._db.read() as session:
            return int((await (await session.connection()).execute(_WAITING)).scalar_one())


@asynccontextmanager
async def interleaving(db: Database) -> AsyncIterator[Interleaving]:
    """Have whatever writes to this database, which is on PostgreSQL, stop where `Interleaving` says."""
    engine = db._writer.sync_engine

    def stop(*_arguments: Any) -> None:
        if (actor := _actor.get()) is not None:
            await_only(actor.stop())

    names = ("before_cursor_execute", "commit")
    for name in names:
        event.listen(engine, name, stop)
    try:
        yield Interleaving(db)
    finally:
        for name in names:
            event.remove(engine, name, stop)


def orders(first: int, second: int, *, switches: int = 2) -> Iterator[list[int]]:
    """Yield every order of so many steps of the one and so many of the other that changes sides so often at most."""
    steps = first, second
    for turns in range(2, switches + 2):
        for begins in (0, 1):
            own, others = _parts(steps[begins], (turns + 1) // 2), _parts(steps[1 - begins], turns // 2)
            for one, other in product(own, others):
                taken = [part for pair in zip_longest(one, other, fillvalue=0) for part in pair]
                yield [side for at, part in enumerate(taken) for side in [(begins + at) % 2] * part]


def _parts(steps: int, count: int) -> list[list[int]]:
    """Return every way to take these steps in so many goes of one step at least."""
    ends = ([0, *cuts, steps] for cuts in combinations(range(1, steps), count - 1))
    return [[end - begin for begin, end in pairwise(each)] for each in ends]
