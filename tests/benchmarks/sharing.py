"""How much fifty small broadcasts lose by a huge one beside them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from sqlmodel import col, func, select

from bot.broadcast.delivery.dispatcher import Dispatcher
from storage.models import Broadcast
from storage.states import BroadcastState
from tests.benchmarks.measure import Measured, at_most_times, say
from tests.benchmarks.rig import Rig, rig
from tests.benchmarks.ses import started
from tests.databases import Databases

TEAMS, SMALL = 50, 100
LARGE = 1_000_000
ROUNDS = 3


async def fairness(scale: float) -> Sequence[Measured]:
    teams, large = max(3, int(TEAMS * scale)), max(2_000, int(LARGE * scale))
    with Databases() as databases, started() as ses:
        async with rig(await databases.create("sqlite"), ses) as made:
            engine = made.engine()
            alone = await _rounds(made, engine, teams)
            await engine.stop()
        async with rig(await databases.create("sqlite"), ses) as made:
            await made.confirmed(await made.connect(), large)
            engine = made.engine()
            for _ in range(2):  # it starts, and is sent
                await engine.tick()
            beside = await _rounds(made, engine, teams)
            left = (await made.counts()).get("pending", 0)
            await engine.stop()
    say(f"alone {_shown(alone)}, beside the large one {_shown(beside)} seconds; of that one {left:,} are left")
    return [at_most_times("fairness", min(beside), "seconds", min(alone), 1.5)]


async def _rounds(made: Rig, engine: Dispatcher, teams: int) -> list[float]:
    """Return how many seconds it took, each time, until all small broadcasts were done."""
    took = []
    for number in range(1, ROUNDS + 1):
        accounts = [await made.connect(number * 1000 + each) for each in range(teams)]
        small = [(await made.confirmed(team, SMALL)).id for team in accounts]
        began = time.monotonic()
        while not await _are_done(made, small):
            await engine.tick()
            await asyncio.sleep(0.05)
        took.append(time.monotonic() - began)
    return took


async def _are_done(made: Rig, broadcasts: Sequence[str]) -> bool:
    done = select(func.count()).where(col(Broadcast.id).in_(broadcasts), Broadcast.state == BroadcastState.DONE)
    async with made.db.read() as session:
        return (await session.exec(done)).one() == len(broadcasts)


def _shown(seconds: Sequence[float]) -> str:
    return ", ".join(f"{each:.2f}" for each in seconds)
