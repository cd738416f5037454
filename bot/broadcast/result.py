"""The last two steps of every call: one call in one attempt, and what its answer means, written down.

What AWS provably did not take goes back to `pending`; what it may have taken is `in_doubt`, and is never sent again by
itself.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam
from sqlmodel import SQLModel, col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from bot.alerts.outbox import Notice, announce
from bot.broadcast.claim import Call
from bot.broadcast.moves import MAILROOM, WITHOUT_CONTENT, move
from bot.broadcast.pace import CUT
from bot.broadcast.waiting import hold
from bot.mailer.facts import CONFIRM_AFTER, take_refusal
from bot.ses.errors import SesError, Trouble
from bot.ses.sending import EntryOutcome, EntryResult
from storage import leases
from storage.models import Broadcast, Chunk, Mailer, SendingAccount
from storage.states import Access, BroadcastState, ChunkState, DeliveryState, PauseReason, PollKind

log = logging.getLogger(__name__)

TOLD_EVERY = 3.0  # seconds that lie at least between two drawings of the progress

_RUNNING = frozenset({BroadcastState.SENDING, BroadcastState.PAUSED})
_OUTCOME_OF = {
    Trouble.UNAVAILABLE: EntryOutcome.IN_DOUBT,
    Trouble.QUOTA: EntryOutcome.QUOTA,
    Trouble.LIMIT: EntryOutcome.QUOTA,  # SES's code for the quota, too, with a text of its own
    Trouble.PAUSED: EntryOutcome.PAUSED,
    Trouble.SUSPENDED: EntryOutcome.SUSPENDED,
    Trouble.IDENTITY: EntryOutcome.IDENTITY,
    Trouble.RATE: EntryOutcome.RETRY,
    Trouble.THROTTLED: EntryOutcome.RETRY,
    Trouble.NOT_SENT: EntryOutcome.RETRY,
    Trouble.EXPIRED: EntryOutcome.RETRY,
    Trouble.PRINCIPAL: EntryOutcome.RETRY,
    Trouble.CLOCK_SKEW: EntryOutcome.RETRY,
}
_STATE_OF = {
    EntryOutcome.SENT: DeliveryState.SENT,
    EntryOutcome.FAILED: DeliveryState.FAILED,
    EntryOutcome.IN_DOUBT: DeliveryState.IN_DOUBT,
}
_SETTLED = frozenset({DeliveryState.SENT, DeliveryState.FAILED})
_delivery = SQLModel.metadata.tables["delivery"]


@dataclass(frozen=True, slots=True)
class Answer:
    """One result for each entry, and the error where the call as a whole failed."""

    results: Sequence[EntryResult]
    error: SesError | None = None

    @property
    def outcomes(self) -> frozenset[EntryOutcome]:
        return frozenset(result.outcome for result in self.results)

    @property
    def lost_access(self) -> SesError | None:
        return self.error if self.error and self.error.is_access_loss else None

    @property
    def too_fast(self) -> bool:
        """Whether AWS asked us to slow down."""
        if self.error:
            return self.error.trouble in {Trouble.RATE, Trouble.THROTTLED}
        return EntryOutcome.RETRY in self.outcomes

    @property
    def troubled(self) -> bool:
        """Whether AWS had better be left alone for a while."""
        return self.too_fast or self.error is not None


async def send(call: Call) -> Answer:
    """Make the one call. Whatever happens, there is an answer for each entry."""
    try:
        results = await call.ses.send_bulk(
            sender=call.letter.fixed.sender,
            reply_to=call.letter.reply_to,
            configuration_set=call.mailer.configuration_set,
            template=call.letter.template,
            entries=call.entries,
        )
    except SesError as error:
        outcome = EntryOutcome.RETRY if error.is_access_loss else _OUTCOME_OF.get(error.trouble, EntryOutcome.STOP)
        return Answer([EntryResult(outcome, error.code, error=error.text)] * len(call.entries), error)
    except Exception:  # a fault of ours, perhaps after the mail went: so it is in doubt
        log.exception("the call of chunk %s ended with an error of ours", call.chunk_id)
        return Answer([EntryResult(EntryOutcome.IN_DOUBT, "", error="internal error")] * len(call.entries))
    return Answer(results)


async def record(session: AsyncSession, call: Call, answer: Answer, *, now: datetime, rest: float, tell: bool) -> None:
    """Write down what became of every entry, and what follows for the broadcast and its account.

    Recording twice changes nothing, and so does recording after the lease was lost, apart from what is certain: an
    entry in doubt that was sent.

    Args:
        session: the transaction.
        call: what was claimed.
        answer: what AWS said.
        now: the time.
        rest: seconds to leave the account alone; 0 where all is well.
        tell: have the progress drawn again.
    """
    if rest:
        await _slow_down(session, call, now + timedelta(seconds=rest), cut=answer.too_fast)
    on_time = await _end_chunk(session, call, answer, now)
    broadcast = None
    if answer.outcomes - _STATE_OF.keys():
        lock = select(Broadcast).where(Broadcast.id == call.broadcast_id).with_for_update()
        broadcast = (await session.exec(lock.options(*WITHOUT_CONTENT))).first()
    await _settle(session, call, answer, broadcast, on_time=on_time, now=now)
    if broadcast is not None and on_time:
        await _follow(session, call, answer, broadcast, now)
    if tell:
        await announce(session, call.team_id, Notice.BROADCAST, call.broadcast_id, now=now, not_within=TOLD_EVERY)


async def _slow_down(session: AsyncSession, call: Call, until: datetime, *, cut: bool) -> None:
    held = (col(SendingAccount.id) == call.held.id, col(SendingAccount.fence) == call.held.fence)
    share = col(SendingAccount.share)
    slower = update(SendingAccount).where(*held).values(next_send_at=until, share=share * CUT if cut else share)
    await session.exec(slower)


async def _end_chunk(session: AsyncSession, call: Call, answer: Answer, now: datetime) -> bool:
    """End the chunk. False: it was ended before, by an earlier attempt to record it or by a take-over."""
    unknown = answer.outcomes == {EntryOutcome.IN_DOUBT}
    ended = await session.exec(
        update(Chunk)
        .where(col(Chunk.id) == call.chunk_id, col(Chunk.state) == ChunkState.CALLING)
        .values(
            state=ChunkState.IN_DOUBT if unknown else ChunkState.DONE,
            finished_at=now,
            error=answer.results[0].error if answer.error or unknown else "",
        )
    )
    return bool(ended.rowcount)


async def _settle(
    session: AsyncSession, call: Call, answer: Answer, broadcast: Broadcast | None, *, on_time: bool, now: datetime
) -> None:
    """Write the state of each delivery."""
    cancelled = broadcast is not None and broadcast.state is BroadcastState.CANCELLED
    back = DeliveryState.CANCELLED if cancelled else DeliveryState.PENDING
    rows: list[dict[str, Any]] = []
    for seq, result in zip(call.seqs, answer.results, strict=True):
        state = _STATE_OF.get(result.outcome, back)
        if on_time or state in _SETTLED:
            kept = call.chunk_id if result.outcome in _STATE_OF else None
            error = result.error or ("" if state is DeliveryState.SENT else result.status)
            rows.append({"at_seq": seq, "to": state, "kept": kept, "message": result.message_id or None, "why": error})
    if not rows:
        return
    is_open = _delivery.c.state == DeliveryState.SENDING
    if not on_time:
        is_open |= _delivery.c.state == DeliveryState.IN_DOUBT
    statement = (
        _delivery.update()
        .where(
            _delivery.c.broadcast_id == call.broadcast_id,
            _delivery.c.seq == bindparam("at_seq"),
            _delivery.c.chunk_id == call.chunk_id,
            is_open,
        )
        .values(
            state=bindparam("to"),
            chunk_id=bindparam("kept"),
            message_id=bindparam("message"),
            error=bindparam("why"),
            at=now,
        )
    )
    connection = await session.connection()
    await connection.execute(statement, rows)


async def _follow(session: AsyncSession, call: Call, answer: Answer, broadcast: Broadcast, now: datetime) -> None:
    """Hold or stop what AWS will not take any more."""
    outcomes = answer.outcomes
    if EntryOutcome.STOP in outcomes and broadcast.state in _RUNNING:
        broadcast.error = next(
            result.error or result.status for result in answer.results if result.outcome is EntryOutcome.STOP
        )
        await move(session, broadcast, BroadcastState.STOPPED, by=MAILROOM, action="stop", now=now)
    if EntryOutcome.IDENTITY in outcomes and broadcast.state is BroadcastState.SENDING:
        await hold(session, [broadcast], PauseReason.IDENTITY, now)
    if EntryOutcome.QUOTA in outcomes:
        await hold(session, await _of_account(session, call), PauseReason.QUOTA, now)
    if outcomes & {EntryOutcome.PAUSED, EntryOutcome.SUSPENDED}:
        await hold(session, await _of_account(session, call), PauseReason.SENDING, now)
    if answer.lost_access:
        await _suspect(session, call, answer.lost_access, now)
    if outcomes & {EntryOutcome.IDENTITY, EntryOutcome.PAUSED, EntryOutcome.SUSPENDED}:
        await leases.schedule(session, PollKind.ACCOUNT, call.mailer.id, now)


async def _suspect(session: AsyncSession, call: Call, error: SesError, now: datetime) -> None:
    """Hold what the mailer sends until the monitor has asked AWS in another way."""
    mailer = await session.get(Mailer, call.mailer.id, with_for_update=True)
    if mailer is None or mailer.version != call.mailer.version:  # reconnected meanwhile: that was the old key
        return
    if mailer.access is Access.OK:
        confirms = take_refusal(mailer, Access.SUSPECT, error, now)
        session.add(mailer)
        await leases.schedule(session, confirms, mailer.id, now + CONFIRM_AFTER)
    running = [each for each in await _of_account(session, call) if each.mailer_id == mailer.id]
    await hold(session, running, PauseReason.ACCESS, now)


async def _of_account(session: AsyncSession, call: Call) -> Sequence[Broadcast]:
    """Lock every broadcast that is sending through this AWS account."""
    found = await session.exec(
        select(Broadcast)
        .join(Mailer, col(Mailer.id) == Broadcast.mailer_id)
        .where(
            Mailer.account_id == call.held.account_id,
            Mailer.region == call.held.region,
            Broadcast.state == BroadcastState.SENDING,
        )
        .order_by(Broadcast.id)
        .options(*WITHOUT_CONTENT)
        .with_for_update(of=Broadcast)
    )
    return found.all()
