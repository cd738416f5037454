"""`make soak`: a month of mixed work in half an hour, and nothing that a process holds may grow.

The bot is a process on a clock that is let go on by an hour every two and a half seconds. Each day three teams send to
a hundred people each, look at their mailer, open forms, ask by API and have their identities changed by AWS. At the end
of each day its memory, descriptors, threads and tasks are read, the rows of the tables that only hold work in progress,
and how long people and programs waited. `python -m tests.soak` prints a line a day and draws docs/pictures/soak.svg;
SOAK=short plays five days and draws nothing; nor does DATABASE=postgresql, which plays on that instead of SQLite.
"""

import asyncio
import os
import re
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from random import Random
from statistics import median

import aiohttp
from sqlalchemy import text

from storage.database import Database
from storage.sealing import KeyRing
from tests.benchmarks.measure import resident_mib
from tests.chaos.team import Team
from tests.databases import Databases
from tests.playground.aws import AwsPlayground
from tests.playground.clock import SharedClock
from tests.playground.forked import ForkedBot
from tests.playground.stage import ROOT, Stage, stage

TEAMS, RECIPIENTS = 3, 100
HOUR = 3600.0
LENGTHS = {"": 30, "short": 5}  # days
WARM = 0.07  # of the days, in which caches fill
DAY_SECONDS = 55.0
PATIENCE = 30
IN_PROGRESS = (  # all else is a record of what was done, and stays
    "seen_request",
    "connect_draft",
    "open_form",
    "poll",
    "webhook_event",
    "outbox WHERE due_at IS NOT NULL",
    "delivery WHERE state = 'sending'",
    "delivery WHERE state = 'pending' AND broadcast_id IN (SELECT id FROM broadcast WHERE state != 'paused')",
)
PICTURE = ROOT / "docs" / "pictures" / "soak.svg"
_SETTINGS = {
    "MAILROOM_POLL_PENDING_SECONDS": "600",
    "MAILROOM_POLL_REVIEW_SECONDS": "3600",
    "MAILROOM_POLL_HEALTHY_SECONDS": "3600",
    "MAILROOM_UNDO_SECONDS": "0",
    "PUBLIC_URL": "",
}


@dataclass(frozen=True, slots=True)
class Sample:
    """What was found at the end of a day."""

    memory: float
    descriptors: float
    threads: float
    tasks: float
    rows: float
    clicks: float
    answers: float


@dataclass(frozen=True, slots=True)
class Measure:
    """By how many times, and by how much besides, the last third of the days may be over the first.

    `warm` is which part of all days comes before these.
    """

    title: str
    times: float
    more: float
    warm: float = WARM


MEASURES: Mapping[str, Measure] = {
    "memory": Measure("memory, MiB", 1.05, 4, warm=0.4),  # by then the allocator has what the largest jobs take
    "descriptors": Measure("open descriptors", 1.0, 5),
    "threads": Measure("threads", 1.0, 5),
    "tasks": Measure("tasks", 1.5, 10),
    "rows": Measure("rows of work in progress", 1.5, 300),
    "clicks": Measure("commands acknowledged after, ms", 1.5, 100),
    "answers": Measure("the API answers after, ms", 1.5, 100),
}


