"""A look that finds all as it was writes that down, and nothing where it no longer is."""

import random
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import cast

import pytest
from sqlmodel import col, select, update

from bot.mailer.monitoring.monitor import Monitor
from bot.mailer.monitoring.poll_schedule import PollIntervals
from bot.ses.facts import ListedIdentity
from bot.ses.operations import Ses
from storage import leases
from storage.database import Database
from storage.models import Identity, Mailer, Poll
from storage.states import Access, PollKind
from tests.databases import Clock
from tests.unit.alerts.simulation import PlayedMailers, PlayedSes, World, stored

pytestmark = pytest.mark.both_databases

INTERVAL = timedelta(minutes=10)


@pytest.fixture
async def mailer(db: Database, clock: Clock) -> Mailer:
    """A mailer that was looked at before."""
    (row,) = await stored(db, clock(), ["eu-west-1"])
    await watched(db, clock).tick()
    return row


def watched(db: Database, clock: Clock, meanwhile: Callable[[], Awaitable[object]] | None = None) -> Monitor:
    """Return a monitor; while it asks AWS, `meanwhile` happens."""

    class Meanwhile(PlayedSes):
        async def identities(self) -> list[ListedIdentity]:
            if meanwhile:
                await meanwhile()
            return await super().identities()

    class Mailers(PlayedMailers):
        def ses(self, mailer: Mailer, *, renewed: bool = False) -> Ses:  # noqa: ARG002 - as in the real one
            return cast("Ses", Meanwhile(self._world, mailer))

    world = World(clock, random.Random(1), faults=0)  # noqa: S311 - the same in every run
    return Monitor(db, Mailers(db, world), PollIntervals(healthy=INTERVAL))


async def rows(db: Database) -> tuple[Mailer, Identity, Poll]:
    async with db.read() as session:
        account = select(Poll).where(Poll.kind == PollKind.ACCOUNT)
        return (
            (await session.exec(select(Mailer))).one(),
            (await session.exec(select(Identity))).one(),
            (await session.exec(account)).one(),
        )


async def test_all_as_it_was_is_checked_anew_and_due_again_within_an_interval(
    db: Database, clock: Clock, mailer: Mailer
) -> None:
    before = (await rows(db))[0]
    clock.advance(INTERVAL.total_seconds())
    await watched(db, clock).tick()

    row, identity, poll = await rows(db)
    assert row.checked_at == identity.checked_at == clock()
    assert clock() < poll.due_at <= clock() + INTERVAL
    assert row.model_dump(exclude={"checked_at"}) == before.model_dump(exclude={"checked_at"})
    assert row.id == mailer.id


async def test_a_refusal_that_came_meanwhile_stands_and_is_looked_at_at_once(
    db: Database, clock: Clock, mailer: Mailer
) -> None:
    async def is_refused() -> None:
        async with db.write() as session:
            suspected = update(Mailer).where(col(Mailer.id) == mailer.id)
            await session.exec(suspected.values(access=Access.SUSPECT, access_error="ExpiredToken"))

    before = (await rows(db))[0]
    clock.advance(INTERVAL.total_seconds())
    await watched(db, clock, is_refused).tick()

    row, _, poll = await rows(db)
    assert (row.access, row.access_error, row.checked_at) == (Access.SUSPECT, "ExpiredToken", before.checked_at)
    assert poll.due_at == clock()


async def test_a_look_that_somebody_wants_anew_writes_nothing(db: Database, clock: Clock, mailer: Mailer) -> None:
    async def is_wanted() -> None:
        async with db.write() as session:
            await leases.schedule(session, PollKind.ACCOUNT, mailer.id, clock())

    before = (await rows(db))[0]
    clock.advance(INTERVAL.total_seconds())
    await watched(db, clock, is_wanted).tick()

    row, _, poll = await rows(db)
    assert row.checked_at == before.checked_at
    assert poll.due_at == clock()
