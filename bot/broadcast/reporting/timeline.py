"""When mail of a broadcast arrived, bounced, was complained about: what the chart under its report shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import BigInteger, extract
from sqlmodel import cast, col, func, select

from storage import Broadcast, BroadcastState, Delivery, DeliveryState, Session

SETTLES_WITHIN: Final = timedelta(minutes=10)
"""After its end: nearly all that SES will tell has been told by then, and what comes later is in the report."""

OUTCOMES: Final = (DeliveryState.DELIVERED, DeliveryState.BOUNCED, DeliveryState.COMPLAINED)
_MOST, _LEAST = 48, 12  # steps
_WIDTHS: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200)  # seconds


@dataclass(frozen=True, slots=True)
class Timeline:
    """Recipients by outcome, in steps of equal length.

    Attributes:
        size: of the whole audience.
        start: of the first step, in UTC.
        step: how long one is.
        counts: for each outcome how many came to it in each step.
    """

    size: int
    start: datetime
    step: timedelta
    counts: Mapping[DeliveryState, Sequence[int]]

    def total(self, outcome: DeliveryState) -> int:
        return sum(self.counts[outcome])

    @property
    def steps(self) -> int:
        return len(self.counts[DeliveryState.DELIVERED])

    @property
    def end(self) -> datetime:
        return self.start + self.steps * self.step


async def is_settled(session: Session, broadcast: Broadcast) -> bool:
    """Tell whether the chart can be drawn: everybody's outcome is known, or it has been waited for long enough."""
    if broadcast.state is not BroadcastState.DONE or broadcast.finished_at is None:
        return False
    if session.now - broadcast.finished_at >= SETTLES_WITHIN:
        return True
    waiting = select(Delivery.seq).where(Delivery.broadcast_id == broadcast.id, Delivery.state == DeliveryState.SENT)
    return (await session.exec(waiting.limit(1))).first() is None


async def timeline_of(session: Session, broadcast: Broadcast) -> Timeline | None:
    """Return when mail of the broadcast came to its outcomes; None where no event came."""
    told = (Delivery.broadcast_id == broadcast.id, col(Delivery.state).in_(OUTCOMES))
    first, last = (await session.exec(select(func.min(Delivery.at), func.max(Delivery.at)).where(*told))).one()
    if first is None:
        return None
    sending = broadcast.started_at or first
    start, end = int(min(first, sending).timestamp()), int(last.timestamp()) + 1
    width = next((each for each in _WIDTHS if (end - start) / each <= _MOST), 86_400)
    start -= start % width
    step = cast(extract("epoch", col(Delivery.at)), BigInteger) // width
    grouped = select(step, Delivery.state, func.count()).where(*told).group_by(step, col(Delivery.state))
    steps = max(_LEAST, (end - start) // width + 1)
    counts = {outcome: [0] * steps for outcome in OUTCOMES}
    for number, state, count in await session.exec(grouped):
        counts[DeliveryState(state)][int(number) - start // width] += count
    return Timeline(broadcast.size, datetime.fromtimestamp(start, UTC), timedelta(seconds=width), counts)
