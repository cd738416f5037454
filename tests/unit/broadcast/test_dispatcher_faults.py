"""Lost answers, dead processes, a database that goes away: nobody is mailed twice, and nobody is lost."""

import asyncio
import resource
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from bot.broadcast.delivery.account_lease import LEASE
from bot.broadcast.delivery.dispatcher import Dispatcher
from storage.models import Broadcast
from storage.states import BroadcastState, ChunkState, DeliveryState
from tests.databases import Clock
from tests.playground.aws import Fault, How
from tests.unit.broadcast.fixtures import BULK, MortalDatabase, Station

SIZE = 40
CHUNKS = [0, 1, 2]  # 14, 14, 12 recipients
SENT, PENDING, IN_DOUBT = DeliveryState.SENT, DeliveryState.PENDING, DeliveryState.IN_DOUBT


async def kill(engine: Dispatcher) -> None:
    """End a process without a word: its database is dead already, so nothing it does now has an effect."""
    tasks = [*engine._workers.values(), *(task for task in asyncio.all_tasks() if task.get_name().startswith("chunk "))]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def check_truth(station: Station, broadcast: Broadcast) -> Counter[DeliveryState]:
    """Hold what is stored against what AWS really sent: sent is sent, pending is not, in doubt may be either."""
    mailed = station.mailed()
    assert station.nobody_twice()
    states: Counter[DeliveryState] = Counter()
    for delivery in await station.deliveries(broadcast.id):
        states[delivery.state] += 1
        if delivery.state is SENT:
            assert mailed[delivery.address] == 1
            assert delivery.message_id
        elif delivery.state is PENDING:
            assert mailed[delivery.address] == 0
        else:
            assert delivery.state is IN_DOUBT
    assert states.total() == broadcast.size
    return states


@pytest.mark.parametrize("at", CHUNKS)
@pytest.mark.parametrize("how", [How.CLOSE_AFTER, How.REFUSE, How.UNAVAILABLE, How.THROTTLE])
async def test_a_fault_at_any_call(connected: Station, how: How, at: int) -> None:
    broadcast = await connected.confirmed(SIZE)
    planted = False

    async def fail_once() -> None:
        nonlocal planted
        if not planted and len(connected.calls()) == at:
            connected.aws.fail(BULK, how)
            planted = True

    await fail_once()
    connected.between_calls = fail_once
    await connected.run()
    assert (await connected.broadcast(broadcast.id)).state is BroadcastState.DONE
    states = await check_truth(connected, broadcast)
    lost = 0 if how is How.THROTTLE else [14, 14, 12][at]
    assert states == Counter({SENT: SIZE - lost, IN_DOUBT: lost}) - Counter()
    assert len(connected.aws.mails) == SIZE - (lost if how in {How.REFUSE, How.UNAVAILABLE} else 0)


async def test_an_outage_puts_one_chunk_in_doubt_and_not_one_after_the_other(connected: Station) -> None:
    broadcast = await connected.confirmed(SIZE)
    connected.aws.fail("ses:*", How.UNAVAILABLE, times=None)
    rests = 0

    async def count() -> None:
        nonlocal rests
        rests += 1
        if rests == 8:
            connected.aws.heal()

    connected.between_calls = count
    await connected.run()
    assert await check_truth(connected, broadcast) == {SENT: SIZE - 14, IN_DOUBT: 14}


async def test_a_refused_connection_is_tried_again(connected: Station) -> None:
    broadcast = await connected.confirmed(SIZE)
    connected.aws.go_away()
    rests = 0

    async def come_back() -> None:
        nonlocal rests
        rests += 1
        if rests == 3:
            connected.aws.come_back()

    connected.between_calls = come_back
    await connected.run()
    assert await connected.is_done(broadcast.id, SIZE)
    assert connected.nobody_twice()


@pytest.mark.parametrize("at", range(2, 12))
async def test_a_process_killed_at_any_transaction(
    connected: Station, database_url: str, clock: Clock, at: int
) -> None:
    broadcast = await connected.confirmed(SIZE)
    db = MortalDatabase(database_url, clock, dies_at=at)
    engine = connected.engine(db)
    await engine.tick()
    died, idle = asyncio.create_task(db.died.wait()), asyncio.create_task(engine.idle())
    await asyncio.wait({died, idle}, return_when=asyncio.FIRST_COMPLETED)
    died.cancel()
    await kill(engine)
    await idle
    await db.stop()
    calling = [chunk for chunk in await connected.chunks() if chunk.state is ChunkState.CALLING]
    await check_sum_and_run_again(connected, broadcast)
    states = await check_truth(connected, broadcast)
    assert states[IN_DOUBT] == sum(chunk.size for chunk in calling)
    assert states[PENDING] == 0


