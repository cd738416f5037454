"""The question after a restore, as everything that sends asks about it."""

from sqlmodel import col, select

from bot.broadcast.codes import BroadcastCode
from bot.errors import BotError
from storage import Restoration, Session, Team


async def check_decided(session: Session, team: Team) -> None:
    """Raise BotError RESTORED while nobody has said yet that the team goes on after a restore."""
    if await unanswered(session, team.id) is not None:
        raise BotError(BroadcastCode.RESTORED)


async def unanswered(session: Session, team_id: str, *, lock: bool = False) -> Restoration | None:
    """Return the question that a team has not answered."""
    asked = select(Restoration).where(Restoration.team_id == team_id, col(Restoration.answered_at).is_(None))
    return (await session.exec(asked.with_for_update() if lock else asked)).first()
