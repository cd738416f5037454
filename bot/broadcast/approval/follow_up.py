"""What becomes of a request for approval while it waits: reminded of, over, or with too few left who could give it."""

from collections.abc import Collection
from datetime import datetime

from sqlmodel import col, select

from bot.alerts.outbox import Notice, announce, key_of
from bot.broadcast.approval import rules
from bot.broadcast.draft_store import back_to_draft, message_of
from bot.broadcast.transitions import MAILROOM, WITHOUT_CONTENT
from bot.tasks import run_all
from bot.teams.policy import NO_POLICY, Policy
from storage import Broadcast, BroadcastState, Database, Outbox, Session, Team

_is_waiting = col(Broadcast.state) == BroadcastState.AWAITING_APPROVAL
APPROVERS_TICK = "approvers"
"""The tick that asks Slack whether enough people are left who could approve what waits."""


class ApprovalFollowUp:
    def __init__(self, db: Database, policy: Policy = NO_POLICY) -> None:
        self._db = db
        self._policy = policy

    async def waiting(self) -> list[tuple[Broadcast, Team]]:
        """Return all that waits for approval, each with its team."""
        found = select(Broadcast, Team).join(Team).where(_is_waiting).order_by(Broadcast.id)
        async with self._db.read() as session:
            return [(request, team) for request, team in await session.exec(found.options(*WITHOUT_CONTENT))]

    async def tick(self) -> None:
        """End what nobody approved in time, and remind once of what has waited long.

        The clock of a request stands while it cannot be answered.
        """
        now = self._db.now()
        async with self._db.read() as session:
            held = await rules.out_of_reach(session)
        await run_all(self._follow(request, request.id in held, now) for request, _ in await self.waiting())

    async def judge(self, team: Team, request_id: str, can_approve: Collection[str]) -> None:
        """Say once in the channel where too few are left who could approve a request."""
        async with self._db.read() as session:
            request = await session.get(Broadcast, request_id)
            if request is None or (request.team_id, request.state) != (team.id, BroadcastState.AWAITING_APPROVAL):
                return
            who = set(can_approve) - await rules.authors(session, request)
            needed = await rules.is_needed(session, self._policy, team, request, session.now)
        if needed and len(who | set(request.approved_by)) < rules.approvals_needed(self._policy, team):
            await self._announce_once(request, Notice.APPROVERS_MISSING)

    async def person_changed(self, session: Session, workspace: str, user: str) -> None:
        """Have it looked at soon who can approve, where somebody who could is another now, or gone."""
        waits = (
            select(Broadcast.asked_of, Team.approvers).join(Team).where(_is_waiting, Team.slack_team_id == workspace)
        )
        if any(user in {*asked, *named} for asked, named in await session.exec(waits)):
            session.wake_after_commit(APPROVERS_TICK)

    async def _follow(self, request: Broadcast, held: bool, now: datetime) -> None:
        if held != (request.held_at is not None):
            await self._stop_or_go_on(request, now)
        elif request.held_at is not None:
            return
        elif rules.is_over(request, now):
            await self._expire(request, now)
        elif rules.remind_at(request) <= now:
            await self._announce_once(request, Notice.APPROVAL_REMINDER)

    async def _expire(self, seen: Broadcast, now: datetime) -> None:
        async with self._db.write() as session:
            if request := await _lock_unchanged(session, seen):
                held = request.held_seconds
                await back_to_draft(session, request, MAILROOM, "broadcast.expire", now, held_seconds=held)

    async def _stop_or_go_on(self, seen: Broadcast, now: datetime) -> None:
        """Stop the clock of a request, or let it go on, and say so."""
        async with self._db.write() as session:
            if (request := await _lock_unchanged(session, seen)) is None:
                return
            session.add(request)
            if request.held_at is None:
                request.held_at = now
                return
            request.held_seconds += round((now - request.held_at).total_seconds())
            request.held_at = None
            if not rules.is_over(request, now):
                await _announce(session, request, Notice.APPROVAL_GOES_ON, now, episode=now.isoformat())

    async def _announce_once(self, seen: Broadcast, notice: Notice) -> None:
        episode, now = str(seen.version), self._db.now()
        key = key_of(notice, seen.id, episode)
        async with self._db.write() as session:
            if (request := await _lock_unchanged(session, seen)) is None:
                return
            if (await session.exec(select(Outbox.id).where(Outbox.key == key))).first() is None:
                await _announce(session, request, notice, now, episode=episode)
                session.wake_after_commit(APPROVERS_TICK)


async def _lock_unchanged(session: Session, seen: Broadcast) -> Broadcast | None:
    """Return a request for changing it; None where it is not as it was seen any more."""
    request = await session.get(Broadcast, seen.id, with_for_update=True)
    if request is None or (request.state, request.version, request.held_at) != (seen.state, seen.version, seen.held_at):
        return None
    return request


async def _announce(session: Session, request: Broadcast, notice: Notice, now: datetime, episode: str) -> None:
    await announce(session, request.team_id, notice, request.id, now=now, episode=episode, reply_to=message_of(request))