async def check_sum_and_run_again(station: Station, broadcast: Broadcast) -> None:
    await station.check_sum()
    station.clock.advance(LEASE.total_seconds())
    again = asyncio.create_task(station.run())
    await asyncio.wait([again], timeout=10)  # it would go on for ever with what nobody accounts for
    assert again.done()
    await again
    await station.check_sum()
    assert (await station.broadcast(broadcast.id)).state is BroadcastState.DONE


async def test_a_process_that_hangs_is_taken_over_and_its_late_answer_still_counts(
    connected: Station,
) -> None:
    connected.patient = False
    broadcast = await connected.confirmed(SIZE)
    fault = connected.aws.fail(BULK, How.HANG)
    first = connected.engine()
    await first.tick()
    await asyncio.to_thread(fault.reached.wait, 10)
    second = connected.engine()
    connected.clock.advance(LEASE.total_seconds())
    await connected.run(second)
    assert (await connected.broadcast(broadcast.id)).state is BroadcastState.DONE
    assert await connected.counts(broadcast.id) == {SENT: SIZE - 14, IN_DOUBT: 14}
    fault.release()
    await first.idle()
    assert await check_truth(connected, broadcast) == {SENT: SIZE}
    assert len(connected.calls()) == 3


async def test_whoever_has_lost_the_account_claims_nothing_more(connected: Station) -> None:
    connected.patient = False
    broadcast = await connected.confirmed(SIZE)
    fault = connected.aws.fail(BULK, How.HANG)
    engine = connected.engine()
    await engine.tick()
    await asyncio.to_thread(fault.reached.wait, 10)
    until = connected.clock.advance(LEASE.total_seconds()) + LEASE
    await connected.change(await connected.account(), fence=2, owner="another", lease_until=until)
    fault.release()
    await asyncio.wait([asyncio.create_task(engine.idle())], timeout=10)  # it would go on for ever with the account
    assert await check_truth(connected, broadcast) == {SENT: 14, PENDING: SIZE - 14}
    account = await connected.account()
    assert (account.owner, account.lease_until) == ("another", until)


async def test_stopping_waits_for_the_answer_to_what_is_under_way(connected: Station) -> None:
    connected.patient = False
    broadcast = await connected.confirmed(SIZE)
    fault = connected.aws.fail(BULK, How.HANG)
    engine = connected.engine()
    await engine.tick()
    await asyncio.to_thread(fault.reached.wait, 10)
    stopping = asyncio.create_task(engine.stop())
    await asyncio.sleep(0)
    fault.release()
    await stopping
    assert await check_truth(connected, broadcast) == {SENT: 14, PENDING: SIZE - 14}


async def test_it_is_not_done_while_the_last_call_is_under_way(connected: Station) -> None:
    broadcast = await connected.confirmed(28)
    engine, rested = connected.engine(), asyncio.Event()
    planted: list[Fault] = []

    async def rests() -> None:
        if planted:
            rested.set()
        elif connected.calls():
            connected.patient = False
            planted.append(connected.aws.fail(BULK, How.HANG))

    connected.between_calls = rests
    await engine.tick()
    await rested.wait()
    for _ in range(5):  # each waits for its turn, and so comes after the claim that finds nobody left
        await connected.change(await connected.account(), owner="as it was")
    counts = await connected.counts(broadcast.id)
    planted[0].release()
    await engine.idle()
    assert counts == {SENT: 14, DeliveryState.SENDING: 14}
    assert await connected.is_done(broadcast.id, 28)
    assert {chunk.state for chunk in await connected.chunks()} == {ChunkState.DONE}


async def test_a_process_that_stalls_before_its_call_does_not_send_again_what_others_sent(connected: Station) -> None:
    connected.patient = False
    broadcast = await connected.confirmed(SIZE)
    fault = connected.aws.fail(BULK, How.HANG_BEFORE)
    first = connected.engine()
    await first.tick()
    await asyncio.to_thread(fault.reached.wait, 10)
    connected.clock.advance(LEASE.total_seconds())
    await connected.run()
    assert await connected.counts(broadcast.id) == {SENT: SIZE - 14, IN_DOUBT: 14}
    connected.clock.advance(5)
    fault.release()
    await first.idle()
    assert await check_truth(connected, broadcast) == {SENT: SIZE}


