"""An audience of a million: imported, sent, reported; in how much memory, and how long the event loop stood still."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from tests.benchmarks.growth import at_point
from tests.benchmarks.importing import write_csv
from tests.benchmarks.measure import Measured, at_most, peak_mib, say
from tests.benchmarks.rig import Rig, rig
from tests.benchmarks.ses import started, tally
from tests.databases import Databases

SIZE = 1_000_000
_BEAT = 0.01  # seconds


async def million(scale: float) -> Sequence[Measured]:
    size = max(1000, int(SIZE * scale))
    with Databases() as databases, started() as ses:
        file = databases.directory / "million.csv"
        write_csv(file, size)
        async with rig(await databases.create("sqlite"), ses) as made, _watched() as stalls:
            began, cpu = time.monotonic(), time.process_time()
            with file.open("rb") as upload:
                broadcast = await made.confirmed(await made.connect(), size, upload)
            say(f"imported and confirmed after {time.monotonic() - began:.0f} s; {peak_mib():.0f} MiB")
            await _send(made, size)
            cpu = (time.process_time() - cpu) / size * 1e6
            async with made.db.read() as session:
                progress = await made.broadcasts.progress(session, broadcast.id)
            say(f"sent after {time.monotonic() - began:.0f} s")
        told = tally(ses)
    assert progress is not None
    counts = {state.value: count for state, count in progress.counts.items()}
    right = counts == {"sent": size} and told["accepted"] == size and not told["twice"]
    return [
        at_most("million.memory", peak_mib(), "MiB at the peak", 200),
        at_most("million.stall", 1000 * max(stalls), "ms of the event loop", 250),
        Measured("million", sum(counts.values()), "recipients accounted for", None, f"{size:,} sent once each", right),
        *at_point("recipients", SIZE, cpu, peak_mib()),
    ]


async def _send(made: Rig, size: int) -> None:
    engine = made.engine()
    sent, told = 0, time.monotonic()
    while sent < size:
        await engine.tick()
        await asyncio.sleep(1)
        sent = (await made.counts()).get("sent", 0)
        if time.monotonic() - told > 15:
            told = time.monotonic()
            say(f"{sent:,} of {size:,}; {peak_mib():.0f} MiB")
    await engine.stop()


@asynccontextmanager
async def _watched() -> AsyncIterator[list[float]]:
    """Note by how many seconds the event loop was late."""
    late = [0.0]

    async def beat() -> None:
        while True:
            due = time.perf_counter() + _BEAT
            await asyncio.sleep(_BEAT)
            late.append(max(late.pop(), time.perf_counter() - due))

    beating = asyncio.create_task(beat())
    try:
        yield late
    finally:
        beating.cancel()
