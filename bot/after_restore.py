"""What a database that was set back to a copy must not be left without, in the step that sets it back.

Broadcasts are held and the channels asked; what the journal has of suppressions comes back, and AWS's own lists are
read again from their beginning; nothing that another process held stays held, as none is alive.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import col, delete, select, update

from bot.alerts.outbox import Notice, announce
from bot.broadcast.restored.hold import HeldBroadcast, hold_all
from bot.people.replay import replay
from storage import Mailer, PollKind, Restoration, Session, Team, audit, leases


@dataclass(frozen=True, slots=True)
class SetBack:
    """What was done; `held` are the broadcasts that may have been going on since the copy was made."""

    teams: int
    held: Sequence[HeldBroadcast]
    returned: int


async def set_back(
    session: Session,
    copied_at: datetime,
    now: datetime,
    *,
    journal: Iterable[Mapping[str, Any]] | None = None,
    people_key: bytes = b"",
) -> SetBack:
    """Do it in this session, which sees the rows of the copy.

    Args:
        session: a writer's.
        copied_at: the moment that the copy shows.
        now: the time.
        journal: what it has of suppressions; None: there is none.
        people_key: what addresses of people who were erased are hashed with.
    """
    await leases.reclaim_all(session, now)
    held = await hold_all(session, now)
    await session.exec(delete(Restoration))
    back = await replay(session, journal or (), people_key, copied_at, now)
    teams = (await session.exec(select(Team.id).order_by(Team.id))).all()
    for team_id in teams:
        returned, kept = back.get(team_id, 0), journal is not None
        row = Restoration(team_id=team_id, copied_at=copied_at, restored_at=now, journal=kept, returned=returned)
        session.add(row)
        audit.record(session, team_id, audit.MAILROOM, "team.restore", now, after={"copied_at": copied_at.isoformat()})
        await announce(session, team_id, Notice.RESTORED, team_id, now=now, episode=now.isoformat())
    await _read_lists_again(session, now)
    return SetBack(len(teams), held, sum(back.values()))


async def _read_lists_again(session: Session, now: datetime) -> None:
    await session.exec(update(Mailer).values(suppressions_at=None), execution_options={"synchronize_session": False})
    for mailer_id in (await session.exec(select(Mailer.id).order_by(col(Mailer.id)))).all():
        await leases.schedule(session, PollKind.SUPPRESSIONS, mailer_id, now)
