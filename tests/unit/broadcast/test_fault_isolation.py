"""What AWS does not take is laid on one recipient, on the broadcast or on AWS itself, and never on the wrong one."""

from collections.abc import Sequence
from datetime import datetime

import pytest

from bot.broadcast.delivery.account_lease import LEASE
from bot.broadcast.delivery.dispatcher import Dispatcher
from bot.broadcast.delivery.fault_isolation import MOST_FAILED, MOST_TRIES, RETRY_DELAY
from bot.broadcast.resend import Resends
from storage.models import Broadcast
from storage.states import BroadcastState, DeliveryState
from tests.databases import Clock
from tests.unit.broadcast.fixtures import BULK, MortalDatabase, Station
from tests.unit.broadcast.test_dispatcher_faults import kill
from tests.unit.broadcast.test_dispatcher_refusals import mailer_of

SENT, PENDING, FAILED = DeliveryState.SENT, DeliveryState.PENDING, DeliveryState.FAILED
TRANSIENT, BAD = "TRANSIENT_FAILURE", "BadRequestException"


def addresses(call: Sequence[dict[str, dict[str, list[str]]]]) -> list[str]:
    return [entry["Destination"]["ToAddresses"][0] for entry in call]


def tries(station: Station, number: int) -> list[datetime]:
    """When AWS was asked to mail this recipient."""
    address = f"r{number}@c1.example"
    return [call.at for call in station.aws.calls_of(BULK) if address in addresses(call.params["BulkEmailEntries"])]


async def failed(station: Station, broadcast: Broadcast) -> dict[int, str]:
    """Why each failed that did; AWS mailed none of them."""
    rows = [each for each in await station.deliveries(broadcast.id) if each.state is FAILED]
    assert not any(station.mailed()[row.address] for row in rows)
    assert all(row.chunk_id for row in rows)
    return {row.seq: row.error for row in rows}


async def ended(station: Station, broadcast: Broadcast, state: BroadcastState) -> Broadcast:
    row = await station.broadcast(broadcast.id)
    assert row.state is state
    assert station.nobody_twice()
    return row


async def until_tried(station: Station, number: int, times: int) -> None:
    """Let an engine work until a recipient was tried so often, then stop it."""
    engine = station.engine()

    async def look() -> None:
        if len(tries(station, number)) >= times:
            await engine.stop()

    station.between_calls = look
    await station.run(engine)
    station.between_calls = None


async def test_a_transient_failure_is_tried_again_and_holds_nobody_up(connected: Station) -> None:
    connected.ses.refuse("r5@*", TRANSIENT, "Try again later.", times=2)
    broadcast = await connected.confirmed(60)
    start = connected.clock()
    await connected.run()
    assert await connected.is_done(broadcast.id, 60)
    assert connected.nobody_twice()
    assert (await connected.account()).share == 1
    first, second, third = tries(connected, 5)
    assert min(second - first, third - second) >= RETRY_DELAY
    others = [mail.at for mail in connected.aws.mails if mail.to != ("r5@c1.example",)]
    assert (max(others) - start).total_seconds() <= 60 / 14 / 0.97


async def test_a_lasting_transient_failure_fails_after_a_few_tries_whatever_restarts(connected: Station) -> None:
    for number in (5, 17, 18, 29):
        connected.ses.refuse(f"r{number}@*", TRANSIENT, "Try\u202e again later.")
    broadcast = await connected.confirmed(60)
    await until_tried(connected, 5, 2)
    assert await connected.counts(broadcast.id) == {SENT: 56, PENDING: 4}
    await connected.run()
    await ended(connected, broadcast, BroadcastState.DONE)
    reason = f"Amazon SES did not take it in {MOST_TRIES} calls: Try again later."
    assert await failed(connected, broadcast) == dict.fromkeys((5, 17, 18, 29), reason)
    assert {len(tries(connected, number)) for number in (5, 17, 18, 29)} == {MOST_TRIES} == {5}
    assert (await connected.account()).share == 1
    connected.ses.refused.clear()
    connected.ses.refuse("r5@*", TRANSIENT, times=1)
    resends = Resends(connected.db, connected.preflight)
    await connected.monitor.refresh(await mailer_of(connected))
    version = (await connected.broadcast(broadcast.id)).version
    await resends.send(connected.team, broadcast.id, version, DeliveryState.FAILED, "U1")
    await connected.run()
    assert await connected.is_done(broadcast.id, 60)


async def test_other_broadcasts_go_on_while_one_waits_for_its_last_recipient(connected: Station) -> None:
    other = connected.new_team("C2")
    await connected.connect(other)
    connected.ses.refuse("r1@c1.example", TRANSIENT, times=1)
    first = await connected.confirmed(3)
    second = None

    async def confirm() -> None:
        nonlocal second
        if second is None and len(connected.aws.mails) == 2:
            second = await connected.confirmed(3, team=other)

    engine = connected.engine()
    connected.between_calls = confirm
    await connected.run(engine)
    connected.between_calls = None
    await connected.run(engine)
    assert second is not None
    assert await connected.is_done(first.id, 3)
    assert await connected.is_done(second.id, 3)


async def test_an_unwell_region_counts_against_nobody(connected: Station) -> None:
    connected.ses.refuse("*", TRANSIENT)
    broadcast = await connected.confirmed(30)
    start, calls = connected.clock(), 0

    async def heal() -> None:
        nonlocal calls
        if not calls and (connected.clock() - start).total_seconds() > 900:
            calls = len(connected.calls())
            connected.ses.refused.clear()

    connected.between_calls = heal
    await connected.run()
    assert MOST_TRIES < calls < 40
    assert await connected.is_done(broadcast.id, 30)
    assert connected.nobody_twice()


