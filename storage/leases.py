"""Who may do a piece of work now: a lease is a time in the future, and a fence number that goes up with each claim.

A late process (killed, stopped, stalled) finds that its fence no longer fits, and changes nothing. All of it happens
in the caller's transaction: on PostgreSQL replicas claim side by side, on SQLite the writer's turn is the lock already.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import case, literal
from sqlalchemy.sql.dml import UpdateBase
from sqlmodel import col, delete, or_, select, update

from storage.database import Session
from storage.models import Identity, Outbox, Poll, ProcessedRequest, SendingAccount, UtcDateTime, Webhook
from storage.states import PollKind

LONGEST_POLL: Final = timedelta(seconds=120)
"""The lease of every poll: longer than the slowest one, a few calls of at most 20 s each."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A poll that is ours until its lease ends."""

    kind: PollKind
    subject_id: str
    fence: int


async def claim_due(session: Session, kinds: Collection[PollKind], *, lease: timedelta, limit: int) -> list[Claim]:
    """Claim up to `limit` polls that are due, the longest overdue first. They come back when the lease ends."""
    due = (
        select(col(Poll.kind), col(Poll.subject_id), col(Poll.fence))
        .where(col(Poll.kind).in_(kinds), col(Poll.due_at) <= session.now)
        .order_by(col(Poll.due_at))
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    claims = [Claim(row[0], row[1], fence=row[2] + 1) for row in await session.exec(due)]
    for kind in {claim.kind for claim in claims}:  # for pairs of kind and subject SQLite would read every poll
        claimed = [claim.subject_id for claim in claims if claim.kind == kind]
        of_kind = update(Poll).where(col(Poll.kind) == kind, col(Poll.subject_id).in_(claimed))
        await _change(session, of_kind.values(due_at=session.now + lease, fence=Poll.fence + 1))
    return claims


async def finish(session: Session, claim: Claim, next_due: datetime) -> bool:
    """Say when the poll is due again. False: the claim was lost, and what it found must not be stored."""
    return await _change(session, update(Poll).where(*_held(claim)).values(due_at=next_due)) == 1


async def end(session: Session, claim: Claim) -> bool:
    """Say that the poll is not due again. False: the claim was lost, since the poll was scheduled again."""
    return await _change(session, delete(Poll).where(*_held(claim))) == 1


async def schedule(
    session: Session, kind: PollKind, subject_id: str, due_at: datetime, *, postpone: bool = False
) -> None:
    """Have the poll due at this time, or sooner where it already is; with `postpone` at this time in any case.

    The holder loses its claim, since it may have looked too early to see the reason.
    """
    row = session.insert_into(Poll).values(kind=kind, subject_id=subject_id, due_at=due_at, fence=0)
    await _change(
        session,
        row.on_conflict_do_update(
            index_elements=["kind", "subject_id"],
            set_={"due_at": row.excluded.due_at, "fence": Poll.fence + 1},
            where=None if postpone else col(Poll.due_at) > row.excluded.due_at,
        ),
    )


async def drop(session: Session, kind: PollKind, subject_id: str) -> None:
    await _change(session, delete(Poll).where(col(Poll.kind) == kind, col(Poll.subject_id) == subject_id))


async def claim_messages(
    session: Session, *, now: datetime, lease: timedelta, limit: int, files: bool = False
) -> list[Outbox]:
    """Claim up to `limit` messages that are due, new ones before edits, the longest overdue first.

    `files`: those that are files, which take longer, instead of all others. The row holds the fence.
    """
    due = (
        select(Outbox)
        .where(col(Outbox.due_at) <= now, col(Outbox.is_file).is_(files))
        .order_by(col(Outbox.ts) != "", col(Outbox.due_at))
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    messages = list(await session.exec(due))
    for message in messages:
        message.due_at = now + lease
        message.fence += 1
        message.claims += 1
    await session.flush()
    return messages


async def finish_message(
    session: Session,
    message: Outbox,
    *,
    now: datetime,
    again_at: datetime | None = None,
    retry_at: datetime | None = None,
    **values: Any,
) -> bool:
    """Record that the message is shown as it was wanted when it was claimed, or is to be tried again at `retry_at`.

    Where it was wanted again meanwhile, it is due at `again_at` or at once. `values` are further columns (`ts`,
    `last_error`, …). False: the claim was lost, and nothing is recorded.
    """
    values["claims"] = 0
    if retry_at is None:
        values["shown"] = message.wanted
        again = literal(again_at or now, UtcDateTime)
        values["due_at"] = case((col(Outbox.wanted) > message.wanted, again), else_=None)
        values["behind_since"] = values["due_at"]
    else:
        values["due_at"] = retry_at
    held = (col(Outbox.id) == message.id, col(Outbox.fence) == message.fence)
    return await _change(session, update(Outbox).where(*held).values(**values)) == 1


async def doubt_message(session: Session, message: Outbox, *, look_at: datetime) -> None:
    """Redraw the message at `look_at`, also if it is claimed: our edit may have come after theirs.

    Their claim is lost, too, so that what they record does not say that all is well.
    """
    doubted = update(Outbox).where(col(Outbox.id) == message.id)
    await _change(session, doubted.values(due_at=look_at, behind_since=look_at, drawn="", fence=Outbox.fence + 1))


async def rouse(session: Session, now: datetime) -> list[str]:
    """Have every message due that is behind and is not, and return their keys.

    There is none, unless something unforeseen went wrong: it would never be posted.
    """
    behind = update(Outbox).where(col(Outbox.due_at).is_(None), col(Outbox.shown) < Outbox.wanted)
    return list((await session.exec(behind.values(due_at=now, behind_since=now).returning(col(Outbox.key)))).scalars())


async def acquire(session: Session, account: str, owner: str, *, lease: timedelta) -> int | None:
    """Acquire a free sending account, and return the fence; None if another owner holds it.

    Args:
        session: a writer's.
        account: id of the SendingAccount.
        owner: names this process, for people to read.
        lease: how long until others may take it.
    """
    free = or_(col(SendingAccount.lease_until).is_(None), col(SendingAccount.lease_until) <= session.now)
    found = await session.exec(
        select(SendingAccount.fence).where(SendingAccount.id == account, free).with_for_update(skip_locked=True)
    )
    fence = found.first()
    if fence is None:
        return None
    taken = update(SendingAccount).where(col(SendingAccount.id) == account)
    await _change(session, taken.values(owner=owner, fence=fence + 1, lease_until=session.now + lease))
    return fence + 1


async def reclaim_all(session: Session, now: datetime) -> None:
    """Take back what a process that died had claimed: the SQLite file is ours alone, so no other process is alive.

    A claimed poll looks like one that is due soon, so that all of these are looked at now.
    """
    await _change(session, update(SendingAccount).values(owner="", lease_until=None))
    await _change(session, update(Identity).where(col(Identity.intent_due_at) > now).values(intent_due_at=now))
    await _change(session, update(Outbox).where(col(Outbox.due_at) > now, col(Outbox.attempts) == 0).values(due_at=now))
    await _change(session, update(Webhook).values(lease_until=None))
    soon = update(Poll).where(col(Poll.due_at) > now, col(Poll.due_at) <= now + LONGEST_POLL)
    await _change(session, soon.values(due_at=now, fence=Poll.fence + 1))


async def mark_processed(session: Session, key: str) -> bool:
    """Remember the key. False: it is known, so its work is done already."""
    row = session.insert_into(ProcessedRequest).values(key=key, seen_at=session.now).on_conflict_do_nothing()
    return await _change(session, row) == 1


async def first_seen(session: Session, keys: Collection[str]) -> list[str]:
    """Remember the keys, and return those that were not there."""
    if not keys:
        return []
    rows = session.insert_into(ProcessedRequest).values([{"key": key, "seen_at": session.now} for key in keys])
    return list((await session.exec(rows.on_conflict_do_nothing().returning(col(ProcessedRequest.key)))).scalars())


async def forget_seen(session: Session, before: datetime) -> int:
    """Forget the keys that were seen before this time, and return how many."""
    return await _change(session, delete(ProcessedRequest).where(col(ProcessedRequest.seen_at) < before))


def _held(claim: Claim) -> tuple[Any, ...]:
    return (
        col(Poll.kind) == claim.kind,
        col(Poll.subject_id) == claim.subject_id,
        col(Poll.fence) == claim.fence,
    )


async def _change(session: Session, statement: UpdateBase) -> int:
    """Run the statement and return how many rows it changed, leaving objects that the session holds as they are."""
    result = await session.exec(statement, execution_options={"synchronize_session": False})
    return result.rowcount
