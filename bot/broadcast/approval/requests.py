"""Requests for approval: asked, approved, sent back, withdrawn.

A request is bound to the version of its broadcast: nothing of it can be changed while it waits, and whatever makes a
draft of it again forgets the approvals it has.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlmodel import col, select

from bot.broadcast.approval import rules as approval
from bot.broadcast.audience.store import create_deliveries
from bot.broadcast.broadcasts import Broadcasts
from bot.broadcast.codes import BroadcastCode
from bot.broadcast.controls import AfterChange, lock, no_op, require_version
from bot.broadcast.draft import Prepared, check_start
from bot.broadcast.draft_store import back_to_draft, lock_team, say_step
from bot.broadcast.open_limits import check_live
from bot.broadcast.preflight import Preflight
from bot.broadcast.restored.question import check_decided
from bot.broadcast.transitions import tell_channel, transition
from bot.errors import BotError
from storage import Audit, Broadcast, BroadcastState, Database, Session, Team, TeamAdmin, audit

_WAITING = {BroadcastState.AWAITING_APPROVAL}
_is_waiting = col(Broadcast.state) == BroadcastState.AWAITING_APPROVAL


class ApprovalRequests:
    def __init__(
        self,
        db: Database,
        preflight: Preflight,
        broadcasts: Broadcasts,
        *,
        undo_seconds: float,
    ) -> None:
        self._db = db
        self._preflight = preflight
        self._broadcasts = broadcasts
        self._undo = timedelta(seconds=undo_seconds)

    async def ask(
        self,
        team: Team,
        broadcast_id: str,
        version: int,
        by: str,
        *,
        agreed: Sequence[str],
        asked_of: Sequence[str],
        also: AfterChange = no_op,
    ) -> Broadcast:
        """Ask for approval of a draft as it was shown.

        `agreed`: to which confirmations the person has; `asked_of`: who can approve, for the message to name.

        Raises:
            BotError: NOT_FOUND, ALREADY, or NotReadyError.
        """
        draft = await self._broadcasts.get(team, broadcast_id)
        check_start(draft.start_at, self._db.now())
        await self._preflight.check(team, draft.from_address, draft.kind, draft.size)
        async with self._db.write() as session:
            await lock_team(session, team)
            request = await lock(session, team, broadcast_id, version, {BroadcastState.DRAFT})
            request.start_at, request.agreed = check_start(request.start_at, session.now), list(agreed)
            await open_request(session, request, by, asked_of, session.now)
            await also(session, request)
        return request

    async def review(self, team: Team, broadcast_id: str, version: int) -> Prepared:
        """Return a request with its numbers as they are now.

        Raises:
            BotError: NOT_FOUND, ALREADY, or NotReadyError.
        """
        return await self._broadcasts.prepared(team, broadcast_id, version, _WAITING)

    async def check(self, team: Team, broadcast_id: str, version: int, by: str, *, workspace_admin: bool) -> None:
        """Let through who may approve a request as they saw it.

        Raises:
            BotError: NOT_FOUND, ALREADY, OWN_BROADCAST or NOT_APPROVER.
        """
        request = require_version(await self._broadcasts.get(team, broadcast_id), team, version, _WAITING)
        now = self._db.now()
        _check_open(request, now)
        async with self._db.read() as session:
            row = await session.get_one(Team, team.id)
            needed = await approval.is_needed(session, self._preflight.policy, row, request, now)
            await approval.check_approver(session, row, request, by, workspace_admin=workspace_admin, needed=needed)

    async def approve(
        self, team: Team, broadcast_id: str, version: int, by: str, *, workspace_admin: bool
    ) -> Broadcast:
        """Approve a request; with the last approval that is needed it is scheduled.

        Raises:
            BotError: NOT_FOUND, ALREADY, OWN_BROADCAST, NOT_APPROVER, or NotReadyError; the request stays open.
        """
        await self.check(team, broadcast_id, version, by, workspace_admin=workspace_admin)
        request = await self._broadcasts.get(team, broadcast_id)
        await self._preflight.check(team, request.from_address, request.kind, request.size)
        while (approved := await self._approve(team, broadcast_id, version, by, workspace_admin)) is None:
            pass
        return approved

    async def send_back(
        self, team: Team, broadcast_id: str, version: int, by: str, note: str, *, workspace_admin: bool
    ) -> Broadcast:
        """Make a draft of a request again, with a note what should change.

        Raises:
            BotError: NOT_FOUND, ALREADY, OWN_BROADCAST or NOT_APPROVER.
        """
        async with self._db.write() as session:
            row = await lock_team(session, team)
            request = await lock(session, team, broadcast_id, version, _WAITING)
            needed = await approval.is_needed(session, self._preflight.policy, row, request, session.now)
            await approval.check_approver(session, row, request, by, workspace_admin=workspace_admin, needed=needed)
            await back_to_draft(session, request, by, "broadcast.request_changes", session.now, note=note)
        return request

    async def withdraw(
        self, team: Team, broadcast_id: str, version: int, by: str, *, workspace_admin: bool
    ) -> Broadcast:
        """Make a draft of a request again: who asked may, and team admins.

        Raises:
            BotError: NOT_FOUND, ALREADY or NOT_APPROVER.
        """
        async with self._db.write() as session:
            request = await lock(session, team, broadcast_id, version, _WAITING)
            admin = workspace_admin or await session.get(TeamAdmin, (team.id, by)) is not None
            if by != request.asked_by and not admin:
                raise BotError(
                    BroadcastCode.NOT_APPROVER, "Only who asked for approval, and team admins, can withdraw this."
                )
            await back_to_draft(session, request, by, "broadcast.withdraw", session.now)
        return request

    async def withdraw_all(self, team: Team, by: str) -> None:
        """Make drafts of all that waits, when the mailer goes."""
        waiting = select(Broadcast).where(Broadcast.team_id == team.id, _is_waiting)
        async with self._db.write() as session:
            for request in await session.exec(waiting.order_by(Broadcast.id).with_for_update()):
                await back_to_draft(session, request, by, "broadcast.withdraw", session.now)

    async def asked_before(self, request: Broadcast) -> int | None:
        """Return the version for which approval was asked the last time before; None: this is the first time."""
        asks = select(Audit).where(
            Audit.team_id == request.team_id, Audit.action == "broadcast.ask", Audit.subject == request.id
        )
        async with self._db.read() as session:
            found = (await session.exec(asks.order_by(col(Audit.id).desc()).limit(2))).all()
        return int(found[1].after["version"]) if len(found) > 1 else None

    async def _approve(
        self, team: Team, broadcast_id: str, version: int, by: str, workspace_admin: bool
    ) -> Broadcast | None:
        """Approve it; None: not yet, since its deliveries are not all made."""
        async with self._db.write() as session:
            row = await lock_team(session, team)
            request = await lock(session, team, broadcast_id, version, _WAITING)
            _check_open(request, session.now)
            needed = await approval.is_needed(session, self._preflight.policy, row, request, session.now)
            await approval.check_approver(session, row, request, by, workspace_admin=workspace_admin, needed=needed)
            await check_decided(session, team)
            approved = list(dict.fromkeys([*request.approved_by, by]))
            if approval.is_enough(self._preflight.policy, row, approved, needed=needed):
                approval.check_one_click(self._preflight.policy, request)
                if not await create_deliveries(session, request, session.now):
                    return None
                await check_live(session, team)
                soonest = session.now + self._undo
                request.start_at = max(request.start_at or soonest, soonest)
                request.approved_by, request.confirmed_by = approved, request.asked_by
                await transition(
                    session, request, BroadcastState.SCHEDULED, by=by, action="broadcast.approve", now=session.now
                )
            elif by in request.approved_by:
                raise BotError(
                    BroadcastCode.STATE_CHANGED, "You have approved this already; somebody else must approve it, too."
                )
            else:
                request.approved_by = approved
                session.add(request)
                audit.record(session, team.id, by, "broadcast.approve", session.now, request.id)
                await tell_channel(session, request, session.now)
        return request


async def open_request(session: Session, broadcast: Broadcast, by: str, asked_of: Sequence[str], now: datetime) -> None:
    """Have a broadcast, which the caller has locked, wait for approval of what it is now."""
    again, broadcast.shared = broadcast.shared, True
    broadcast.asked_by, broadcast.asked_at, broadcast.asked_of = by, now, list(asked_of)
    broadcast.held_at, broadcast.held_seconds = None, 0
    broadcast.approved_by, broadcast.confirmed_by = [], ""
    waiting, version = BroadcastState.AWAITING_APPROVAL, broadcast.version + 1
    entry = await transition(session, broadcast, waiting, by=by, action="broadcast.ask", now=now, version=version)
    if again:  # an edited message notifies nobody
        await say_step(session, broadcast, entry, now)


def _check_open(request: Broadcast, now: datetime) -> None:
    if approval.is_over(request, now):
        raise BotError(BroadcastCode.STATE_CHANGED, "Nobody approved this in time, so it is a draft again.")