async def test_a_process_that_stalled_claims_nothing_once_its_lease_is_taken(connected: Station) -> None:
    broadcast = await connected.confirmed(SIZE)
    stalls = [(asyncio.Event(), asyncio.Event()) for _ in range(2)]
    waiting = list(stalls)

    async def stall() -> None:
        if waiting:
            reached, released = waiting.pop(0)
            reached.set()
            await released.wait()

    connected.between_calls = stall
    first, second = connected.engine(), connected.engine()
    await first.tick()
    await stalls[0][0].wait()
    connected.clock.advance(LEASE.total_seconds())
    await second.tick()
    await stalls[1][0].wait()
    calls = len(connected.calls())
    stalls[0][1].set()
    await first.idle()
    assert len(connected.calls()) == calls
    stalls[1][1].set()
    await second.idle()
    assert await connected.is_done(broadcast.id, SIZE)
    assert connected.nobody_twice()


async def test_what_is_in_doubt_is_never_sent_again_by_itself(connected: Station) -> None:
    broadcast = await connected.confirmed(14)
    connected.aws.fail(BULK, How.REFUSE)
    engine = await connected.run()
    await connected.later(engine, 48 * 3600, step=3600)
    assert await connected.counts(broadcast.id) == {IN_DOUBT: 14}
    assert len(connected.calls()) == 1


async def test_a_database_that_is_away_when_the_answer_comes_loses_no_message_id(
    connected: Station, database_url: str, clock: Clock
) -> None:
    broadcast = await connected.confirmed(14)
    db = MortalDatabase(database_url, clock, dies_at=5, revives=5)  # start, take, look, claim; then the result
    await connected.run(connected.engine(db))
    await db.stop()
    assert db.writes >= 10
    assert await check_truth(connected, broadcast) == {SENT: 14}
    assert len(connected.calls()) == 1


@contextmanager
def full_disk(database_url: str) -> Iterator[Callable[[], None]]:
    """No file may grow beyond what SQLite's log has now, so that whatever is committed cannot be written."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    log = Path(f"{database_url.removeprefix('sqlite+aiosqlite:///')}-wal")
    resource.setrlimit(resource.RLIMIT_FSIZE, (log.stat().st_size, before[1]))

    def has_room_again() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    try:
        yield has_room_again
    finally:
        has_room_again()


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_on_a_full_disk_nobody_is_mailed_without_a_word_of_it_and_then_it_goes_on(
    connected: Station, database_url: str
) -> None:
    broadcast = await connected.confirmed(SIZE)
    with full_disk(database_url):
        engine = connected.engine()
        with pytest.raises(OperationalError):
            await connected.run(engine)
    assert connected.calls() == []

    await connected.run(engine)

    assert await check_truth(connected, broadcast) == {SENT: SIZE}


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_on_a_disk_that_is_full_when_the_answer_comes_no_message_id_is_lost(
    connected: Station, database_url: str
) -> None:
    broadcast = await connected.confirmed(SIZE)
    fault, rests = connected.aws.fail(BULK, How.HANG_BEFORE), 0
    engine = connected.engine()
    await engine.tick()
    await asyncio.to_thread(fault.reached.wait, 10)
    with full_disk(database_url) as has_room_again:

        async def make_room() -> None:
            nonlocal rests
            rests += 1
            if rests == 5:
                has_room_again()

        connected.between_calls = make_room
        fault.release()
        await engine.idle()

    assert rests >= 5
    assert await check_truth(connected, broadcast) == {SENT: SIZE}
    assert len(connected.calls()) == 3


@pytest.mark.parametrize(("rate", "became"), [(14, SENT), (7, DeliveryState.CANCELLED)])
async def test_cancelling_while_a_call_is_under_way(connected: Station, rate: int, became: DeliveryState) -> None:
    broadcast = await connected.confirmed(SIZE)
    fault = connected.aws.fail(BULK, How.HANG_BEFORE)
    engine = connected.engine()
    await engine.tick()
    await asyncio.to_thread(fault.reached.wait, 10)
    version = (await connected.broadcast(broadcast.id)).version
    await connected.broadcasts.cancel(connected.team, broadcast.id, version, "U1")
    assert await connected.counts(broadcast.id) == {DeliveryState.SENDING: 14, DeliveryState.CANCELLED: 26}
    connected.ses.set_quota(rate=rate)  # at 7 a second AWS refuses the call of 14
    fault.release()
    await engine.idle()
    counts = await connected.counts(broadcast.id)
    assert counts == Counter({became: 14}) + Counter({DeliveryState.CANCELLED: 26})