def thirds(values: Sequence[float], warm: float) -> tuple[float, float]:
    """Return the medians of the first and of the last third, without the days before all is warm."""
    counted = values[int(warm * len(values)) :]
    third = max(1, len(counted) // 3)
    return median(counted[:third]), median(counted[-third:])


def grown(days: Sequence[Sample]) -> list[str]:
    """Name what has grown, with both medians."""
    found = []
    for name, measure in MEASURES.items():
        first, last = thirds([getattr(day, name) for day in days], measure.warm)
        if last > measure.times * first + measure.more:
            found.append(f"{measure.title}: {first:,.0f} became {last:,.0f}")
    return found


class Month:
    """Plays days, one after the other."""

    def __init__(self, on: Stage, bot: ForkedBot, clock: SharedClock, db: Database) -> None:
        self._on, self._bot, self._clock, self._db = on, bot, clock, db
        self._random = Random(16)  # noqa: S311 - the same changes in every run
        self._teams = [
            Team.new(on, number, account=f"{number:012d}", hears_back=True) for number in range(1, TEAMS + 1)
        ]

    async def begin(self) -> None:
        for team in self._teams:
            await team.connects()

    async def day(self) -> Sample:
        clicks, answers = len(self._on.slack.deliveries), []
        hours = asyncio.create_task(self._hours())
        for team in self._teams:
            await team.sends(RECIPIENTS)
            team.changes_at_aws(self._random)
            await team.looks()
            answers += [await self._asks(team, path) for path in ("mailer", "broadcasts", "suppressions", "audiences")]
        await hours
        commands = [each.seconds for each in self._on.slack.deliveries[clicks:] if each.kind == "slash_commands"]
        return Sample(
            memory=resident_mib(self._bot.pid),
            descriptors=len(os.listdir(f"/proc/{self._bot.pid}/fd")),  # noqa: PTH208 - they are counted
            threads=len(os.listdir(f"/proc/{self._bot.pid}/task")),  # noqa: PTH208
            tasks=await self._tasks(),
            rows=await self._rows(),
            clicks=1000 * median(commands),
            answers=1000 * median(answers),
        )

    async def _hours(self) -> None:
        for _ in range(24):
            await asyncio.sleep(DAY_SECONDS / 24)
            self._clock.advance(HOUR)
            self._bot.is_an_hour_later()

    async def _asks(self, team: Team, path: str) -> float:
        headers = {"Authorization": f"Bearer {team.token}"}
        began = time.perf_counter()
        async with (
            aiohttp.ClientSession(headers=headers) as http,
            http.get(f"{self._on.public_url}/api/v1/{path}", raise_for_status=True) as answer,
        ):
            await answer.read()
        return time.perf_counter() - began

    async def _tasks(self) -> int:
        await self._bot.explain()
        return int(re.findall(r"^(\d+) tasks$", self._bot.log(), re.MULTILINE)[-1])

    async def _rows(self) -> int:
        counted = " + ".join(f"(SELECT count(*) FROM {rows})" for rows in IN_PROGRESS)  # noqa: S608 - names of ours
        async with self._db.read() as session:
            return int((await (await session.connection()).execute(text(f"SELECT {counted}"))).scalar_one())


def drawn(days: Sequence[Sample]) -> str:
    """Return an SVG with a line for each measure, from 0, a day a point."""
    width, height, gap = 360, 90, 46
    parts = []
    for number, (name, measure) in enumerate(MEASURES.items()):
        values = [getattr(day, name) for day in days]
        x, y = 20 + number % 2 * (width + 40), 40 + number // 2 * (height + gap)
        top = max(values) * 1.15 or 1
        step = width / max(1, len(values) - 1)
        points = " ".join(
            f"{x + at * step:.1f},{y + height - value / top * height:.1f}" for at, value in enumerate(values)
        )
        parts.append(
            f'<text x="{x}" y="{y - 8}">{measure.title}: {values[0]:,.0f} on day 1, {values[-1]:,.0f} on day '
            f'{len(values)}</text><path d="M{x} {y}v{height}h{width}" fill="none" stroke="#999"/>'
            f'<polyline points="{points}" fill="none" stroke="#1264a3" stroke-width="2"/>'
        )
    wide, high = 2 * width + 80, -(-len(MEASURES) // 2) * (height + gap) + 30
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" font-family="sans-serif" font-size="13">'
        f'<rect width="100%" height="100%" fill="#fff"/>{"".join(parts)}</svg>\n'
    )


async def play(days: int, kind: str) -> list[Sample]:
    """Play so many days on this kind of database, and print each."""
    with Databases(crash_safe=True) as databases:
        url = await databases.create(kind)
        clock = SharedClock(databases.directory / "clock")
        own = {"MAILROOM_KEYS": KeyRing.generate().export().reveal(), "CHAOS_CLOCK": str(clock.file), **_SETTINGS}
        with AwsPlayground(clock) as aws:
            async with stage(url, started_aws=aws, bot_class=ForkedBot, **own) as on:
                assert isinstance(on.bot, ForkedBot)
                on.slack.patience = on.slack.delivery.ack_seconds = PATIENCE
                db, samples = Database(url), list[Sample]()
                month = Month(on, on.bot, clock, db)
                await month.begin()
                for day in range(1, days + 1):
                    samples.append(await month.day())
                    told = (f"{each.name} {getattr(samples[-1], each.name):,.0f}" for each in fields(Sample))
                    print(f"  day {day}: {', '.join(told)}", flush=True)
                await db.stop()
    return samples


def main(length: str, kind: str) -> int:
    """Return the exit code."""
    if length not in LENGTHS:
        print(__doc__, file=sys.stderr)
        return 2
    began = time.monotonic()
    days = asyncio.run(play(LENGTHS[length], kind))
    if not length and kind == "sqlite":
        PICTURE.write_text(drawn(days))
    found = grown(days)
    print(f"soak: {len(days)} days, {time.monotonic() - began:.0f} s, {'; '.join(found) or 'nothing has grown'}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(os.environ.get("SOAK", ""), os.environ.get("DATABASE") or "sqlite"))
