"""How far a broadcast is, read from its deliveries at the moment of asking."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from sqlmodel import col, func, select

from bot.broadcast.resend import count_undecided
from bot.teams.token_names import token_names
from storage import Broadcast, BroadcastState, Chunk, Delivery, DeliveryState, Session

_RATE_WINDOW = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Progress:
    """The numbers of a broadcast. `counts` add up to its size at every moment.

    Attributes:
        rate: recipients handed to SES a second, over the last minute, without the time before it last went on.
        seconds_left: at this rate; None while it is not being sent.
        undecided: how many are in doubt of which a person may still say what becomes of them.
        sender: From, as recipients see it.
        names: of the API tokens that had a hand in it, by actor.
    """

    broadcast: Broadcast
    counts: Mapping[DeliveryState, int]
    rate: float
    seconds_left: float | None
    undecided: int
    sender: str
    names: Mapping[str, str] = field(default_factory=dict)


async def progress_of(session: Session, broadcast_id: str) -> Progress | None:
    """Return how far the broadcast is; None where there is none."""
    broadcast = await session.get(Broadcast, broadcast_id)
    if broadcast is None:
        return None
    counts = (await counts_of(session, [broadcast]))[broadcast_id]
    rate = await _rate(session, broadcast)
    pending = counts.get(DeliveryState.PENDING, 0)
    is_going = broadcast.state is BroadcastState.SENDING and rate > 0
    return Progress(
        broadcast,
        counts,
        rate,
        pending / rate if is_going else None,
        await count_undecided(session, broadcast) if counts.get(DeliveryState.IN_DOUBT) else 0,
        str(broadcast.template.get("sender", broadcast.from_address)),
        await token_names(session, actors_of(broadcast)),
    )


def actors_of(broadcast: Broadcast) -> tuple[str, ...]:
    """Return who wrote it, changed it, asked for it and sent it."""
    return broadcast.created_by, broadcast.edited_by, broadcast.asked_by, broadcast.confirmed_by


async def counts_of(session: Session, broadcasts: Sequence[Broadcast]) -> dict[str, dict[DeliveryState, int]]:
    """Return how many recipients of each of these are in which state; they add up to its size."""
    these = col(Delivery.broadcast_id).in_([broadcast.id for broadcast in broadcasts])
    by_state = select(Delivery.broadcast_id, Delivery.state, func.count()).where(these)
    counts: dict[str, dict[DeliveryState, int]] = {broadcast.id: {} for broadcast in broadcasts}
    for broadcast_id, state, count in await session.exec(
        by_state.group_by(col(Delivery.broadcast_id), col(Delivery.state))
    ):
        counts[broadcast_id][DeliveryState(state)] = count
    for broadcast in broadcasts:
        found = counts[broadcast.id]
        if missing := broadcast.size - sum(found.values()):  # deliveries come into being as somebody confirms
            state = DeliveryState.CANCELLED if broadcast.state is BroadcastState.CANCELLED else DeliveryState.PENDING
            found[state] = found.get(state, 0) + missing
    return counts


async def _rate(session: Session, broadcast: Broadcast) -> float:
    if broadcast.resumed_at is None:
        return 0.0
    since = max(broadcast.resumed_at, session.now - _RATE_WINDOW)
    lately = (Chunk.broadcast_id == broadcast.id, col(Chunk.called_at) >= since)
    called = (await session.exec(select(func.sum(Chunk.size)).where(*lately))).one() or 0
    return float(called) / max(1.0, (session.now - since).total_seconds())
