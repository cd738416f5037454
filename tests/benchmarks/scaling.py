"""Scale on paper: a tenth of three loads through the real code on PostgreSQL, with a clock that goes slowly.

Time is stretched, so that two cores play what many would do: what a second costs the replicas and the database is
counted, and given for the whole load.
"""

from __future__ import annotations

import asyncio
import math
import os
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import event, text

from storage.database import Database
from tests.benchmarks.measure import Measured, say, spending
from tests.benchmarks.polling import EVERY, have_due, looked_at, store_mailers
from tests.benchmarks.rig import Rig, rig
from tests.benchmarks.ses import started
from tests.databases import Databases

TENTH = 10
SECONDS = 3  # that are played
BUSY = 0.7  # of a core, which a replica has: what is left is for people, webhooks and being late
LOOKS = 1_000


@dataclass(frozen=True)
class Load:
    name: str
    accounts: int
    rate: int
    slower: int  # times, so that it is never this machine that is waited for


LOADS = (Load("10,000 accounts of 14 a second", 1_000, 14, 25), Load("100 accounts of 500 a second", 10, 500, 4))
_LOOKED_AT = "100,000 mailers looked at every 10 minutes"


@dataclass
class SlowClock:
    """Goes `slower` times slower than this machine's."""

    slower: int
    _began: float = field(default_factory=time.monotonic)
    _start: datetime = field(default_factory=lambda: datetime.now(UTC))

    def now(self) -> datetime:
        return self._start + timedelta(seconds=(time.monotonic() - self._began) / self.slower)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds * self.slower)


@dataclass
class Counted:
    """What the work took; all of it in `seconds` that were played."""

    seconds: float = 0
    cpu: float = 0  # of the bot
    database: float = 0  # CPU seconds of the server's processes
    statements: int = 0
    rows: int = 0
    commits: int = 0


async def scaling(scale: float) -> Sequence[Measured]:
    rows: list[Measured] = []
    with Databases() as databases:
        for load in LOADS:
            accounts = max(2, int(load.accounts * scale))
            rows += _rows(load.name, await _sent(databases, load, accounts), load.accounts / accounts)
        mailers = max(200, int(LOOKS * scale))
        rows += _rows(_LOOKED_AT, await _looked(databases, mailers), 1)
    return rows


def _rows(name: str, counted: Counted, more: float) -> Iterator[Measured]:
    """Give it for the whole load, of which a tenth or less was played."""
    second = TENTH * more / counted.seconds
    cpu = counted.cpu * second
    for what, value, unit in (
        ("replicas", math.ceil(cpu / BUSY), f"replicas, each of {BUSY} cores"),
        ("CPU of the replicas", cpu, "cores"),
        ("CPU of the database", counted.database * second, "cores"),
        ("statements", counted.statements * second, "a second"),
        ("rows written", counted.rows * second, "a second"),
        ("commits", counted.commits * second, "a second"),
    ):
        yield Measured(f"scale.{name}: {what}", value, unit, None, "", passed=True)


async def _sent(databases: Databases, load: Load, accounts: int) -> Counted:
    size = load.rate * SECONDS
    url = await databases.create("postgresql")
    with started(rate=load.rate) as ses:
        async with rig(url, ses) as made:
            for number in range(1, accounts + 1):
                await made.confirmed(await made.connect(number), size)
            keys = made.keys
        clock = SlowClock(load.slower)
        async with rig(url, ses, keys, clock.now) as made:
            engine, began = made.engine(clock.sleep), clock.now()
            async with _counting(made) as counted:
                while (await made.counts()).get("sent", 0) < accounts * size:
                    await engine.tick()
                    await clock.sleep(0.5)
            counted.seconds = max(SECONDS, (clock.now() - began).total_seconds())
            await engine.stop()
    say(f"{accounts:,} of {load.name}: {SECONDS} s of mail in {counted.seconds:.1f} s played")
    counted.seconds = SECONDS  # the work was that of so many
    return counted


async def _looked(databases: Databases, mailers: int) -> Counted:
    with started() as ses:
        async with rig(await databases.create("postgresql"), ses) as made:
            await store_mailers(made, mailers)
            await have_due(made.db, mailers)
            async with _counting(made) as counted:
                while await looked_at(made.db) < mailers:
                    await made.monitor.tick()
                    await made.monitor.idle()
    need = 100_000 / TENTH / EVERY.total_seconds()  # looks a second
    counted.seconds = mailers / need
    return counted


@asynccontextmanager
async def _counting(made: Rig) -> AsyncIterator[Counted]:
    counted = Counted()

    def count(*_: Any) -> None:
        counted.statements += 1

    engines = (made.db._reader.sync_engine, made.db._writer.sync_engine)
    for engine in engines:
        event.listen(engine, "before_cursor_execute", count)
    server, before = await _server(made.db)
    database = _cpu_of(server)
    with spending() as spent:
        yield counted
    counted.cpu, counted.database = spent.cpu, _cpu_of(server) - database
    for engine in engines:
        event.remove(engine, "before_cursor_execute", count)
    await asyncio.sleep(1.1)  # PostgreSQL's numbers are a second late
    _, after = await _server(made.db)
    counted.commits, counted.rows = (new - old for new, old in zip(after, before, strict=True))


async def _server(db: Database) -> tuple[int, tuple[int, int]]:
    """Return the process of PostgreSQL, and how many commits and written rows it has counted in this database."""
    counts = text(
        "SELECT pg_backend_pid(), xact_commit, tup_inserted + tup_updated + tup_deleted FROM pg_stat_database "
        "WHERE datname = current_database()"
    )
    async with db.read() as session:
        pid, commits, rows = (await session.exec(counts)).one()  # type: ignore[call-overload]
    return int(_stat(pid)[1]), (commits, rows)


def _stat(pid: int | str) -> list[str]:
    """Return what /proc says of a process, from its state on (proc_pid_stat(5))."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _cpu_of(server: int) -> float:
    """Return the CPU seconds of a PostgreSQL server, of its processes that are and that were."""
    ticks = sum(map(int, _stat(server)[11:15]))
    for process in Path("/proc").glob("[0-9]*"):
        try:
            fields = _stat(process.name)
        except OSError:
            continue  # it has ended
        if int(fields[1]) == server:
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")
