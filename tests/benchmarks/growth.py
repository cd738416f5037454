"""What a recipient costs, from the file to the record, and what the process holds, as one thing after the other grows.

`python -m tests.benchmarks.growth RECIPIENTS COLUMNS TEAMS` prints µs of CPU a recipient and MiB at the peak. The point
of a million recipients is that of `million`.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from io import BytesIO

from bot.broadcast.draft import Upload
from storage.models import Team
from tests.benchmarks.measure import Measured, at_most_times, peak_mib, say, spending
from tests.benchmarks.rig import Rig, draft, rig
from tests.benchmarks.sending import _run
from tests.benchmarks.ses import started
from tests.databases import Databases

RECIPIENTS, COLUMNS, TEAMS = (1_000, 10_000, 100_000), (1, 30, 300), (1, 40)
_FROM_COLUMNS, _OF_TEAM, _USUAL = 10_000, 1_000, 3
UNIT = "µs CPU a recipient"
_STRAIGHT = 1.5  # times what it costs at the first point: 40 teams beside one, a thousand recipients beside 100,000


async def growth(scale: float) -> Sequence[Measured]:
    points = [
        *(("recipients", each, (max(500, int(each * scale)), _USUAL, 1)) for each in RECIPIENTS),
        *(("columns", each, (max(500, int(_FROM_COLUMNS * scale)), each, 1)) for each in COLUMNS),
        *(("teams", each, (max(100, int(_OF_TEAM * scale)), _USUAL, each)) for each in TEAMS),
    ]
    found: dict[tuple[str, int], tuple[float, float]] = {}
    for axis, at, sizes in points:
        found[axis, at] = cpu, mib = _apart(*sizes)
        say(f"{at:,} {axis}: {cpu:.0f} µs a recipient, {mib:.0f} MiB")
    rows = [row for (axis, at), point in found.items() for row in at_point(axis, at, *point)]
    straight = (("recipients", RECIPIENTS[0], RECIPIENTS[-1]), ("teams", TEAMS[0], TEAMS[-1]))
    ratios = [
        at_most_times(f"growth.{axis}", found[axis, last][0], UNIT, found[axis, first][0], _STRAIGHT)
        for axis, first, last in straight
    ]
    return [*rows, *ratios]


def at_point(axis: str, at: int, cpu: float, mib: float) -> Iterator[Measured]:
    yield Measured(f"growth.{axis}.{at}", cpu, UNIT, None, "", passed=True)
    yield Measured(f"growth.{axis}.{at}.memory", mib, "MiB at the peak", None, "", passed=True)


def _apart(*sizes: int) -> tuple[float, float]:
    command = [sys.executable, "-m", "tests.benchmarks.growth", *map(str, sizes)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603 - ourselves
    cpu, mib = json.loads(done.stdout)
    return cpu, mib


async def _measure(recipients: int, columns: int, teams: int) -> tuple[float, float]:
    with Databases() as databases, started() as ses:
        async with rig(await databases.create("sqlite"), ses) as made:
            connected = [await made.connect(number) for number in range(1, teams + 1)]
            with spending() as spent:
                for team in connected:
                    await _confirm(made, team, recipients, columns)
            sent = await _run(made, recipients * teams)
    return (spent.cpu + sent.cpu) / (recipients * teams) * 1e6, peak_mib()


async def _confirm(made: Rig, team: Team, recipients: int, columns: int) -> None:
    """Have a mail due that says one of its columns."""
    section = {
        "type": "rich_text_section",
        "elements": [{"type": "text", "text": "Hello {{c1|there}}, " + "news. " * 99}],
    }
    letter = replace(draft(), subject="News for {{c1|you}}", body={"type": "rich_text", "elements": [section]})
    places = range(1, columns + 1)
    lines = [f"email,{','.join(f'c{each}' for each in places)}"]
    lines += [
        f"r{number}@{team.channel_id.lower()}.example,{','.join(f'v{number}x{each}' for each in places)}"
        for number in range(1, recipients + 1)
    ]
    file = BytesIO("\n".join(lines).encode())
    prepared = await made.broadcasts.prepare(team, "U1", letter, Upload(file), None)
    await made.broadcasts.confirm(team, prepared.broadcast.id, prepared.broadcast.version, "U1")


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_measure(*map(int, sys.argv[1:])))))
