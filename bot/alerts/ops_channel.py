"""The operator's channel hears of each open incident of every team, and once a day how all mailers are.

It is a team of its own, marked `ops`, so that its messages wait and come back as those of every channel do.
"""

from datetime import datetime

from sqlmodel import col, select

from bot.alerts.outbox import Notice, announce, key_of
from storage import Incident, IncidentState, Outbox, Session, Team

DAILY_AT = 8
"""Hour, UTC."""

_OPEN = select(Incident.id).where(col(Incident.state) != IncidentState.RESOLVED)


async def show_in_ops_channel(session: Session, incident_id: str, now: datetime) -> None:
    """Post an incident in the operator's channel, where there is one, or redraw it there."""
    for ops_id in await session.exec(select(Team.id).where(col(Team.ops))):
        await announce(session, ops_id, Notice.OPS_ALERT, incident_id, now=now, episode=ops_id)


async def redraw_in_ops_channel(session: Session, team: Team) -> None:
    """Draw the open incidents of a team again: its channel has another name, or is private by now."""
    for incident_id in await session.exec(_OPEN.where(Incident.team_id == team.id)):
        await show_in_ops_channel(session, incident_id, session.now)


async def make_ops_channel(session: Session, team: Team | None) -> None:
    """Mark this team, and no other, as the operator's channel, and have it hear of what is open; None: no team."""
    for other in await session.exec(select(Team).where(col(Team.ops)).order_by(Team.id).with_for_update()):
        other.ops = False
        session.add(other)
    if team is None:
        return
    row = await session.get_one(Team, team.id, with_for_update=True)
    row.ops = True
    session.add(row)
    await session.flush()
    for incident_id in await session.exec(_OPEN):
        await show_in_ops_channel(session, incident_id, session.now)


async def say_once_a_day(session: Session, ops: Team) -> None:
    """Say how all mailers are, from eight o'clock (UTC) on, unless it was said on this day."""
    day = session.now.date().isoformat()
    said = select(Outbox.id).where(Outbox.key == key_of(Notice.OPS_DAILY, ops.id, day))
    if session.now.hour >= DAILY_AT and (await session.exec(said)).first() is None:
        await announce(session, ops.id, Notice.OPS_DAILY, ops.id, now=session.now, episode=day)


async def later_days(session: Session, said: Outbox) -> bool:
    """Tell whether what is said once a day is wanted of a later day, too: then this one is old."""
    same = Outbox.team_id == said.team_id, Outbox.kind == Notice.OPS_DAILY
    later = select(Outbox.id).where(*same, col(Outbox.created_at) > said.created_at)
    return (await session.exec(later.limit(1))).first() is not None
