"""Of several reasons never to mail an address the strongest one counts, in whatever order they come."""

import asyncio
from datetime import timedelta
from itertools import product

import pytest
from sqlmodel import select

from bot.suppression.reasons import kept_word, reason_of
from bot.suppression.recording import Entry, Recorded, suppress, suppress_all
from storage.database import Database
from storage.models import Suppression, Team
from storage.states import SuppressionReason
from tests.databases import Clock
from tests.unit.alerts.rows import team_row

R = SuppressionReason
STRONGEST_FIRST = [R.ERASED, R.COMPLAINT, R.UNSUBSCRIBED, R.BOUNCE, R.BY_HAND]


@pytest.fixture
async def team(db: Database, clock: Clock) -> Team:
    row = team_row("C1", clock())
    async with db.write() as session:
        session.add(row)
    return row


async def test_a_stronger_reason_replaces_a_weaker_one_and_no_other(db: Database, clock: Clock, team: Team) -> None:
    assert set(STRONGEST_FIRST) == set(R)
    for first, then in product(R, R):
        address = f"{first}.{then}@else.test"
        stronger = STRONGEST_FIRST.index(then) < STRONGEST_FIRST.index(first)
        async with db.write() as session:
            done = await suppress(session, team.id, address, first, source="first", now=clock())
            assert done is Recorded.ADDED
            began = clock()
            clock.advance(1)
            done = await suppress(session, team.id, address, then, source="then", now=clock())
            assert done is (Recorded.STRONGER if stronger else Recorded.KNOWN)
        async with db.read() as session:
            row = (await session.exec(select(Suppression).where(Suppression.address == address))).one()
        expected = (then, "then", clock()) if stronger else (first, "first", began)
        assert (row.reason, row.source, row.created_at) == expected


async def test_of_one_address_twice_in_a_batch_the_stronger_reason_counts(
    db: Database, clock: Clock, team: Team
) -> None:
    batch = [Entry("Ann@else.test", R.COMPLAINT), Entry("ann@else.test", R.BOUNCE), Entry("ben@else.test", R.BOUNCE)]
    async with db.write() as session:
        done = await suppress_all(session, team.id, batch, source="aws", now=clock())
    assert done == {"ann@else.test": Recorded.ADDED, "ben@else.test": Recorded.ADDED}
    async with db.read() as session:
        rows = await session.exec(select(Suppression))
        assert {row.address: row.reason for row in rows} == {"Ann@else.test": R.COMPLAINT, "ben@else.test": R.BOUNCE}


@pytest.mark.parametrize(
    ("word", "reason", "kept"),
    [
        ("unsubscribed", R.UNSUBSCRIBED, ""),
        ("Unsubscribe", R.UNSUBSCRIBED, "Unsubscribe"),
        ("opt-out", R.UNSUBSCRIBED, "opt-out"),
        ("Spam", R.COMPLAINT, "Spam"),
        ("hard_bounce", R.BOUNCE, "hard_bounce"),
        ("CLEANED", R.BOUNCE, "CLEANED"),
        (" left  the company ", R.BY_HAND, "left the company"),
        ("by_hand", R.BY_HAND, ""),
        ("", R.BY_HAND, ""),
    ],
)
def test_the_words_of_other_mailers_are_understood_and_kept(word: str, reason: R, kept: str) -> None:
    assert (reason_of(word), kept_word(word)) == (reason, kept)


async def test_word_and_date_of_a_file_are_kept_and_no_date_is_in_the_future(
    db: Database, clock: Clock, team: Team
) -> None:
    before, later = clock() - timedelta(days=400), clock() + timedelta(days=1)
    entries = [Entry("ann@else.test", R.BY_HAND, "left", before), Entry("ben@else.test", R.BOUNCE, "", later)]
    async with db.write() as session:
        await suppress_all(session, team.id, entries, source="U1", now=clock())
    async with db.read() as session:
        rows = {row.address: row for row in await session.exec(select(Suppression))}
    assert (rows["ann@else.test"].word, rows["ann@else.test"].created_at) == ("left", before)
    assert rows["ben@else.test"].created_at == clock()


async def test_changes_of_a_list_are_numbered_in_the_order_in_which_they_are_committed(
    db: Database, clock: Clock, team: Team
) -> None:
    async def add(address: str, began: asyncio.Event | None = None, go: asyncio.Event | None = None) -> None:
        async with db.write() as session:
            await suppress(session, team.id, address, R.BOUNCE, source="", now=clock())
            if began and go:
                began.set()
                await go.wait()

    began, go = asyncio.Event(), asyncio.Event()
    first = asyncio.create_task(add("ann@else.test", began, go))
    await began.wait()
    second = asyncio.create_task(add("ben@else.test"))
    done, _ = await asyncio.wait({second}, timeout=0.2)
    assert not done  # else somebody who read up to its number would never see the first
    go.set()
    await asyncio.gather(first, second)
    async with db.read() as session:
        found = (await session.exec(select(Suppression.address, Suppression.change))).all()
    assert {*found} == {("ann@else.test", 1), ("ben@else.test", 2)}
