"""Whether a broadcast needs the yes of somebody else, who may give it, and until when."""

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlmodel import col, or_, select

from bot.broadcast.codes import BroadcastCode
from bot.broadcast.content.message import CompiledMessage
from bot.errors import BotError
from bot.teams.policy import Policy
from bot.teams.settings import TeamSettings
from storage import (
    Access,
    ApiToken,
    ApprovalRule,
    Broadcast,
    BroadcastState,
    Mailer,
    SendKind,
    Session,
    Team,
    TeamAdmin,
    audit,
)

REQUEST_LIVES = timedelta(days=7)
REMINDER_AFTER = timedelta(hours=4)
TOGETHER = timedelta(days=1)  # within it the same text to several audiences counts as one broadcast


async def is_needed(session: Session, policy: Policy, team: Team, broadcast: Broadcast, now: datetime) -> bool:
    """Tell whether the team's rule, or the operator's policy, asks for approval of this broadcast."""
    rule = TeamSettings.of(team).under(policy)
    if broadcast.kind is SendKind.TEST or rule.approval is ApprovalRule.NEVER:
        return False
    if rule.approval is ApprovalRule.ALWAYS or broadcast.size >= rule.approval_from:
        return True
    return broadcast.size + await _sent_to_others(session, broadcast, now) >= rule.approval_from


async def _sent_to_others(session: Session, broadcast: Broadcast, now: datetime) -> int:
    """Return how many recipients other broadcasts of the same text have within a day of this one."""
    at = max(broadcast.start_at or now, now)
    same = select(Broadcast.size, Broadcast.preheader, Broadcast.body).where(
        Broadcast.team_id == broadcast.team_id,
        Broadcast.kind == SendKind.BROADCAST,
        Broadcast.id != broadcast.id,
        Broadcast.subject == broadcast.subject,
        Broadcast.confirmed_by != "",
        col(Broadcast.start_at) > at - TOGETHER,
        col(Broadcast.start_at) < at + TOGETHER,
    )
    text = broadcast.preheader, broadcast.body
    return sum(size for size, *other in await session.exec(same) if tuple(other) == text)


async def authors(session: Session, broadcast: Broadcast) -> set[str]:
    """Return who wrote it, changed it last and asked for approval; of a token, also a revoked one, who made it, too."""
    who = {broadcast.created_by, broadcast.edited_by, broadcast.asked_by} - {""}
    tokens = {each.removeprefix(audit.API_TOKEN) for each in who if each.startswith(audit.API_TOKEN)}
    if tokens:
        who |= set(await session.exec(select(ApiToken.created_by).where(col(ApiToken.id).in_(tokens))))
    return who


async def check_approver(
    session: Session, team: Team, request: Broadcast, by: str, *, workspace_admin: bool, needed: bool
) -> None:
    """Let through who may approve a request, or send it back.

    Raises:
        BotError: OWN_BROADCAST or NOT_APPROVER.
    """
    admin = workspace_admin or await session.get(TeamAdmin, (team.id, by)) is not None
    if not needed:
        if team.senders and by not in team.senders and not admin:
            raise BotError(BroadcastCode.NOT_APPROVER, "In this channel only named people may send.")
        return
    if by in await authors(session, request):
        raise BotError(BroadcastCode.OWN_BROADCAST)
    if by not in team.approvers if team.approvers else not admin:
        who = "the approvers that the settings name" if team.approvers else "team admins"
        raise BotError(BroadcastCode.NOT_APPROVER, f"Only {who} can approve broadcasts of this channel.")


def approvals_needed(policy: Policy, team: Team) -> int:
    """Return how many people must approve what needs approval."""
    return TeamSettings.of(team).under(policy).approvals


def is_enough(policy: Policy, team: Team, approved_by: Collection[str], *, needed: bool) -> bool:
    """Tell whether these approvals send a request: one is enough where the rule no longer asks for any.

    One of somebody who was an approver by name, and is not any more, does not count.
    """
    if not needed:
        return bool(approved_by)
    counted = [who for who in approved_by if not team.approvers or who in team.approvers]
    return len(counted) >= approvals_needed(policy, team)


async def check_not_needed(session: Session, policy: Policy, team: Team, broadcast: Broadcast) -> None:
    """Raise BotError APPROVAL_REQUIRED where nobody may send it without the yes of somebody else."""
    if await is_needed(session, policy, team, broadcast, session.now):
        raise BotError(BroadcastCode.APPROVAL_REQUIRED)


def check_one_click(policy: Policy, broadcast: Broadcast) -> None:
    """Raise BotError POLICY where recipients could not unsubscribe by one click, and the policy wants that."""
    is_test = broadcast.kind is SendKind.TEST
    if policy.require_one_click and not is_test and not CompiledMessage.from_json(broadcast.template).public_url:
        raise BotError(
            BroadcastCode.POLICY,
            "Who runs this Mailroom wants one-click unsubscribe in every broadcast, and this one was made without.",
            "Make a new one of it, with Edit or Use again.",
        )


async def out_of_reach(session: Session) -> set[str]:
    """Return the ids of requests that cannot be answered: their channel is out of reach, or AWS refuses Mailroom."""
    away = or_(col(Team.reachable).is_(False), col(Mailer.access) == Access.LOST)
    found = select(Broadcast.id).join(Team).outerjoin(Mailer, col(Mailer.id) == col(Broadcast.mailer_id))
    return set(await session.exec(found.where(Broadcast.state == BroadcastState.AWAITING_APPROVAL, away)))


def ends_at(request: Broadcast) -> datetime:
    """Return when a request is over: at the time chosen, and after seven days in which it could be answered."""
    latest = _counts_from(request) + REQUEST_LIVES
    return min(latest, request.start_at) if request.start_at else latest


def is_over(request: Broadcast, now: datetime) -> bool:
    """Tell whether nobody can approve it any more. The time chosen passes also while its clock stands."""
    if request.start_at and request.start_at <= now:
        return True
    return ends_at(request) <= (request.held_at or now)


def remind_at(request: Broadcast) -> datetime:
    """Return when to remind: after four hours, or halfway to the time chosen, where that is sooner."""
    start = _counts_from(request)
    halfway = start + (request.start_at - start) / 2 if request.start_at else start + REMINDER_AFTER
    return min(start + REMINDER_AFTER, halfway)


def _counts_from(request: Broadcast) -> datetime:
    if request.asked_at is None:
        raise ValueError("nobody has asked for approval of this broadcast")
    return request.asked_at + timedelta(seconds=request.held_seconds)
