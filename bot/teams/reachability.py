"""Whether Mailroom can post in a team's channel: what Slack said, and what follows from it.

Nothing is lost meanwhile: messages wait, and are due at once on return. Events and refusals only say that something has
changed; what is true now Slack is asked for (a look, due as `PollKind.CHANNEL`), so their order does not matter.
"""

from datetime import datetime, timedelta
from typing import Final

from sqlmodel import col, select, update

from bot.alerts.ops_channel import redraw_in_ops_channel
from bot.alerts.outbox import Notice, announce
from bot.broadcast.pauses import pause
from bot.broadcast.transitions import WITHOUT_CONTENT
from bot.teams.slack_codes import WORKSPACE_GONE
from storage import (
    OPEN_STATES,
    ApiToken,
    Broadcast,
    Installation,
    Mailer,
    Outbox,
    PauseReason,
    PollKind,
    Session,
    Suppression,
    Team,
    Webhook,
    audit,
    leases,
)

LOOK_AGAIN: Final = timedelta(minutes=10)
"""While a channel is out of reach: Slack may not have told us of its return."""

LOOK_DAILY: Final = timedelta(days=1)
"""While it is in reach: Slack sends no event when a channel is made private."""

_LOOKS_AT_AWS = sorted(set(PollKind) - {PollKind.CHANNEL, PollKind.ERASE})

OLD_ID_RESOLVES: Final = timedelta(hours=24)


def wait_until(team: Team, now: datetime, *, direct: bool) -> datetime | None:
    """Return when a message to this team is to be tried next, or None where it may go now.

    A `direct` one, to a person, needs only the workspace.
    """
    if team.reachable or (direct and team.unreachable_why not in WORKSPACE_GONE):
        return None
    return now + LOOK_AGAIN


async def mark_unreachable(session: Session, team: Team, why: str, *, now: datetime) -> bool:
    """Remember that the channel is out of reach; its messages wait.

    Args:
        session: the transaction.
        team: read here again, and locked.
        why: Slack's error code: one of CHANNEL_GONE, or of WORKSPACE_GONE, which is for all its teams.
        now: the time.

    Returns:
        Whether that is news.
    """
    if why in WORKSPACE_GONE:
        return await workspace_gone(session, team.slack_team_id, why, now=now)
    row = await _locked(session, team)
    if not row.reachable:  # known already, and a workspace that is gone outweighs a channel that is
        return False
    _mark(session, row, why, now)
    await leases.schedule(session, PollKind.CHANNEL, team.id, now + LOOK_AGAIN, postpone=True)
    return True


async def mark_reachable(session: Session, team: Team, *, now: datetime) -> bool:
    """Mark the channel reachable and deliver what waited; return whether that is a change."""
    row = await _locked(session, team)
    if row.reachable:
        return False
    _mark(session, row, "", now)
    behind = update(Outbox).where(col(Outbox.team_id) == team.id, col(Outbox.shown) < Outbox.wanted)
    await session.exec(
        behind.values(due_at=now, behind_since=now, fence=Outbox.fence + 1)
    )  # a process about to postpone one is too late
    await leases.schedule(session, PollKind.CHANNEL, team.id, now + LOOK_DAILY, postpone=True)
    return True


async def schedule_check(session: Session, team: Team) -> None:
    """Schedule a check of the channel with Slack, unless the app was removed from the workspace."""
    if team.unreachable_why not in WORKSPACE_GONE:
        await leases.schedule(session, PollKind.CHANNEL, team.id, session.now)


async def workspace_gone(session: Session, workspace: str, why: str, *, now: datetime) -> bool:
    """Forget the workspace's tokens and do nothing more for it: no message, no mail, no look at AWS.

    Broadcasts are paused until a person resumes them. Returns whether that is a change.
    """
    dead = {"bot_token": None, "refresh_token": None, "expires_at": None}
    await session.exec(update(Installation).where(col(Installation.slack_team_id) == workspace).values(dead))
    await _pause_all(session, workspace, now)
    teams = select(Team).where(Team.slack_team_id == workspace).order_by(Team.id).with_for_update()
    news = [team for team in await session.exec(teams) if team.unreachable_why not in WORKSPACE_GONE]
    for team in news:
        _mark(session, team, why, now)
        await leases.drop(session, PollKind.CHANNEL, team.id)
    for mailer_id in await _mailers_in(session, workspace):
        for kind in _LOOKS_AT_AWS:
            await leases.drop(session, kind, mailer_id)
    return bool(news)


