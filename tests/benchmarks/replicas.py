"""Broadcasts of eight accounts over one, two and four replicas on PostgreSQL; and one of two killed."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sqlmodel import col, func, select

from bot.broadcast.delivery.account_lease import LEASE
from storage.models import SendingAccount
from tests.benchmarks.measure import Measured, at_least_times, at_most, say
from tests.benchmarks.rig import Rig, rig
from tests.benchmarks.ses import started, tally
from tests.databases import Databases

ACCOUNTS = 8
RATE, LATENCY = 200, 0.2  # recipients a second, seconds
SECONDS = 20  # that each run takes
SLOW, SLOW_SECONDS = 40, 100  # so that there is still work when a lease has run out


async def replicas(scale: float) -> Sequence[Measured]:
    rates, twice, lost = {}, 0, 0
    with Databases() as databases:
        for count in (1, 2, 4):
            with started(rate=RATE, latency=LATENCY) as ses:
                async with rig(await databases.create("postgresql"), ses) as made:
                    size = await _all_confirmed(made, max(100, int(RATE * SECONDS * scale)))
                    with running(made, ses, count):
                        await _until_sent(made, size)
                    told, counts = tally(ses), await made.counts()
            rates[count] = told["accepted"] / told["seconds"]
            twice += int(told["twice"])
            lost += size - counts.get("sent", 0)
            say(f"{count} replicas: {rates[count]:,.0f} recipients a second")
        with started(rate=SLOW, latency=LATENCY) as ses:
            async with rig(await databases.create("postgresql"), ses) as made:
                size = await _all_confirmed(made, max(100, int(SLOW * SLOW_SECONDS * scale)))
                seconds = await _kill_one(made, ses)
                told = tally(ses)
    twice += int(told["twice"])
    unit = "recipients a second"
    return [
        at_least_times("replicas.2", rates[2], unit, rates[1], 0.95),
        at_least_times("replicas.4", rates[4], unit, rates[1], 0.95),
        at_most("replicas.taken_over", seconds, "seconds after a kill -9", LEASE.total_seconds() + 5),
        Measured("replicas", twice + lost, "recipients twice or lost", None, "none", twice + lost == 0),
    ]


async def _all_confirmed(made: Rig, size: int) -> int:
    for number in range(1, ACCOUNTS + 1):
        await made.confirmed(await made.connect(number), size)
    return ACCOUNTS * size


@contextmanager
def running(made: Rig, ses: str, count: int) -> Iterator[dict[str, subprocess.Popen[str]]]:
    """Run replicas, by the names under which they hold accounts."""
    environment = {
        **os.environ,
        "DATABASE_URL": made.db._url.render_as_string(hide_password=False),
        "AWS_ENDPOINT_URL": ses,
        "MAILROOM_KEYS": made.keys.export().reveal(),
    }
    command = [sys.executable, "-m", "tests.benchmarks.replica"]
    processes = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)  # noqa: S603 - ourselves
        for _ in range(count)
    ]
    try:
        yield {process.stdout.readline().strip(): process for process in processes if process.stdout}
    finally:
        for process in processes:
            process.kill()
            process.communicate()


async def _until_sent(made: Rig, size: int) -> None:
    while (await made.counts()).get("sent", 0) < size:  # noqa: ASYNC110 - it happens in other processes
        await asyncio.sleep(1)


async def _kill_one(made: Rig, ses: str) -> float:
    """Return how many seconds after it nothing was left to the one that was killed."""
    with running(made, ses, 2) as replicas:
        while await _held_by(made, list(replicas)) < ACCOUNTS:  # noqa: ASYNC110 - in other processes
            await asyncio.sleep(0.2)
        held = {owner: await _held_by(made, [owner]) for owner in replicas}
        killed = max(held, key=lambda owner: held[owner])
        replicas[killed].kill()
        began = time.monotonic()
        while await _held_by(made, [killed]):  # noqa: ASYNC110 - in other processes
            await asyncio.sleep(0.2)
        seconds = time.monotonic() - began
        say(f"{held[killed]} accounts taken over {seconds:.1f} s after the kill")
        return seconds


async def _held_by(made: Rig, owners: Sequence[str]) -> int:
    held = select(func.count()).where(col(SendingAccount.owner).in_(owners))
    async with made.db.read() as session:
        return (await session.exec(held)).one()
