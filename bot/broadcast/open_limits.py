"""How many broadcasts a team may have open, so that no program fills the database with them."""

from collections.abc import Collection

from sqlmodel import col, func, select

from bot.broadcast.codes import BroadcastCode
from bot.errors import BotError
from storage import OPEN_STATES, UNSENT, Broadcast, BroadcastState, Session, Team

DRAFTS, LIVE = 200, 100


async def check_drafts(session: Session, team: Team) -> None:
    """Raise BotError TOO_MANY_BROADCASTS where one more draft would be too many.

    The caller has locked the team, so that of two who take the last place one is refused.
    """
    if await _count(session, team, UNSENT) >= DRAFTS:
        raise _too_many(f"{DRAFTS} drafts", "Send or cancel one: `/broadcast list` has them.")


async def check_live(session: Session, team: Team) -> None:
    """The same for one more that is scheduled, being sent or paused."""
    if await _count(session, team, OPEN_STATES) >= LIVE:
        raise _too_many(
            f"{LIVE} broadcasts that are scheduled, being sent or paused", "Wait until one is done, or cancel one."
        )


async def _count(session: Session, team: Team, states: Collection[BroadcastState]) -> int:
    counted = select(func.count()).where(Broadcast.team_id == team.id, col(Broadcast.state).in_(states))
    return (await session.exec(counted)).one()


def _too_many(what: str, next_step: str) -> BotError:
    return BotError(BroadcastCode.TOO_MANY_BROADCASTS, f"This channel has {what}, which is all it can have.", next_step)