async def workspace_back(session: Session, workspace: str) -> None:
    """Look at each of its channels again, and at AWS: the app has a token that works."""
    gone = select(Team).where(Team.slack_team_id == workspace, col(Team.unreachable_why).in_(WORKSPACE_GONE))
    for team in await session.exec(gone.order_by(Team.id).with_for_update()):
        _mark(session, team, "not_in_channel", session.now)
        await leases.schedule(session, PollKind.CHANNEL, team.id, session.now)
        for mailer_id in await session.exec(select(Mailer.id).where(Mailer.team_id == team.id)):
            for kind in _LOOKS_AT_AWS:
                await leases.schedule(session, kind, mailer_id, session.now)


async def gone_workspaces(session: Session) -> set[str]:
    """Return the workspaces that the app is no longer in."""
    gone = select(Team.slack_team_id).where(col(Team.unreachable_why).in_(WORKSPACE_GONE)).distinct()
    return set(await session.exec(gone))


async def describe(session: Session, team: Team, *, name: str, private: bool, shared: bool) -> None:
    """Store what Slack says about the channel; warn it when another workspace begins to read along."""
    before = {"name": team.name, "private": team.private, "shared": team.shared}
    after = {"name": name, "private": private, "shared": shared}
    if after == before:
        return
    if shared and not team.shared:
        await announce(session, team.id, Notice.SHARED, team.id, now=session.now, episode=session.now.isoformat())
    team.name, team.private, team.shared = name, private, shared
    session.add(team)
    await redraw_in_ops_channel(session, team)
    audit.record(session, team.id, audit.MAILROOM, "team.described", session.now, before=before, after=after)


async def change_channel_id(session: Session, workspace: str, old: str, new: str) -> Team | None:
    """Move the team to the channel's new id, its messages with it; None where no team has the old one."""
    team = (
        await session.exec(
            select(Team).where(Team.slack_team_id == workspace, Team.channel_id == old).with_for_update()
        )
    ).first()
    if team is None:
        return None
    there = select(Team).where(Team.slack_team_id == workspace, Team.channel_id == new)
    usurper = (await session.exec(there.with_for_update())).first()
    if usurper is not None:  # a command was typed there before Slack told us
        if not await _is_empty(session, usurper):
            return None
        await session.delete(usurper)
        await session.flush()
    team.channel_id, team.previous_channel_id, team.previous_until = new, old, session.now + OLD_ID_RESOLVES
    session.add(team)
    await session.exec(
        update(Outbox).where(col(Outbox.team_id) == team.id, col(Outbox.channel_id) == old).values(channel_id=new)
    )
    audit.record(
        session,
        team.id,
        audit.MAILROOM,
        "team.renumbered",
        session.now,
        before={"channel": old},
        after={"channel": new},
    )
    return team


async def _pause_all(session: Session, workspace: str, now: datetime) -> None:
    """Pause every broadcast that has not ended. Call it before the team is locked: all code locks in that order."""
    live = (
        select(Broadcast)
        .join(Team)
        .where(Team.slack_team_id == workspace, col(Broadcast.state).in_(OPEN_STATES))
        .order_by(Broadcast.id)
        .options(*WITHOUT_CONTENT)
        .with_for_update(of=Broadcast)
    )
    going = [each for each in await session.exec(live) if PauseReason.UNREACHABLE not in each.pause_reasons]
    await pause(session, going, PauseReason.UNREACHABLE, now)


async def _mailers_in(session: Session, workspace: str) -> list[str]:
    return list(await session.exec(select(Mailer.id).join(Team).where(Team.slack_team_id == workspace)))


async def _locked(session: Session, team: Team) -> Team:
    return await session.get_one(Team, team.id, with_for_update=True, populate_existing=True)


def _mark(session: Session, team: Team, why: str, now: datetime) -> None:
    before = {"reachable": team.reachable, "why": team.unreachable_why}
    team.reachable, team.unreachable_why = not why, why
    session.add(team)
    after = {"reachable": team.reachable, "why": why}
    audit.record(session, team.id, audit.MAILROOM, "team.reach", now, before=before, after=after)


async def _is_empty(session: Session, team: Team) -> bool:
    for table in (Mailer, Broadcast, Suppression, ApiToken, Webhook):
        if (await session.exec(select(table.team_id).where(table.team_id == team.id).limit(1))).first():
            return False
    return True
