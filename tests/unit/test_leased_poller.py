"""The loop of everything that waits in the database: room, patience, and one failure that leaves the rest alone."""

import asyncio
from collections import Counter
from datetime import timedelta

import pytest

from bot.leased_poller import LeasedPoller
from storage import leases
from storage.database import Database
from storage.states import PollKind
from tests.databases import Clock

pytestmark = pytest.mark.both_databases

ROOM = 2


class Poller(LeasedPoller[leases.Claim]):
    """Works on a poll until it may go on; the poll `bad` fails."""

    def __init__(self, db: Database, patience: float | None) -> None:
        super().__init__(db, at_once=ROOM, patience=patience)
        self.go_on = asyncio.Event()
        self.done = Counter[str]()

    async def _claim(self, limit: int) -> list[leases.Claim]:
        return await self._claim_polls([PollKind.CHANNEL], limit)

    async def _work(self, claimed: leases.Claim) -> None:
        if claimed.subject_id == "bad":
            raise ValueError("bad")
        await self.go_on.wait()
        async with self._db.write() as session:
            await leases.end(session, claimed)
        self.done[claimed.subject_id] += 1


async def _due(db: Database, clock: Clock, *subjects: str) -> None:
    async with db.write() as session:
        for age, subject in enumerate(reversed(subjects)):
            await leases.schedule(session, PollKind.CHANNEL, subject, clock() - timedelta(seconds=age))


async def test_no_more_is_under_way_than_there_is_room_for(db: Database, clock: Clock) -> None:
    await _due(db, clock, "one", "two", "three")
    poller = Poller(db, patience=0)
    await poller.tick()
    await poller.tick()  # no room: nothing is claimed
    poller.go_on.set()
    await poller.idle()
    assert poller.done == {"one": 1, "two": 1}
    await poller.tick()
    await poller.idle()
    assert poller.done["three"] == 1


async def test_what_fails_leaves_the_rest_alone_and_is_due_again_when_its_lease_ends(
    db: Database, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    await _due(db, clock, "bad", "good")
    poller = Poller(db, patience=None)
    poller.go_on.set()
    await poller.tick()
    assert poller.done == {"good": 1}
    assert "Poller ended with an error" in caplog.text
    caplog.clear()
    await poller.tick()
    assert not caplog.text
    clock.advance(leases.LONGEST_POLL.total_seconds())
    await poller.tick()
    assert "Poller ended with an error" in caplog.text


async def test_what_is_given_up_is_due_again(db: Database, clock: Clock) -> None:
    await _due(db, clock, "slow")
    poller = Poller(db, patience=0)
    await poller.tick()
    await poller.stop(0)
    assert not poller.done
    clock.advance(leases.LONGEST_POLL.total_seconds())
    poller.go_on.set()
    await poller.tick()
    await poller.idle()
    assert not poller.done  # one that was stopped begins nothing

    another = Poller(db, patience=0)
    another.go_on.set()
    await another.tick()
    await another.idle()
    assert another.done == {"slow": 1}
