"""What is done to broadcasts in the step that sets the database back."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import col, select, update

from bot.broadcast.pauses import pause
from bot.broadcast.transitions import WITHOUT_CONTENT
from storage import OPEN_STATES, Broadcast, BroadcastState, Delivery, DeliveryState, PauseReason, Session

WHY = "The database was restored from a copy, and this may have been sent since."


@dataclass(frozen=True, slots=True)
class HeldBroadcast:
    """A broadcast that could have gone on, and how many of its recipients are in doubt by that."""

    broadcast: Broadcast
    in_doubt: int


async def hold_all(session: Session, now: datetime) -> list[HeldBroadcast]:
    """Hold every broadcast that could go on, and put in doubt who may have been mailed since the copy was made."""
    found = select(Broadcast).where(col(Broadcast.state).in_((*OPEN_STATES, BroadcastState.STOPPED)))
    rows = await session.exec(found.order_by(Broadcast.id).options(*WITHOUT_CONTENT).with_for_update())
    held = []
    for broadcast in rows.all():
        if broadcast.state is BroadcastState.STOPPED and PauseReason.REPUTATION not in broadcast.pause_reasons:
            continue  # for good
        in_doubt = 0
        if _could_be_sending(broadcast, now):
            broadcast.started_at = broadcast.started_at or broadcast.start_at  # so that nobody takes it back
            in_doubt = await _doubt(session, broadcast, now)
        if broadcast.state is not BroadcastState.STOPPED:
            await pause(session, [broadcast], PauseReason.RESTORED, now)
        held.append(HeldBroadcast(broadcast, in_doubt))
    return held


def _could_be_sending(broadcast: Broadcast, now: datetime) -> bool:
    """Whether it had begun, or its time came before the restore: also one that was paused may have gone on."""
    return broadcast.started_at is not None or (broadcast.start_at is not None and broadcast.start_at <= now)


async def _doubt(session: Session, broadcast: Broadcast, now: datetime) -> int:
    waiting = update(Delivery).where(
        col(Delivery.broadcast_id) == broadcast.id, col(Delivery.state) == DeliveryState.PENDING
    )
    values = {"state": DeliveryState.IN_DOUBT, "error": WHY, "chunk_id": None, "at": now}
    done = await session.exec(waiting.values(**values), execution_options={"synchronize_session": False})
    return done.rowcount
