"""What a program did to a saved audience on a day, for one message in the channel."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from sqlmodel import col, select

from bot.alerts.outbox import Notice, announce
from storage import ApiToken, Audit, Session
from storage.audit import API_TOKEN

_COUNTED = ("added", "changed", "removed")


@dataclass(frozen=True, slots=True)
class AudienceDay:
    """What a program did to the audience of a name on a day, in all, and how large that was then; None: removed."""

    name: str
    added: int
    changed: int
    removed: int
    size: int | None


async def tell_of_audience(session: Session, team_id: str, actor: str, name: str, now: datetime) -> None:
    """Have the channel see it, where a program did something; each audience has a message of its own each day."""
    if actor.startswith(API_TOKEN):
        episode = f"{_mark(name)}:{now.date().isoformat()}"
        token_id = actor.removeprefix(API_TOKEN)
        await announce(
            session,
            team_id,
            Notice.TOKEN_AUDIENCE,
            token_id,
            now=now,
            episode=episode,
            spaced=True,
        )


async def audience_day(session: Session, token: ApiToken, episode: str) -> AudienceDay | None:
    """Return what is to be told in a message, by what tells it from others; None where nothing is known any more."""
    mark, _, day = episode.partition(":")
    begins = datetime.combine(date.fromisoformat(day), time(), UTC)
    found = select(Audit).where(
        Audit.team_id == token.team_id,
        Audit.actor == f"{API_TOKEN}{token.id}",
        col(Audit.action).startswith("audience."),
        Audit.at >= begins,
        Audit.at < begins + timedelta(days=1),
    )
    rows = [row for row in await session.exec(found.order_by(col(Audit.id))) if _mark(row.subject) == mark]
    if not rows:
        return None
    sums = {name: sum(row.after.get(name, 0) for row in rows) for name in _COUNTED}
    return AudienceDay(rows[-1].subject, **sums, size=rows[-1].after.get("size"))


def _mark(name: str) -> str:
    """Return what stands for a name in the key of a message, which no erase looks through."""
    return hashlib.sha256(name.encode()).hexdigest()[:16]
