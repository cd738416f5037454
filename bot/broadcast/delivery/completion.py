"""What follows where nothing can be claimed of a broadcast: it waits, or it is over."""

from sqlmodel import col, select

from bot.broadcast.audience.store import is_any
from bot.broadcast.delivery.account_lease import AccountLease, mark_in_doubt
from bot.broadcast.delivery.chunk import Blocked
from bot.broadcast.pauses import pause
from bot.broadcast.transitions import MAILROOM, WITHOUT_CONTENT, transition
from storage import Broadcast, BroadcastState, DeliveryState, SendingAccount, Session


async def pause_blocked(session: Session, blocked: Blocked) -> None:
    """Pause it until it is ready to be sent again."""
    broadcast = await _lock(session, blocked.broadcast_id)
    if broadcast is not None:
        await pause(session, [broadcast], blocked.reason, session.now)


async def complete_broadcast(session: Session, held: AccountLease, broadcast_id: str) -> None:
    """End a broadcast of which nothing is left. What is said to be under way, and is not by us, is in doubt first."""
    ours = (col(SendingAccount.id) == held.id, col(SendingAccount.fence) == held.fence)
    if (await session.exec(select(SendingAccount.id).where(*ours).with_for_update())).first() is None:
        return
    broadcast = await _lock(session, broadcast_id)
    if broadcast is None or await is_any(session, broadcast_id, {DeliveryState.PENDING}):
        return
    if await is_any(session, broadcast_id, {DeliveryState.SENDING}):
        await mark_in_doubt(session, held.id, below=held.fence + 1)
    else:
        await transition(
            session, broadcast, BroadcastState.DONE, by=MAILROOM, action="broadcast.finish", now=session.now
        )


async def _lock(session: Session, broadcast_id: str) -> Broadcast | None:
    """Lock a broadcast that is being sent; None where it is not any more."""
    sending = select(Broadcast).where(Broadcast.id == broadcast_id, Broadcast.state == BroadcastState.SENDING)
    return (await session.exec(sending.options(*WITHOUT_CONTENT).with_for_update())).first()
