"""What a program did to a team's list on a day, for one message in the channel."""

from datetime import UTC, date, datetime, time, timedelta

from sqlmodel import col, func, select

from bot.alerts.outbox import Notice, announce
from storage import ApiToken, LiftedSuppression, Session, Suppression
from storage.audit import API_TOKEN


async def tell_of_token(session: Session, team_id: str, actor: str, now: datetime) -> None:
    """Have the channel see it, where a program did something; each day has a message of its own."""
    if actor.startswith(API_TOKEN):
        token_id, day = actor.removeprefix(API_TOKEN), now.date().isoformat()
        await announce(
            session,
            team_id,
            Notice.TOKEN_SUPPRESSIONS,
            token_id,
            now=now,
            episode=day,
            spaced=True,
        )


async def counts_of(session: Session, token: ApiToken, day: date) -> tuple[int, int]:
    """Return how many addresses that a program suppressed on a day (in UTC) are so still, and how many it lifted."""
    actor, begins = f"{API_TOKEN}{token.id}", datetime.combine(day, time(), UTC)
    ends = begins + timedelta(days=1)
    added = select(func.count()).where(
        Suppression.team_id == token.team_id,
        Suppression.source == actor,
        col(Suppression.changed_at) >= begins,
        col(Suppression.changed_at) < ends,
    )
    lifted = select(func.count()).where(
        LiftedSuppression.team_id == token.team_id,
        LiftedSuppression.lifted_by == actor,
        LiftedSuppression.lifted_at >= begins,
        LiftedSuppression.lifted_at < ends,
    )
    return (await session.exec(added)).one(), (await session.exec(lifted)).one()
