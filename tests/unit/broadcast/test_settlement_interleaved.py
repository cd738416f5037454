"""An answer of AWS that concerns a whole account is written down while somebody else judges its broadcasts."""

from functools import partial
from typing import Any, cast

import pytest

from bot.broadcast.delivery.account_lease import AccountLease
from bot.broadcast.delivery.chunk import ClaimedChunk
from bot.broadcast.delivery.send_result import AnsweredChunk, SendResult
from bot.broadcast.delivery.settlement import record_result
from bot.broadcast.transitions import schedule_sending
from bot.feedback.reputation_enforcement import enforce
from bot.ses.bulk_send import EntryOutcome, EntryResult
from storage.database import Database
from storage.models import Broadcast, Chunk, Delivery, Mailer
from storage.states import BroadcastState, ChunkState, DeliveryState, PauseReason
from tests.interleaving import interleaving, orders
from tests.unit.broadcast.fixtures import Station


@pytest.fixture
def database_kind() -> str:
    return "postgresql"  # SQLite has one writer at a time


async def _under_way(station: Station, mailer: Mailer, broadcast: Broadcast) -> ClaimedChunk:
    """Have the broadcast be sent, with everybody in one call that AWS has not answered."""
    await station.change(broadcast, state=BroadcastState.SENDING, pause_reasons=[])
    account = await station.account()
    chunk = Chunk(
        broadcast_id=broadcast.id,
        sending_account_id=account.id,
        state=ChunkState.CALLING,
        fence=account.fence,
        size=broadcast.size,
    )
    async with station.db.write() as session:
        session.add(chunk)
        await session.flush()
        for seq in range(1, broadcast.size + 1):
            row = await session.get_one(Delivery, (broadcast.id, seq), with_for_update=True)
            row.state, row.chunk_id = DeliveryState.SENDING, chunk.id
            session.add(row)
    held = AccountLease(account.id, account.account_id, account.region, account.fence)
    seqs, nothing = range(1, broadcast.size + 1), cast("Any", None)
    return ClaimedChunk(
        chunk.id, broadcast.id, broadcast.team_id, held, mailer, nothing, nothing, seqs, (), has_first_tries=True
    )


async def test_a_quota_that_is_used_up_and_a_judgement_wait_for_each_other_in_no_order(
    station: Station, db: Database
) -> None:
    mailer = await station.connect(station.team)
    async with db.write() as session:
        await schedule_sending(session, mailer.account_id, mailer.region, station.clock())
    first, second = sorted([await station.confirmed(2), await station.confirmed(2)], key=lambda each: each.id)

    async def settles(answered: list[AnsweredChunk]) -> None:
        async with db.write() as session:
            await record_result(session, answered)

    async def answered(broadcasts: list[Broadcast]) -> list[AnsweredChunk]:
        answer = SendResult([EntryResult(EntryOutcome.QUOTA, "")] * 2)
        return [AnsweredChunk(await _under_way(station, mailer, each), answer, 0.0) for each in broadcasts]

    async with interleaving(db) as interleaved:
        judges = partial(enforce, db, mailer.id, station.clock())
        steps = [
            await interleaved.steps(partial(settles, await answered([second, first]))),
            await interleaved.steps(judges),
        ]
        for order in orders(*steps):
            came_back = await answered([second, first])
            await interleaved.run(partial(settles, came_back), judges, order=order)
            for each in (first, second):
                held = await station.broadcast(each.id)
                assert (held.state, held.pause_reasons) == (BroadcastState.PAUSED, [PauseReason.QUOTA])
