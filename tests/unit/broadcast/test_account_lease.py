"""Who sends for an account: every claim renews the lease, and who lost it claims nothing."""

import pytest

from bot.broadcast.content.message import PersonalizerCache
from bot.broadcast.delivery.account_lease import LEASE, AccountLease, acquire
from bot.broadcast.delivery.chunk import Idle, Step
from bot.broadcast.delivery.claim import ChunkClaimer
from bot.broadcast.delivery.fault_isolation import FaultIsolator
from storage.models import SendingAccount
from tests.playground.aws import ACCOUNT
from tests.unit.broadcast.fixtures import REGION, Station

pytestmark = pytest.mark.both_databases

ALMOST = LEASE.total_seconds() - 1


async def _acquire(station: Station, account: SendingAccount, owner: str) -> AccountLease | None:
    async with station.db.write() as session:
        return await acquire(session, account, owner)


async def test_a_claim_renews_the_lease_and_one_that_comes_too_late_finds_it_lost(station: Station) -> None:
    account = SendingAccount(account_id=ACCOUNT, region=REGION)
    async with station.db.write() as session:
        session.add(account)
    held = await _acquire(station, account, "a")
    assert held is not None
    claimer = ChunkClaimer(
        held, station.mailers, station.overviews, PersonalizerCache([]), FaultIsolator(), small_limit=50
    )

    async def claim() -> Step:
        return await station.db.run(lambda using: claimer.claim(using, station.clock(), in_flight=0, room=1))

    station.clock.advance(ALMOST)
    assert await claim() is Idle.NOTHING
    station.clock.advance(ALMOST)
    assert await _acquire(station, account, "b") is None
    station.clock.advance(1)
    assert await _acquire(station, account, "b") is not None
    assert await claim() is Idle.LOST
