"""Broadcasts that wait for AWS: paused where they are not ready or AWS refuses, resumed by the same rules.

What a person decides (pause, late, identity after a retry, access after a reconnect) is never let go from here.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlmodel import col, func, select

from bot.broadcast.transitions import MAILROOM, WITHOUT_CONTENT, transition
from bot.mailer.readiness.facts import facts_from
from bot.mailer.readiness.overview import Overviews
from bot.mailer.readiness.rules import Blocker
from storage import Access, Broadcast, BroadcastState, Chunk, Mailer, PauseReason, Session

RECHECK_EVERY = timedelta(seconds=60)  # between two looks at what waits; only stored facts are read
QUOTA_RETRY_AFTER = timedelta(
    minutes=10
)  # SES: wait up to 10 minutes after "Daily message quota exceeded", then try again
AUTO_RESUME_WITHIN = timedelta(hours=1)  # after a longer silence a person decides
ENDS_BY_ITSELF = frozenset({PauseReason.QUOTA, PauseReason.ACCESS, PauseReason.SENDING})

REASON_OF = {
    Blocker.ACCESS_LOST: PauseReason.ACCESS,
    Blocker.ACCESS_SUSPECT: PauseReason.ACCESS,
    Blocker.ACCOUNT_SHUT_DOWN: PauseReason.SENDING,
    Blocker.SENDING_PAUSED: PauseReason.SENDING,
    Blocker.SANDBOX: PauseReason.SENDING,
    Blocker.IN_REVIEW: PauseReason.SENDING,
    Blocker.DENIED: PauseReason.SENDING,
    Blocker.NO_VERIFIED_IDENTITY: PauseReason.IDENTITY,
    Blocker.IDENTITY_UNKNOWN: PauseReason.IDENTITY,
    Blocker.IDENTITY_PENDING: PauseReason.IDENTITY,
    Blocker.IDENTITY_FAILED: PauseReason.IDENTITY,
    Blocker.IDENTITY_GONE: PauseReason.IDENTITY,
    Blocker.QUOTA: PauseReason.QUOTA,
}
"""Why a broadcast waits, for every blocker but those that waiting or reading again would not show: no mailer, stale."""


async def pause(session: Session, broadcasts: Iterable[Broadcast], reason: PauseReason, now: datetime) -> None:
    """Have these broadcasts wait, for one reason more."""
    for broadcast in broadcasts:
        reasons = {*broadcast.pause_reasons, reason.value}
        await transition(
            session, broadcast, BroadcastState.PAUSED, by=MAILROOM, action="broadcast.hold", now=now, reasons=reasons
        )


async def held_for_access(session: Session, mailer: Mailer) -> list[Broadcast]:
    """Return what waits since the mailer's credentials were refused, the oldest first."""
    paused = select(Broadcast).where(Broadcast.mailer_id == mailer.id, Broadcast.state == BroadcastState.PAUSED)
    rows = await session.exec(paused.order_by(Broadcast.id).options(*WITHOUT_CONTENT))
    return [row for row in rows if PauseReason.ACCESS in row.pause_reasons]


async def resume_cleared(session: Session, account_id: str, region: str, overviews: Overviews) -> bool:
    """Let go what no longer has to wait; True: something may go on by itself later."""
    waiting = await session.exec(
        select(Broadcast, Mailer)
        .join(Mailer, col(Mailer.id) == Broadcast.mailer_id)
        .where(Mailer.account_id == account_id, Mailer.region == region, Broadcast.state == BroadcastState.PAUSED)
        .order_by(Broadcast.id)
        .options(*WITHOUT_CONTENT)
        .with_for_update(of=Broadcast)
    )
    more = False
    for broadcast, mailer in waiting.all():
        reasons = {PauseReason(reason) for reason in broadcast.pause_reasons}
        if not reasons or reasons - ENDS_BY_ITSELF:
            continue
        since = await _silent_since(session, broadcast)
        answer = overviews.ask(mailer, (), from_address="", kind=broadcast.kind, size=1)
        now_held = {REASON_OF[blocker] for blocker in answer.blockers if blocker in REASON_OF}
        left = {reason for reason in reasons if not _is_over(reason, mailer, now_held, since, session.now)}
        if not left:
            await transition(
                session, broadcast, BroadcastState.SENDING, by=MAILROOM, action="broadcast.go_on", now=session.now
            )
        else:
            more = more or left == {PauseReason.QUOTA} or session.now - since <= AUTO_RESUME_WITHIN
    return more


def _is_over(reason: PauseReason, mailer: Mailer, now_held: set[PauseReason], since: datetime, now: datetime) -> bool:
    """Decide on facts that are newer than what made it wait; without such the quota is tried again all the same."""
    newer = mailer.checked_at > since
    if reason is PauseReason.QUOTA:
        facts = facts_from(mailer, ())
        return facts is not None and facts.quota_left != 0 if newer else now - since >= QUOTA_RETRY_AFTER
    if not newer or now - since > AUTO_RESUME_WITHIN:
        return False
    if reason is PauseReason.ACCESS:
        return mailer.access is Access.OK and mailer.credentials_at <= since
    return reason not in now_held


async def _silent_since(session: Session, broadcast: Broadcast) -> datetime:
    """Return when AWS last answered for it, or when it was to start: that is when it began to wait, or just before."""
    last = await session.exec(select(func.max(Chunk.finished_at)).where(Chunk.broadcast_id == broadcast.id))
    return last.one() or broadcast.start_at or broadcast.created_at
