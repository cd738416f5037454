"""Reading an upload (parsed, validated, deduplicated, stored), beside the csv module that only reads the same file."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from bot.broadcast.audience.csv_reader import read_csv
from bot.broadcast.audience.store import store_audience
from storage.models import Audience
from tests.benchmarks.measure import Measured, at_most_times, grows, say, spending
from tests.benchmarks.rig import Rig, rig
from tests.benchmarks.rig import rows as lines
from tests.databases import Databases

SIZE = 300_000


async def rows(scale: float) -> Sequence[Measured]:
    size = max(1000, int(SIZE * scale))
    with Databases() as databases:
        async with rig(await databases.create("sqlite"), "http://127.0.0.1:9") as made:
            at_a_tenth, _ = await _import(made, databases.directory / "small.csv", size // 10)
            value, floor = await _import(made, databases.directory / "full.csv", size)
    say(f"{1e6 / value:,.0f} rows a CPU second; the csv module alone reads {1e6 / floor:,.0f}")
    unit = "µs CPU a row"
    return [at_most_times("import_rows", value, unit, floor, 12), grows("import_rows", value, unit, at_a_tenth)]


async def _import(made: Rig, file: Path, size: int) -> tuple[float, float]:
    """Return the µs of CPU that a row takes, and what the csv module takes."""
    write_csv(file, size)
    now = made.db.now()
    team = made.team(size)
    async with made.db.write() as session:
        session.add(team)
    with file.open("rb") as upload, spending() as spent:
        sheet = read_csv(upload)
        audience = Audience(team_id=team.id, columns=list(sheet.columns), created_by="U1", created_at=now)
        await store_audience(made.db, audience, sheet.rows)
    with file.open(newline="") as upload, spending() as bare:
        for _ in csv.reader(upload):
            pass
    return spent.cpu / size * 1e6, bare.cpu / size * 1e6


def write_csv(file: Path, size: int) -> None:
    with file.open("w") as written:
        written.writelines(lines(size))
