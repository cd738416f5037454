"""What plain statements write down of answers from which nothing else follows."""

from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, cast

import pytest

from bot.broadcast.delivery.account_lease import AccountLease
from bot.broadcast.delivery.bulk_statements import mark_sending
from bot.broadcast.delivery.chunk import ClaimedChunk
from bot.broadcast.delivery.fault_isolation import RETRY_DELAY
from bot.broadcast.delivery.send_result import AnsweredChunk, SendResult
from bot.broadcast.delivery.settlement import settle_plain
from bot.broadcast.transitions import schedule_sending
from bot.ses.bulk_send import EntryOutcome, EntryResult
from storage.models import Broadcast, Chunk, Delivery, Mailer
from storage.states import BroadcastState, ChunkState, DeliveryState
from tests.unit.broadcast.fixtures import Station

pytestmark = pytest.mark.both_databases

SENT, SENDING, IN_DOUBT, DELIVERED = (
    DeliveryState.SENT,
    DeliveryState.SENDING,
    DeliveryState.IN_DOUBT,
    DeliveryState.DELIVERED,
)


async def _under_way(
    station: Station, mailer: Mailer, broadcast: Broadcast, states: dict[int, DeliveryState], chunk_state: ChunkState
) -> ClaimedChunk:
    """Have these recipients be in a call, in these states by now."""
    account = await station.account()
    chunk = Chunk(
        broadcast_id=broadcast.id,
        sending_account_id=account.id,
        state=chunk_state,
        fence=account.fence,
        size=len(states),
    )
    async with station.db.write() as session:
        session.add(chunk)
        await session.flush()
        for seq, state in states.items():
            for step in (SENDING, state):
                row = await session.get_one(Delivery, (broadcast.id, seq), with_for_update=True)
                row.state, row.chunk_id = step, chunk.id
                session.add(row)
                await session.flush()
    held = AccountLease(account.id, account.account_id, account.region, account.fence)
    nothing = cast("Any", None)
    about = (chunk.id, broadcast.id, broadcast.team_id, held, mailer, nothing, nothing)
    return ClaimedChunk(*about, list(states), (), has_first_tries=True)


def _answered(call: ClaimedChunk, *outcomes: EntryOutcome) -> AnsweredChunk:
    results = [
        EntryResult(outcome, outcome.upper(), f"mail-{seq}" if outcome is EntryOutcome.SENT else "")
        for seq, outcome in zip(call.seqs, outcomes, strict=True)
    ]
    return AnsweredChunk(call, SendResult(results), 0.0)


async def test_each_recipient_is_written_once_whoever_else_has_been_there(station: Station) -> None:
    mailer = await station.connect(station.team)
    async with station.db.write() as session:
        await schedule_sending(session, mailer.account_id, mailer.region, station.clock())
    broadcast = await station.confirmed(8)
    await station.change(broadcast, state=BroadcastState.SENDING)
    under_way, calling = partial(_under_way, station, mailer, broadcast), ChunkState.CALLING
    on_time = await under_way({1: SENDING, 2: DELIVERED}, calling)  # an event was faster than the answer
    mixed = await under_way({3: SENDING, 4: SENDING}, calling)
    taken_over = await under_way({5: IN_DOUBT, 6: IN_DOUBT}, ChunkState.IN_DOUBT)
    also_on_time = await under_way({7: SENDING, 8: SENDING}, calling)
    sent = EntryOutcome.SENT
    answered = [
        _answered(also_on_time, sent, sent),
        _answered(on_time, sent, sent),
        _answered(mixed, sent, EntryOutcome.FAILED),
        _answered(taken_over, sent, sent),
    ]

    written = []
    for _ in range(2):
        at = station.clock()
        await station.db.run(partial(settle_plain, answered=answered, now=at))
        written.append([(row.state, row.message_id, row.at) for row in await station.deliveries(broadcast.id)])
        station.clock.advance(60)

    states = [SENT, DELIVERED, SENT, DeliveryState.FAILED, SENT, SENT, SENT, SENT]
    assert [state for state, *_ in written[0]] == states
    assert [mail for _, mail, _ in written[0]] == ["mail-1", None, "mail-3", None, *(f"mail-{n}" for n in range(5, 9))]
    assert {at for state, _, at in written[0] if state is SENT} == {station.clock.advance(-120)}
    assert written[1] == written[0]
    ended = {chunk.id: chunk.state for chunk in await station.chunks()}
    assert [ended[call.chunk_id] for call in (on_time, mixed, also_on_time)] == [ChunkState.DONE] * 3
    assert ended[taken_over.chunk_id] is ChunkState.IN_DOUBT


async def test_a_claim_takes_nobody_who_was_moved_or_put_aside_meanwhile(station: Station) -> None:
    mailer = await station.connect(station.team)
    async with station.db.write() as session:
        await schedule_sending(session, mailer.account_id, mailer.region, station.clock())
    broadcast = await station.confirmed(4)
    call = await _under_way(station, mailer, broadcast, {2: SENT}, ChunkState.CALLING)
    async with station.db.write() as session:
        row = await session.get_one(Delivery, (broadcast.id, 3), with_for_update=True)
        row.retries, row.at = 1, station.clock()
        session.add(row)
    calls = [replace(call, seqs=[1, 2]), replace(call, seqs=[3, 4])]

    for after, taken in ((RETRY_DELAY - timedelta(seconds=1), 2), (RETRY_DELAY, 1)):
        by = station.clock() + after - RETRY_DELAY
        marks = partial(mark_sending, calls=calls, now=station.clock(), put_aside_by=by)
        assert await station.db.run(marks) == taken

    assert await station.counts(broadcast.id) == {SENDING: 3, SENT: 1}
