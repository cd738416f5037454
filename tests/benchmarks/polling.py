"""Looks at 100,000 mailers: how many a second the database bears, and what one costs beside its two bare calls.

The first is the monitor on a real database, with AWS played at `Ses`; the second all of it, with the local SES.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import partial
from itertools import islice
from typing import Any, cast

from sqlalchemy import Connection
from sqlmodel import SQLModel, col, func, insert, select, update

from bot.mailer.monitoring.monitor import Monitor
from bot.mailer.monitoring.poll_schedule import PollIntervals
from storage.database import Database
from storage.models import Identity, Mailer, Poll, Team, new_id
from storage.states import PollKind
from tests.benchmarks.measure import Measured, at_least_times, at_most_times, grows, microseconds, say, spending
from tests.benchmarks.rig import REGION, Rig, bare_client, key, rig
from tests.benchmarks.ses import started
from tests.databases import Clock, Databases
from tests.unit.alerts.rows import identity_row, mailer_row
from tests.unit.alerts.simulation import PlayedMailers, World

MAILERS = 100_000
EVERY = timedelta(minutes=10)
NEED = MAILERS / EVERY.total_seconds()  # looks a second
LOOKS, LOOKS_AT_AWS = 4_000, 2_000  # that are measured
DOMAIN = "acme.test"  # verified, in every account
_TABLES: tuple[type[SQLModel], ...] = (Team, Mailer, Identity, Poll)
# What either AWS says of an account, so that a look finds all as it was: as nearly every look does.
_LOCAL = {"max_24_hour_send": -1, "max_send_rate": 100_000}
_PLAYED = {"max_24_hour_send": 1_000, "max_send_rate": 14, "review_status": "GRANTED", "pricing_plan": "NONE"}
_Row = dict[str, Any]
_TOGETHER = 2_000  # mailers that are stored in one transaction
_TICKS = 5  # between two of our own questions whether one is left, each of which costs a third of a look


async def poll_100k(scale: float) -> Sequence[Measured]:
    size = max(1000, int(MAILERS * scale))
    looks, at_aws = max(100, int(LOOKS * scale)), max(100, int(LOOKS_AT_AWS * scale))
    with Databases() as databases, started() as ses:
        async with rig(await databases.create("sqlite"), ses) as small:
            await store_mailers(small, size // 10)
            at_a_tenth, _ = await _each(small.monitor, small.db, at_aws // 4)
        async with rig(await databases.create("sqlite"), ses) as full:
            await store_mailers(full, size)
            say(f"{size:,} mailers stored")
            client = bare_client(ses)

            def bare() -> None:
                client.get_account()
                client.list_email_identities(PageSize=1000)

            before = microseconds(bare, at_aws // 2)
            value, _ = await _each(full.monitor, full.db, at_aws)
            floor = (before + microseconds(bare, at_aws // 2)) / 2
            async with full.db.write() as session:
                await session.exec(update(Mailer).values(**_PLAYED))
            at_rest, rate = await _each(_beside_a_played_aws(full.db), full.db, looks)
    say(f"{at_rest:,.0f} µs CPU a look at a played AWS; two bare calls {floor:,.0f} µs")
    unit = "µs CPU a look at AWS"
    return [
        at_least_times("poll_100k.rate", rate, "looks a second", NEED, 5),
        at_most_times("poll_100k", value, unit, floor, 2),
        grows("poll_100k", value, unit, at_a_tenth),
    ]


async def have_due(db: Database, looks: int) -> None:
    """Have that many of those mailers due now."""
    some = select(Poll.subject_id).where(col(Poll.due_at) > db.now()).limit(looks)
    async with db.write() as session:
        await session.exec(update(Poll).where(col(Poll.subject_id).in_(some)).values(due_at=db.now()))


async def looked_at(db: Database) -> int:
    """Count those that are not due for a while."""
    async with db.read() as session:
        later = select(func.count()).select_from(Poll).where(col(Poll.due_at) > db.now() + EVERY / 2)
        return (await session.exec(later)).one()


async def _each(monitor: Monitor, db: Database, looks: int) -> tuple[float, float]:
    """Look at that many mailers; return µs of CPU for each look, and looks a second."""
    await have_due(db, looks)
    with spending() as spent:
        while await _is_one_due(db):
            for _ in range(_TICKS):
                await monitor.tick()
                await monitor.idle()
    return spent.cpu / looks * 1e6, looks / spent.wall


async def _is_one_due(db: Database) -> bool:
    async with db.read() as session:
        is_due = (Poll.kind == PollKind.ACCOUNT, col(Poll.due_at) <= db.now())
        due = await session.exec(select(Poll.subject_id).where(*is_due).limit(1))
        return due.first() is not None


def _beside_a_played_aws(db: Database) -> Monitor:
    aws = World(cast("Clock", db.now), random.Random(1), faults=0)  # noqa: S311 - hides nothing
    return Monitor(db, PlayedMailers(db, aws), PollIntervals())


async def store_mailers(made: Rig, size: int) -> None:
    """Store mailers in accounts of their own, healthy, none of them due yet."""
    rows = _rows(made, size)
    while some := list(islice(rows, _TOGETHER)):
        for model, values in zip(_TABLES, zip(*some, strict=True), strict=True):
            await made.db.run(partial(_insert, model, values))


def _insert(model: type[SQLModel], values: Sequence[_Row], connection: Connection) -> None:
    connection.execute(insert(model), values)


def _rows(made: Rig, size: int) -> Iterator[tuple[_Row, ...]]:
    """Yield the rows of a mailer, in the order of the tables. Each is a copy of the first: making one takes a while."""
    now = made.db.now()
    team_row = made.team(0)
    first = mailer_row(team_row, now, region=REGION, **_LOCAL)
    team, mailer = team_row.model_dump(), first.model_dump()
    identity = identity_row(first, DOMAIN, now, verification_status="SUCCESS").model_dump()
    for number in range(1, size + 1):
        team_id, mailer_id = new_id(), new_id()
        sealed = made.credential_store.seal(key(number), team_id=team_id, mailer_id=mailer_id)
        account = {"account_id": f"{number:012d}", "connection": mailer_id, "credentials": sealed}
        due_at = now + EVERY * (1 + number / size)
        yield (
            {**team, "id": team_id, "channel_id": f"C{number}"},
            {**mailer, "id": mailer_id, "team_id": team_id, **account},
            {**identity, "id": new_id(), "team_id": team_id, "mailer_id": mailer_id},
            {"kind": PollKind.ACCOUNT, "subject_id": mailer_id, "due_at": due_at, "fence": 0},
        )
