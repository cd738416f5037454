"""What somebody says to the question after a restore."""

from collections.abc import Sequence

from sqlmodel import col, select

from bot.alerts.outbox import Notice, redraw
from bot.broadcast.broadcasts import Broadcasts
from bot.broadcast.codes import BroadcastCode
from bot.broadcast.restored.question import unanswered
from bot.broadcast.transitions import WITHOUT_CONTENT
from bot.errors import BotError, require
from storage import Broadcast, BroadcastState, Database, PauseReason, Session, Team, audit


class Restorations:
    def __init__(self, db: Database, broadcasts: Broadcasts) -> None:
        self._db = db
        self._broadcasts = broadcasts

    async def go_on(self, team: Team, by: str) -> Sequence[tuple[Broadcast, BotError]]:
        """Let everything that was held go on; return what cannot yet, and why.

        Raises:
            BotError: ALREADY.
        """
        async with self._db.write() as session:
            asked = require(
                await unanswered(session, team.id, lock=True),
                BroadcastCode.STATE_CHANGED,
                "Somebody has let it go on already, so nothing was changed.",
            )
            asked.answered_by, asked.answered_at = by, session.now
            audit.record(session, team.id, by, "team.go_on", session.now)
            await redraw(session, [team.id], [Notice.RESTORED], session.now)
        async with self._db.read() as session:
            held = await held_broadcasts(session, team.id)
        refused = []
        for broadcast in held:
            try:
                await self._broadcasts.resume(team, broadcast.id, broadcast.version, by)
            except BotError as error:
                refused.append((broadcast, error))
        return refused


async def held_broadcasts(session: Session, team_id: str) -> list[Broadcast]:
    """Return what still waits since the restore, the oldest first."""
    paused = select(Broadcast).where(Broadcast.team_id == team_id, Broadcast.state == BroadcastState.PAUSED)
    rows = await session.exec(paused.order_by(col(Broadcast.created_at), Broadcast.id).options(*WITHOUT_CONTENT))
    return [row for row in rows if PauseReason.RESTORED in row.pause_reasons]
