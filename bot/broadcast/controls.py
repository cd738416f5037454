"""What a person decides about a broadcast that exists: undo, discard, pause, resume, cancel.

Every change compares the version the person saw, so that however often and by whomever a button is pressed, it has one
effect. Whether the person may is the caller's question.
"""

import contextlib
from collections.abc import Awaitable, Callable, Collection
from datetime import timedelta

from sqlmodel import col, delete, select

from bot.broadcast.audience.store import cancel_pending, count_pending
from bot.broadcast.codes import BroadcastCode
from bot.broadcast.preflight import Preflight
from bot.broadcast.transitions import schedule_sending, transition
from bot.errors import BotError
from bot.mailer.readiness.rules import Readiness
from storage import OPEN_STATES, Broadcast, BroadcastState, Database, Delivery, PauseReason, Session, Team
from storage.audit import API_TOKEN, Action

_TO_TAKE_BACK = {BroadcastState.SCHEDULED, BroadcastState.PAUSED}
_ALREADY = {
    BroadcastState.DRAFT: "is a draft already",
    BroadcastState.AWAITING_APPROVAL: "waits for approval already",
    BroadcastState.SCHEDULED: "is scheduled already",
    BroadcastState.SENDING: "is being sent already",
    BroadcastState.PAUSED: "is paused already",
    BroadcastState.DONE: "is done already",
    BroadcastState.CANCELLED: "was cancelled already",
    BroadcastState.STOPPED: "was stopped already",
}

AfterChange = Callable[[Session, Broadcast], Awaitable[None]]
"""Something that is done in the transaction of a change, after it."""


async def no_op(_session: Session, _changed: object) -> None:
    """Do nothing more."""


class BroadcastControls:
    def __init__(self, db: Database, preflight: Preflight, *, undo_seconds: float) -> None:
        self._db = db
        self._preflight = preflight
        self._undo = timedelta(seconds=undo_seconds)

    async def get(self, team: Team, broadcast_id: str) -> Broadcast:
        """Raises BotError NOT_FOUND, the same for one that is missing and one of another team."""
        async with self._db.read() as session:
            broadcast = await session.get(Broadcast, broadcast_id)
        if broadcast is None or broadcast.team_id != team.id:
            raise BotError(BroadcastCode.NOT_FOUND)
        return broadcast

    async def undo(
        self,
        team: Team,
        broadcast_id: str,
        version: int,
        by: str,
        *,
        action: Action = "broadcast.undo",
        also: AfterChange = no_op,
    ) -> Broadcast:
        """Make a draft again of a broadcast that has not begun: it leaves the schedule, and its deliveries go.

        It keeps its start time.

        Raises:
            BotError: NOT_FOUND or ALREADY.
        """
        async with self._db.write() as session:
            broadcast = await session.get(Broadcast, broadcast_id, with_for_update=True)
            _check_not_begun(broadcast, team)
            broadcast = require_version(broadcast, team, version, _TO_TAKE_BACK)
            if (
                broadcast.state is BroadcastState.SCHEDULED
                and (broadcast.start_at or session.now) <= session.now + self._undo
            ):
                broadcast.start_at = None  # nobody chose it: it was to be sent at once
            broadcast.confirmed_by = ""
            broadcast.edited_by, broadcast.edited_at = by, session.now
            await session.exec(delete(Delivery).where(col(Delivery.broadcast_id) == broadcast_id))
            await transition(session, broadcast, BroadcastState.DRAFT, by=by, action=action, now=session.now)
            await also(session, broadcast)
        return broadcast

    async def discard(self, team: Team, broadcast_id: str, version: int, by: str) -> Broadcast:
        """End a draft: nobody sees it in a list any more.

        Raises:
            BotError: NOT_FOUND or ALREADY.
        """
        return await self._end(team, broadcast_id, version, by, "broadcast.discard", {BroadcastState.DRAFT})

    async def cancel(
        self, team: Team, broadcast_id: str, version: int, by: str, *, also: AfterChange = no_op
    ) -> Broadcast:
        """Cancel it: recipients who are not under way yet get nothing.

        Raises:
            BotError: NOT_FOUND or ALREADY.
        """
        states = set(BroadcastState) - {BroadcastState.DONE, BroadcastState.CANCELLED}
        return await self._end(team, broadcast_id, version, by, "broadcast.cancel", states, also)

    async def pause(
        self, team: Team, broadcast_id: str, version: int, by: str, *, also: AfterChange = no_op
    ) -> Broadcast:
        """Pause it: nothing more is claimed until a person resumes it.

        Raises:
            BotError: NOT_FOUND or ALREADY.
        """
        pausable = {BroadcastState.SCHEDULED, BroadcastState.SENDING}
        async with self._db.write() as session:
            broadcast = await lock(session, team, broadcast_id, version, pausable)
            reasons = [*broadcast.pause_reasons, PauseReason.PERSON]
            await transition(
                session,
                broadcast,
                BroadcastState.PAUSED,
                by=by,
                action="broadcast.pause",
                now=session.now,
                reasons=reasons,
            )
            await also(session, broadcast)
        return broadcast

    async def resume(
        self, team: Team, broadcast_id: str, version: int, by: str, *, admin: bool = False, also: AfterChange = no_op
    ) -> Broadcast:
        """Let it go on, as far as a person can: what waits for the quota goes on if AWS says that some is free.

        `admin` is whether a team admin asks, who alone may go on after bounces or complaints stopped it.

        Raises:
            BotError: NOT_FOUND, ALREADY, WAITING, RESTORED, ADMINS_ONLY, AWS did not answer, or NotReadyError.
        """
        paused = await self.get(team, broadcast_id)
        refuse_forgotten(paused)
        async with self._db.read() as session:
            size = await count_pending(session, broadcast_id)
        quota = PauseReason.QUOTA in paused.pause_reasons
        mailer, answer = await self._preflight.check(team, paused.from_address, paused.kind, size, again=quota)
        async with self._db.write() as session:
            await schedule_sending(session, mailer.account_id, mailer.region, session.now)
            broadcast = await lock(
                session, team, broadcast_id, version, {BroadcastState.PAUSED, BroadcastState.STOPPED}
            )
            refuse_forgotten(broadcast)
            left = _left_to_wait_for(broadcast, team, answer, by, admin=admin)
            if broadcast.state is BroadcastState.STOPPED:
                broadcast.reputation_from, broadcast.error = session.now, ""
            to = BroadcastState.PAUSED if left else BroadcastState.SENDING
            if to is BroadcastState.SENDING and broadcast.start_at and broadcast.start_at > session.now:
                to = BroadcastState.SCHEDULED
            await transition(session, broadcast, to, by=by, action="broadcast.resume", now=session.now, reasons=left)
            await also(session, broadcast)
        return broadcast

    async def unfinished(self, team: Team) -> list[Broadcast]:
        """Return what is scheduled, being sent or paused, the soonest first."""
        live = select(Broadcast).where(Broadcast.team_id == team.id, col(Broadcast.state).in_(OPEN_STATES))
        async with self._db.read() as session:
            return list(await session.exec(live.order_by(col(Broadcast.start_at))))

    async def cancel_all(self, team: Team, by: str) -> None:
        """End whatever has not ended, when the mailer goes."""
        for broadcast in await self.unfinished(team):
            with contextlib.suppress(BotError):  # it came to its end, or changed, meanwhile
                await self.cancel(team, broadcast.id, broadcast.version, by)

    async def _end(
        self,
        team: Team,
        broadcast_id: str,
        version: int,
        by: str,
        action: Action,
        states: Collection[BroadcastState],
        also: AfterChange = no_op,
    ) -> Broadcast:
        async with self._db.write() as session:
            broadcast = await lock(session, team, broadcast_id, version, states)
            await cancel_pending(session, broadcast)
            await transition(session, broadcast, BroadcastState.CANCELLED, by=by, action=action, now=session.now)
            await also(session, broadcast)
        return broadcast


