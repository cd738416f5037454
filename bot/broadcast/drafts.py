"""The drafts of a team: whose they are, what was changed in one, another one made of a broadcast, and their end."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement
from sqlmodel import and_, col, delete, func, or_, select

from bot.alerts.outbox import Notice, announce, tell
from bot.broadcast.codes import BroadcastCode
from bot.broadcast.controls import AfterChange, no_op
from bot.broadcast.draft_store import add_draft, lock_team, source_now
from bot.broadcast.open_limits import check_drafts
from bot.broadcast.transitions import MAILROOM, WITHOUT_CONTENT, transition
from bot.errors import BotError
from bot.teams.token_names import token_names
from storage import Audience, Audit, Broadcast, BroadcastState, Outbox, Repository, SendKind, Session, Team, audit

LIVES = timedelta(days=30)  # from its last change; once discarded, as long again
NOTICE = timedelta(days=1)  # before its end
_COPIED = ("from_address", "reply_to", "subject", "preheader", "body", "template", "images", "selection")

_chosen = func.coalesce(col(Broadcast.source_id), col(Broadcast.audience_id))
_last_change = func.coalesce(col(Broadcast.edited_at), col(Broadcast.created_at))
is_draft = and_(col(Broadcast.state) == BroadcastState.DRAFT, col(Broadcast.kind) == SendKind.BROADCAST)
is_discarded = and_(col(Broadcast.state) == BroadcastState.CANCELLED, col(Broadcast.confirmed_by) == "")


@dataclass(frozen=True, slots=True)
class Change:
    """The columns of a draft that a person changed."""

    by: str
    changed: Sequence[str]


@dataclass(frozen=True, slots=True)
class Copied:
    """A draft made of a broadcast. `was` is how many recipients that had, where its saved audience is another now."""

    draft: Broadcast
    was: int | None


def is_editor(broadcast: Broadcast, user_id: str) -> bool:
    """Whether this person may change, send and discard a draft, if they may send at all."""
    by_token = broadcast.created_by.startswith(audit.API_TOKEN)
    return broadcast.shared or by_token or broadcast.created_by == user_id


class Drafts(Repository):
    async def of(self, team: Team, user_id: str, limit: int) -> list[tuple[Broadcast, Audience | None]]:
        """Return a person's drafts and those of programs, the last changed first, with the audience chosen for each."""
        found = (
            select(Broadcast, Audience)
            .join(Audience, _chosen == col(Audience.id), isouter=True)
            .where(_theirs(team, user_id))
            .order_by(_last_change.desc(), col(Broadcast.id))
            .options(*WITHOUT_CONTENT)
            .limit(limit)
        )
        async with self._db.read() as session:
            return [(draft, audience) for draft, audience in await session.exec(found)]

    async def count(self, team: Team, user_id: str) -> int:
        counted = select(func.count()).select_from(Broadcast).where(_theirs(team, user_id))
        async with self._db.read() as session:
            return (await session.exec(counted)).one()

    async def tokens_of(self, drafts: Iterable[Broadcast]) -> dict[str, str]:
        """Return the names of the API tokens that made or changed these, by actor."""
        actors = {actor for draft in drafts for actor in (draft.created_by, draft.edited_by)}
        async with self._db.read() as session:
            return await token_names(session, actors)

    async def audience(self, team: Team, draft: Broadcast) -> Audience | None:
        """Return the audience that was chosen for a draft, before anything was selected; a saved one as it is now."""
        async with self._db.read() as session:
            return await source_now(session, team, draft)

    async def changes_since(self, draft: Broadcast, version: int) -> list[Change]:
        """Return what was changed in it after this version, in order."""
        edits = select(Audit).where(
            Audit.team_id == draft.team_id, Audit.action == "broadcast.edit", Audit.subject == draft.id
        )
        async with self._db.read() as session:
            rows = (await session.exec(edits.order_by(col(Audit.id)))).all()
        later = (row for row in rows if row.after.get("version", 0) > version)
        return [Change(row.actor, row.after["changed"]) for row in later if row.after["changed"]]

    async def copy(self, team: Team, broadcast_id: str, by: str, *, also: AfterChange = no_op) -> Copied:
        """Make a draft from a broadcast, with a saved audience as it is now, or an uploaded one as it was read.

        Raises:
            BotError: NOT_FOUND or TOO_MANY_BROADCASTS.
        """
        async with self._db.write() as session:
            await lock_team(session, team)
            await check_drafts(session, team)
            old = await session.get(Broadcast, broadcast_id)
            if old is None or old.team_id != team.id or old.kind is not SendKind.BROADCAST:
                raise BotError(BroadcastCode.NOT_FOUND)
            audience = await source_now(session, team, old)
            selected = bool(old.source_id)  # until it is checked it is what it was then
            copied: dict[str, Any] = {name: getattr(old, name) for name in _COPIED}
            draft = Broadcast(
                **copied,
                team_id=team.id,
                mailer_id=old.mailer_id,
                audience_id=old.audience_id if selected else audience.id if audience else None,
                audience_name=audience.name if audience else "",
                audience_revision=audience.revision if audience else 0,
                source_id=audience.id if selected and audience else None,
                size=old.size if selected else audience.size if audience else 0,
                kind=SendKind.BROADCAST,
                created_by=by,
                created_at=session.now,
            )
            await add_draft(session, draft)
            audit.record(session, team.id, by, "broadcast.copy", session.now, draft.id, after={"of": old.id})
            await also(session, draft)
        return Copied(draft, old.size if draft.audience_id != old.audience_id else None)

    async def tidy(self) -> None:
        """Say of drafts that nobody changes any more that they end, end them, and forget those that were discarded."""
        now = self._db.now()
        told = select(Outbox.id).where(
            Outbox.kind == Notice.DRAFT_ENDS,
            Outbox.record_id == Broadcast.id,
            col(Outbox.created_at) > _last_change,
        )
        ending = is_draft, _last_change < now - LIVES + NOTICE, ~told.exists()
        async with self._db.write() as session:
            for draft in await session.exec(select(Broadcast).where(*ending)):
                await _tell_of_end(session, draft)
        over = select(Broadcast).where(is_draft, _last_change < now - LIVES).with_for_update()
        async with self._db.write() as session:
            for draft in await session.exec(over):
                await transition(
                    session, draft, BroadcastState.CANCELLED, by=MAILROOM, action="broadcast.expire", now=now
                )
        async with self._db.write() as session:
            long_ago = is_discarded, col(Broadcast.finished_at) < now - LIVES
            await session.exec(delete(Broadcast).where(*long_ago))


def _theirs(team: Team, user_id: str) -> ColumnElement[bool]:
    by_token = col(Broadcast.created_by).startswith(audit.API_TOKEN, autoescape=True)
    return and_(col(Broadcast.team_id) == team.id, is_draft, or_(col(Broadcast.created_by) == user_id, by_token))


async def _tell_of_end(session: Session, draft: Broadcast) -> None:
    """Tell its author; of a program's draft, the channel."""
    about = Notice.DRAFT_ENDS, draft.id
    if draft.created_by.startswith(audit.API_TOKEN):
        await announce(session, draft.team_id, *about, now=session.now, episode=str(draft.version))
    else:
        await tell(session, draft.team_id, draft.created_by, *about, now=session.now, episode=str(draft.version))
