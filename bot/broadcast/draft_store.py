"""A draft in the database: a new one, or what somebody changed in one."""

from datetime import datetime
from typing import Any

from sqlmodel import col, delete

from bot.alerts.outbox import Notice, announce, key_of
from bot.broadcast.audience.saved import saved_under
from bot.broadcast.controls import AfterChange, lock, no_op
from bot.broadcast.draft import Addresses, Draft, Edited
from bot.broadcast.open_limits import check_drafts
from bot.broadcast.transitions import tell_channel, transition
from bot.webhooks.events import broadcast_changed
from storage import Audience, Audit, Broadcast, BroadcastState, Delivery, Mailer, SendKind, Session, Team, audit
from storage.audit import Action

_TYPED = ("from_address", "reply_to", "subject", "preheader", "body", "images", "audience_id", "selection", "start_at")
"""What of a draft a person changes."""
_EDITABLE = (*_TYPED, "mailer_id", "audience_name", "audience_revision", "source_id", "size", "template")


async def lock_team(session: Session, team: Team) -> Team:
    """Lock the team, before any of its broadcasts is, and return it as it is now.

    Its key stays free: who has only a broadcast locked, and writes a row that refers to the team, does not wait here.
    """
    return await session.get_one(Team, team.id, with_for_update={"key_share": True})


def new_draft(
    mailer: Mailer,
    draft: Draft,
    addresses: Addresses,
    by: str,
    now: datetime,
    kind: SendKind = SendKind.BROADCAST,
) -> Broadcast:
    """Return the row of a draft that has no audience yet."""
    return Broadcast(
        team_id=mailer.team_id,
        mailer_id=mailer.id,
        audience_id=None,
        kind=kind,
        state=BroadcastState.DRAFT,
        from_address=addresses.sender,
        reply_to=addresses.reply_to,
        subject=draft.subject.strip(),
        preheader=draft.preheader.strip(),
        body=dict(draft.body),
        images=[dict(image) for image in draft.images],
        selection=draft.selection.to_json(),
        created_by=by,
        created_at=now,
    )


async def put_draft(
    session: Session,
    team: Team,
    broadcast: Broadcast,
    by: str,
    edited: Edited | None,
    also: AfterChange = no_op,
) -> Broadcast:
    """Store it as a new draft, or in the place of the one that was edited, which is a draft from then on.

    Raises:
        BotError: NOT_FOUND, ALREADY, or TOO_MANY_BROADCASTS.
    """
    if edited is None:
        await lock_team(session, team)
        await check_drafts(session, team)
        await add_draft(session, broadcast)
        await also(session, broadcast)
        return broadcast
    stored = await lock(session, team, edited.id, edited.version, edited.states)
    changes = {name: value for name in _EDITABLE if (value := getattr(broadcast, name)) != getattr(stored, name)}
    if not changes:
        await also(session, stored)
        return stored
    if stored.state is not BroadcastState.DRAFT:
        await back_to_draft(session, stored, by, "broadcast.withdraw", session.now)
    await session.exec(delete(Delivery).where(col(Delivery.broadcast_id) == stored.id))
    stored.sqlmodel_update({**changes, "version": stored.version + 1, "edited_by": by, "edited_at": session.now})
    session.add(stored)
    told: dict[str, Any] = {"version": stored.version, "changed": [name for name in changes if name in _TYPED]}
    audit.record(session, team.id, by, "broadcast.edit", session.now, stored.id, after=told)
    await tell_channel(session, stored, session.now)
    await also(session, stored)
    return stored


async def source_now(session: Session, team: Team, broadcast: Broadcast) -> Audience | None:
    """Return the audience that was chosen for a broadcast: a saved one as it is now, another as it was read."""
    if broadcast.audience_name and (saved := await saved_under(session, team, broadcast.audience_name)):
        return saved
    chosen = broadcast.source_id or broadcast.audience_id
    return await session.get(Audience, chosen) if chosen else None


async def add_draft(session: Session, draft: Broadcast) -> None:
    """Store a new one; a program's is told to the webhook."""
    session.add(draft)
    await session.flush()
    if draft.created_by.startswith(audit.API_TOKEN):
        await broadcast_changed(session, draft, session.now)


async def back_to_draft(
    session: Session, request: Broadcast, by: str, action: Action, now: datetime, **told: Any
) -> None:
    """Make a draft of a request, which the caller has locked, and say so under its message."""
    await session.exec(delete(Delivery).where(col(Delivery.broadcast_id) == request.id))
    request.edited_at = now  # a draft lives thirty days from here
    entry = await transition(session, request, BroadcastState.DRAFT, by=by, action=action, now=now, **told)
    await say_step(session, request, entry, now)


async def say_step(session: Session, request: Broadcast, entry: Audit, now: datetime) -> None:
    """Say under the broadcast's message what happened to a request."""
    await session.flush()
    await announce(session, request.team_id, Notice.APPROVAL_STEP, str(entry.id), now=now, reply_to=message_of(request))


def message_of(request: Broadcast) -> str:
    """Return the key of the message under which all about it is said."""
    return key_of(Notice.BROADCAST, request.id)
