"""An audience of a million by `PUT`, over HTTP to the bot's process, beside the csv module that reads the same file."""

from __future__ import annotations

import csv
import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import aiohttp

from bot.api.tokens import ApiTokens, TokenInput
from storage.states import TokenScope
from tests.benchmarks.measure import Measured, at_most, at_most_times, peak_mib, say, spending
from tests.benchmarks.rig import rig
from tests.benchmarks.rig import rows as lines
from tests.benchmarks.starting import bot_environment
from tests.databases import Databases
from tests.playground.stage import Bot

SIZE = 1_000_000
_CHANGED = 10  # one in so many, the second time
_PIECE = 256 * 1024


async def upload(scale: float) -> Sequence[Measured]:
    size = max(1000, int(SIZE * scale))
    with Databases() as databases:
        url = await databases.create("sqlite")
        async with rig(url, "http://127.0.0.1:9") as made:
            team = made.team(1)
            async with made.db.write() as session:
                session.add(team)
            given = TokenInput("bench", [TokenScope.AUDIENCES])
            token = await ApiTokens(made.db).create(team, given, "", "U1")
            keys = made.keys.export().reveal()
        environment = bot_environment(DATABASE_URL=url, MAILROOM_KEYS=keys)
        bot = Bot(environment, databases.directory / "bot.log")
        await bot.start()
        try:
            first, again = databases.directory / "first.csv", databases.directory / "again.csv"
            _write(first, size)
            _write(again, size, changed=True)
            address = f"http://127.0.0.1:{environment['PORT']}/api/v1/audiences/Customers"
            headers = {"Authorization": f"Bearer {token.reveal()}", "Content-Type": "text/csv"}
            async with aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(600)) as http:
                new = await _put(http, address, first, bot.pid, {"added": size})
                replaced = await _put(
                    http, address, again, bot.pid, {"changed": len(range(_CHANGED, size + 1, _CHANGED))}
                )
            peak = peak_mib(bot.pid)
        finally:
            await bot.stop()
        floor = _floor(first)
    of_row, unit = 1e6 / size, "µs CPU a row"
    return [
        at_most_times("audience_upload", new * of_row, unit, floor * of_row, 12),
        at_most_times("audience_upload.again", replaced * of_row, unit, floor * of_row, 12),
        at_most("audience_upload.memory", peak, "MiB at the peak", 200),
    ]


def _write(file: Path, size: int, *, changed: bool = False) -> None:
    with file.open("w") as written:
        for number, line in enumerate(lines(size)):
            written.write(
                line.replace("Springfield", "Shelbyville") if changed and number and not number % _CHANGED else line
            )


async def _put(http: aiohttp.ClientSession, address: str, file: Path, process: int, expected: dict[str, int]) -> float:
    """Return how many seconds of CPU it took the bot."""
    before = _cpu(process)
    with spending() as spent:
        async with http.put(address, data=_pieces(file)) as answer:
            told = await answer.json()
    assert expected.items() <= told.items(), told
    say(f"{told['size']:,} after {spent.wall:.0f} s; {peak_mib(process):.0f} MiB")
    return _cpu(process) - before


async def _pieces(file: Path) -> AsyncIterator[bytes]:
    with file.open("rb") as read:
        while piece := read.read(_PIECE):
            yield piece


def _cpu(process: int) -> float:
    """Return the CPU seconds of a process, all its threads."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _floor(file: Path) -> float:
    with file.open(newline="") as read, spending() as bare:
        for _ in csv.reader(read):
            pass
    return bare.cpu