async def test_of_several_who_fail_in_one_call_each_fails_where_others_are_taken(connected: Station) -> None:
    """A whole call of them looks like an unwell region until the next one is taken."""
    for number in range(1, 15):
        connected.ses.refuse(f"r{number}@*", TRANSIENT)
    broadcast = await connected.confirmed(30)
    await connected.run()
    await ended(connected, broadcast, BroadcastState.DONE)
    assert set(await failed(connected, broadcast)) == set(range(1, 15))
    assert await connected.counts(broadcast.id) == {SENT: 16, FAILED: 14}


@pytest.mark.parametrize("at_fault", [{1}, {23}, {14, 15, 16}, {2, 30, 60}])
async def test_who_makes_aws_refuse_a_whole_call_is_found(connected: Station, at_fault: set[int]) -> None:
    for number in at_fault:
        connected.ses.refuse(f"r{number}@*", BAD, "Illegal\u2028 address.")
    broadcast = await connected.confirmed(60)
    start = connected.clock()
    await connected.run()
    await ended(connected, broadcast, BroadcastState.DONE)
    seconds = (max(mail.at for mail in connected.aws.mails) - start).total_seconds()
    assert seconds < 60 / 14 + 3.5 * len(at_fault)  # at the pace of the account: a refusal is no reason to rest
    assert await failed(connected, broadcast) == dict.fromkeys(at_fault, "Illegal address.")
    assert await connected.counts(broadcast.id) == {SENT: 60 - len(at_fault), FAILED: len(at_fault)}
    assert len(connected.calls()) <= 6 + 8 * len(at_fault)
    assert BAD in {call.error for call in connected.aws.calls_of(BULK)} <= {BAD, None}
    assert (await connected.account()).share == 1


@pytest.mark.parametrize("at", range(4, 16, 3))
async def test_a_process_killed_while_it_looks_for_who_is_at_fault(
    connected: Station, database_url: str, clock: Clock, at: int
) -> None:
    connected.ses.refuse("r3@*", BAD, "Illegal address.")
    broadcast = await connected.confirmed(30)
    db = MortalDatabase(database_url, clock, dies_at=at)
    engine: Dispatcher = connected.engine(db)
    await engine.tick()
    await db.died.wait()
    await kill(engine)
    await engine.idle()
    await db.stop()
    await connected.check_sum()
    connected.clock.advance(LEASE.total_seconds())
    await connected.run()
    await ended(connected, broadcast, BroadcastState.DONE)
    states = {each.seq: each.state for each in await connected.deliveries(broadcast.id)}
    assert states[3] in {FAILED, DeliveryState.IN_DOUBT}
    assert set(states.values()) <= {SENT, FAILED, DeliveryState.IN_DOUBT}
    assert not connected.mailed()["r3@c1.example"]


@pytest.mark.parametrize(("size", "calls"), [(1, 1), (2, 3), (30, 6)])
async def test_a_content_that_aws_refuses_stops_the_broadcast_and_fails_nobody(
    connected: Station, size: int, calls: int
) -> None:
    connected.ses.refuse("*", BAD, "Illegal template.")
    broadcast = await connected.confirmed(size)
    engine = await connected.run()
    assert (await ended(connected, broadcast, BroadcastState.STOPPED)).error == "Illegal template."
    assert await connected.counts(broadcast.id) == {PENDING: size}
    assert len(connected.calls()) == calls
    await connected.later(engine, 3600, step=600)
    assert len(connected.calls()) == calls


async def test_one_percent_of_bad_recipients_fail_and_all_others_are_sent(station: Station) -> None:
    await station.connect(station.team, rate=100)
    bad = {40: BAD, 140: "INVALID_PARAMETER", 240: "MESSAGE_REJECTED", 340: TRANSIENT}
    for number, how in bad.items():
        station.ses.refuse(f"r{number}@*", how, f"No {number}.")
    broadcast = await station.confirmed(400)
    await station.run()
    await ended(station, broadcast, BroadcastState.DONE)
    assert await station.counts(broadcast.id) == {SENT: 396, FAILED: 4}
    reasons = await failed(station, broadcast)
    assert {number: reason.rpartition(": ")[2] for number, reason in reasons.items()} == {
        number: f"No {number}." for number in bad
    }


async def test_a_broadcast_of_which_nearly_all_fail_is_stopped(station: Station) -> None:
    await station.connect(station.team, rate=50)
    broadcast = await station.confirmed(400)

    async def refuse() -> None:
        if len(station.aws.mails) >= 100 and not station.ses.refused:
            station.ses.refuse("*", "MESSAGE_REJECTED", "Content is not allowed.")

    station.between_calls = refuse
    engine = await station.run()
    stopped = await ended(station, broadcast, BroadcastState.STOPPED)
    assert stopped.error.endswith("Content is not allowed.")
    counts = await station.counts(broadcast.id)
    assert counts[FAILED] == MOST_FAILED == 100
    assert counts[SENT] + counts[FAILED] + counts[PENDING] == 400
    calls = len(station.calls())
    await station.later(engine, 3600, step=600)
    assert len(station.calls()) == calls


async def test_a_small_broadcast_of_which_all_fail_is_done_for_a_person_to_send_again(connected: Station) -> None:
    connected.ses.refuse("*", "MESSAGE_REJECTED", "Content is not allowed.", times=30)
    broadcast = await connected.confirmed(30)
    await connected.run()
    await ended(connected, broadcast, BroadcastState.DONE)
    assert await connected.counts(broadcast.id) == {FAILED: 30}
