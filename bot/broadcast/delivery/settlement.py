"""The last step of every call: what its answer means, written down.

What AWS provably did not take goes back to `pending`; what it may have taken is `in_doubt`, and is never sent again by
itself.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, Update, and_, bindparam, case, literal, or_
from sqlmodel import SQLModel, col, select, update

from bot.alerts.outbox import Notice, announce
from bot.broadcast.delivery.bulk_statements import mark_sent
from bot.broadcast.delivery.chunk import ClaimedChunk
from bot.broadcast.delivery.fault_isolation import MOST_TRIES, decide_isolated
from bot.broadcast.delivery.rate_limit import BACKPRESSURE_FACTOR
from bot.broadcast.delivery.send_result import AnsweredChunk, SendResult
from bot.broadcast.pauses import pause
from bot.broadcast.transitions import MAILROOM, WITHOUT_CONTENT, transition
from bot.mailer.monitoring.facts import CONFIRM_AFTER, apply_refusal
from bot.ses.bulk_send import EntryOutcome
from bot.ses.errors import SesError
from storage import (
    Access,
    Broadcast,
    BroadcastState,
    ChunkState,
    DeliveryState,
    Mailer,
    PauseReason,
    PollKind,
    SendingAccount,
    Session,
    leases,
)

_RUNNING = frozenset({BroadcastState.SENDING, BroadcastState.PAUSED})
_STATE_OF = {
    EntryOutcome.SENT: DeliveryState.SENT,
    EntryOutcome.FAILED: DeliveryState.FAILED,
    EntryOutcome.IN_DOUBT: DeliveryState.IN_DOUBT,
}
_SETTLED = frozenset({DeliveryState.SENT, DeliveryState.FAILED})

_chunk, _delivery = (SQLModel.metadata.tables[name] for name in ("chunk", "delivery"))
_state_type = _delivery.c.state.type
_END_CHUNK = (
    _chunk.update()
    .where(_chunk.c.id == bindparam("chunk"), _chunk.c.state == ChunkState.CALLING)
    .values(state=bindparam("to"), finished_at=bindparam("now"), error=bindparam("why"))
)
_END_TOGETHER = (
    _chunk.update()
    .where(_chunk.c.id.in_(bindparam("chunks", expanding=True)), _chunk.c.state == ChunkState.CALLING)
    .values(state=ChunkState.DONE, finished_at=bindparam("now"), error="")
    .returning(_chunk.c.id)
)


class _DeliveryUpdates(NamedTuple):
    """Writes the states of those deliveries of a chunk that are still in one of some states; made once, like _CLAIM."""

    sent: Update
    others: Update
    again: Update  # one more of its retries, up to a number; with MOST_TRIES it has failed

    @classmethod
    def where(cls, *states: DeliveryState) -> "_DeliveryUpdates":
        still = _delivery.update().where(
            _delivery.c.broadcast_id == bindparam("broadcast"),
            _delivery.c.seq == bindparam("at_seq"),
            _delivery.c.chunk_id == bindparam("chunk"),
            or_(*(_delivery.c.state == state for state in states)),
        )
        sent = still.values(state=DeliveryState.SENT, message_id=bindparam("message"), error="", at=bindparam("now"))
        others = still.values(
            state=bindparam("to"), chunk_id=bindparam("kept"), error=bindparam("why"), at=bindparam("now")
        )
        retries = case((_delivery.c.retries < bindparam("up_to"), _delivery.c.retries + 1), else_=_delivery.c.retries)
        gives_up = retries >= MOST_TRIES
        failed, back = literal(DeliveryState.FAILED, _state_type), bindparam("to", type_=_state_type)
        again = still.values(
            state=case((gives_up, failed), else_=back),
            chunk_id=case((gives_up, _delivery.c.chunk_id), else_=None),
            error=case((gives_up, bindparam("why")), else_=""),
            at=bindparam("now"),
            retries=retries,
        )
        return cls(sent, others, again)


_ON_TIME = _DeliveryUpdates.where(DeliveryState.SENDING)
_LATE = _DeliveryUpdates.where(DeliveryState.SENDING, DeliveryState.IN_DOUBT)


async def record_result(session: Session, answered: Iterable[AnsweredChunk], *, tell: Collection[str] = ()) -> None:
    """Write down what became of every entry of these calls, and what follows for their broadcasts and their account.

    Recording twice changes nothing, and so does recording after the lease was lost, apart from what is certain: an
    entry in doubt that was sent. `tell` are broadcasts of which the progress is drawn again.
    """
    in_order = sorted(answered, key=lambda each: each.call.broadcast_id)
    for each in in_order:
        if each.rest:
            await _slow_down(session, each.call, session.now + timedelta(seconds=each.rest), cut=each.answer.too_fast)
    broadcasts = await _lock(session, in_order)
    for each in in_order:
        await _record(session, each.call, each.answer, broadcasts)
        if (told := each.call.broadcast_id) in tell:
            await announce(session, each.call.team_id, Notice.BROADCAST, told, now=session.now, spaced=True)


async def _lock(session: Session, answered: Iterable[AnsweredChunk]) -> Mapping[str, Broadcast]:
    """Lock what may have to wait or stop, all at once and by id, as everybody does who locks several broadcasts."""
    grave = [each for each in answered if each.answer.has_consequences]
    if not grave:
        return {}
    wanted: list[ColumnElement[bool]] = [col(Broadcast.id).in_({each.call.broadcast_id for each in grave})]
    if any(each.answer.concerns_account for each in grave):
        held = grave[0].call.held
        mailers = select(Mailer.id).where(Mailer.account_id == held.account_id, Mailer.region == held.region)
        wanted.append(and_(col(Broadcast.state) == BroadcastState.SENDING, col(Broadcast.mailer_id).in_(mailers)))
    rows = select(Broadcast).where(or_(*wanted)).order_by(Broadcast.id).options(*WITHOUT_CONTENT).with_for_update()
    return {row.id: row for row in await session.exec(rows)}


async def _record(
    session: Session, call: ClaimedChunk, answer: SendResult, broadcasts: Mapping[str, Broadcast]
) -> None:
    """Write down one call; `broadcasts` are those that may have to wait or stop."""
    broadcast = broadcasts.get(call.broadcast_id) if answer.has_consequences else None
    cancelled = broadcast is not None and broadcast.state is BroadcastState.CANCELLED
    back = DeliveryState.CANCELLED if cancelled else DeliveryState.PENDING
    if broadcast is not None:
        answer = await decide_isolated(session, call, answer)
    connection = await session.connection()
    on_time = await connection.run_sync(settle_chunk, call, answer, session.now, back)
    if broadcast is not None and on_time:
        await _apply_consequences(session, call, answer, broadcast, broadcasts)


def settle_plain(connection: Connection, answered: Collection[AnsweredChunk], now: datetime) -> None:
    """Write down answers from which nothing else follows: together those that took everybody, as nearly all do."""
    smooth = {each.call.chunk_id: each for each in answered if each.answer.took_all}
    ended: Collection[str] = ()
    if smooth:
        ended = connection.execute(_END_TOGETHER, {"chunks": sorted(smooth), "now": now}).scalars().all()
    if ended:
        mark_sent(connection, [smooth[chunk] for chunk in ended], now)
    for each in answered:
        if each.call.chunk_id not in ended:
            settle_chunk(connection, each.call, each.answer, now)


def settle_chunk(
    connection: Connection,
    call: ClaimedChunk,
    answer: SendResult,
    now: datetime,
    back: DeliveryState = DeliveryState.PENDING,
) -> bool:
    """End the chunk and write the state of each delivery; by itself it is enough where nothing else follows.

    `back` is the state of what provably was not sent. False: the chunk was ended before, by an earlier attempt to
    record it or by a take-over.
    """
    on_time = _end_chunk(connection, call, answer, now)
    sent, others, again = [], [], []
    for seq, result in zip(call.seqs, answer.results, strict=True):
        row = {"broadcast": call.broadcast_id, "at_seq": seq, "chunk": call.chunk_id, "now": now}
        if result.outcome is EntryOutcome.SENT:
            sent.append({**row, "message": result.message_id or None})
            continue
        if result.outcome is EntryOutcome.TRANSIENT:
            why = f"Amazon SES did not take it in {MOST_TRIES} calls: {result.reason}"
            again.append({**row, "to": back, "up_to": 1 if answer.excused else MOST_TRIES, "why": why})
            continue
        state = _STATE_OF.get(result.outcome, back)
        if on_time or state in _SETTLED:
            kept = call.chunk_id if result.outcome in _STATE_OF else None
            others.append({**row, "to": state, "kept": kept, "why": result.reason})
    writing = _ON_TIME if on_time else _LATE
    if sent:
        connection.execute(writing.sent, sent)
    if others:
        connection.execute(writing.others, others)
    if again and on_time:
        connection.execute(writing.again, again)
    return on_time


def _end_chunk(connection: Connection, call: ClaimedChunk, answer: SendResult, now: datetime) -> bool:
    unknown = answer.outcomes == {EntryOutcome.IN_DOUBT}
    ended = {
        "chunk": call.chunk_id,
        "to": ChunkState.IN_DOUBT if unknown else ChunkState.DONE,
        "now": now,
        "why": answer.results[0].error if answer.error or unknown else "",
    }
    return bool(connection.execute(_END_CHUNK, ended).rowcount)


async def _slow_down(session: Session, call: ClaimedChunk, until: datetime, *, cut: bool) -> None:
    held = (col(SendingAccount.id) == call.held.id, col(SendingAccount.fence) == call.held.fence)
    share = col(SendingAccount.share)
    slower = (
        update(SendingAccount)
        .where(*held)
        .values(next_send_at=until, share=share * BACKPRESSURE_FACTOR if cut else share)
    )
    await session.exec(slower)


async def _apply_consequences(
    session: Session,
    call: ClaimedChunk,
    answer: SendResult,
    broadcast: Broadcast,
    broadcasts: Mapping[str, Broadcast],
) -> None:
    """Hold or stop what AWS will not take any more."""
    outcomes = answer.outcomes
    stop = next((each.reason for each in answer.results if each.outcome is EntryOutcome.STOP), answer.hopeless)
    if stop and broadcast.state in _RUNNING:
        broadcast.error = stop
        await transition(
            session, broadcast, BroadcastState.STOPPED, by=MAILROOM, action="broadcast.stop", now=session.now
        )
    if EntryOutcome.IDENTITY in outcomes and broadcast.state is BroadcastState.SENDING:
        await pause(session, [broadcast], PauseReason.IDENTITY, session.now)
    if EntryOutcome.QUOTA in outcomes:
        await pause(session, _going(broadcasts), PauseReason.QUOTA, session.now)
    if outcomes & {EntryOutcome.PAUSED, EntryOutcome.SUSPENDED}:
        await pause(session, _going(broadcasts), PauseReason.SENDING, session.now)
    if answer.lost_access:
        await _suspect(session, call, answer.lost_access, broadcasts)
    if outcomes & {EntryOutcome.IDENTITY, EntryOutcome.PAUSED, EntryOutcome.SUSPENDED}:
        await leases.schedule(session, PollKind.ACCOUNT, call.mailer.id, session.now)


async def _suspect(session: Session, call: ClaimedChunk, error: SesError, broadcasts: Mapping[str, Broadcast]) -> None:
    """Hold what the mailer sends until the monitor has asked AWS in another way."""
    mailer = await session.get(Mailer, call.mailer.id, with_for_update=True)
    if mailer is None or mailer.version != call.mailer.version:  # reconnected meanwhile: that was the old key
        return
    if mailer.access is Access.OK:
        confirms = apply_refusal(mailer, Access.SUSPECT, error, session.now)
        session.add(mailer)
        await leases.schedule(session, confirms, mailer.id, session.now + CONFIRM_AFTER)
    running = [each for each in _going(broadcasts) if each.mailer_id == mailer.id]
    await pause(session, running, PauseReason.ACCESS, session.now)


def _going(broadcasts: Mapping[str, Broadcast]) -> list[Broadcast]:
    return [each for each in broadcasts.values() if each.state is BroadcastState.SENDING]