def refuse_forgotten(broadcast: Broadcast) -> None:
    """Raise BotError RECIPIENTS_GONE where nobody knows any more to whom it went."""
    if broadcast.recipients_gone_at is not None:
        raise BotError(BroadcastCode.RECIPIENTS_GONE)


async def lock(
    session: Session, team: Team, broadcast_id: str, version: int, states: Collection[BroadcastState]
) -> Broadcast:
    """Return the broadcast for changing it, if it is still as the person saw it."""
    return require_version(await session.get(Broadcast, broadcast_id, with_for_update=True), team, version, states)


def require_version(
    broadcast: Broadcast | None, team: Team, version: int, states: Collection[BroadcastState]
) -> Broadcast:
    """Return the broadcast if it is this team's, in one of these states, and as the person saw it.

    Raises:
        BotError: NOT_FOUND or ALREADY.
    """
    if broadcast is None or broadcast.team_id != team.id:
        raise BotError(BroadcastCode.NOT_FOUND)
    if broadcast.state not in states:
        raise BotError(
            BroadcastCode.STATE_CHANGED, f"This broadcast {_ALREADY[broadcast.state]}, so nothing was changed."
        )
    if broadcast.version != version:
        raise BotError(
            BroadcastCode.STATE_CHANGED,
            "This broadcast has changed since this message was drawn, so nothing was done.",
            "Look at its message in the channel, and press again if you still want it.",
        )
    return broadcast


def _check_not_begun(broadcast: Broadcast | None, team: Team) -> None:
    ours = broadcast is not None and broadcast.team_id == team.id
    if broadcast is not None and ours and broadcast.started_at and broadcast.state in OPEN_STATES:
        raise BotError(
            BroadcastCode.STATE_CHANGED,
            "This broadcast has begun, so it cannot be taken back.",
            "Pause or cancel it instead.",
        )
    if broadcast is not None and ours and PauseReason.RESTORED in broadcast.pause_reasons:
        raise BotError(BroadcastCode.RESTORED)


def _left_to_wait_for(broadcast: Broadcast, team: Team, answer: Readiness, by: str, *, admin: bool) -> set[PauseReason]:
    """Return the reasons that a person's Resume leaves; raise BotError where it would change nothing."""
    reasons = {PauseReason(reason) for reason in broadcast.pause_reasons}
    if broadcast.state is BroadcastState.STOPPED and reasons != {PauseReason.REPUTATION}:
        raise BotError(BroadcastCode.STATE_CHANGED, f"This broadcast was stopped for good: {broadcast.error}")
    if PauseReason.REPUTATION in reasons and not admin:
        raise BotError(BroadcastCode.ADMINS_ONLY)
    if PauseReason.RESTORED in reasons and by.startswith(API_TOKEN):
        raise BotError(BroadcastCode.RESTORED)
    if PauseReason.UNREACHABLE in reasons and not team.reachable:
        raise BotError(
            BroadcastCode.WAITING,
            "Mailroom cannot speak in the channel, so this broadcast waits.",
            "Invite Mailroom to the channel again, or unarchive it; then resume.",
        )
    used_up = answer.facts is not None and answer.facts.quota_left == 0
    left = reasons & ({PauseReason.QUOTA, PauseReason.DELETING} if used_up else {PauseReason.DELETING})
    if left == reasons:
        raise BotError(
            BroadcastCode.WAITING, "The daily quota is used up: this broadcast goes on by itself as it frees."
        )
    return left
