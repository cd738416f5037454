"""The revisions of a saved audience: a proposal is kept as the next one, and what it changed is taken back for a day.

Keeping one hands the name over in one transaction, so that readers see the old revision or the new one.
"""

import asyncio
from datetime import datetime
from typing import BinaryIO

from bot.broadcast.audience.codes import AudienceCode
from bot.broadcast.audience.revisions.members import list_for_people
from bot.broadcast.audience.revisions.proposals import Proposal, Proposals, changed_meanwhile
from bot.broadcast.audience.saved import check_room, forget_replaced, save_as, saved_under, take_name
from bot.broadcast.audience.store import forget_audience
from bot.errors import BotError
from storage import Audience, Session, Team, audit


class Revisions(Proposals):
    async def current(self, team: Team, name: str) -> Audience | None:
        """Return the audience that has this name, or None where a first revision may have it.

        Raises:
            BotError: AUDIENCES_FULL, for the field `save_as`.
        """
        async with self._db.read() as session:
            audience = await saved_under(session, team, name)
            if audience is None:
                await check_room(session, team, name)
            return audience

    async def keep(self, team: Team, audience_id: str, by: str, name: str = "") -> Audience:
        """Make a proposal the audience of its name, and return that; one that changes nothing only goes.

        `name` is for a first revision, which has none to take over.

        Raises:
            BotError: NOT_FOUND; ALREADY where it was kept, or where the name has another audience by now than the
                proposal was made from; AUDIENCES_FULL.
        """
        now = self._db.now()
        async with self._db.write() as session:
            await session.get_one(Team, team.id, with_for_update=True)
            proposal = Proposal.of(await session.get(Audience, audience_id, with_for_update=True), team)
            new = proposal.audience
            current = await _current(session, team, new, name)
            if current is None or proposal.counts:
                action: audit.Action = "audience.change" if current else "audience.save"
                await save_as(session, team, new, current.name if current else name, by, now, action)
        if current is not None and not proposal.counts:
            await forget_audience(self._db, new.id)
            return current
        await forget_replaced(self._db, team, now)
        return new

    async def undo(self, team: Team, audience_id: str, by: str) -> Audience:
        """Give the name back to the audience that had it before, as its next revision, and return that.

        Raises:
            BotError: NOT_FOUND where the audience has no name any more; ALREADY where nothing can be taken back.
        """
        async with self._db.write() as session:
            await session.get_one(Team, team.id, with_for_update=True)
            current = await session.get(Audience, audience_id, with_for_update=True)
            if current is None or current.team_id != team.id or not current.name_key:
                raise BotError(AudienceCode.NOT_FOUND)
            if not can_undo(current, session.now):
                raise BotError(
                    AudienceCode.STATE_CHANGED,
                    "The last change of this audience can be taken back for a day, and once.",
                )
            old = await session.get_one(Audience, current.previous_id, with_for_update=True)
            before = {"size": current.size, "revision": current.revision}
            named = {"name": current.name, "name_key": current.name_key, "revision": current.revision + 1}
            current.previous_id = None
            await take_name(session, current, session.now)
            old.sqlmodel_update({**named, "named_at": session.now, "previous_id": None, "held_until": None})
            session.add(old)
            after = {"size": old.size, "revision": old.revision}
            audit.record(session, team.id, by, "audience.undo", session.now, old.name, before, after)
        return old

    async def write_list(self, audience: Audience, file: BinaryIO) -> None:
        """Write it as a CSV for a person, whose spreadsheet takes nothing in it for a formula."""
        async for text in list_for_people(self._db, audience):
            await asyncio.to_thread(file.write, text)


def can_undo(audience: Audience, now: datetime) -> bool:
    """Whether the last change of this audience can be taken back."""
    return audience.previous_id is not None and audience.undo_until is not None and now < audience.undo_until


async def _current(session: Session, team: Team, new: Audience, name: str) -> Audience | None:
    """Return the audience that a proposal was made from, if it was made from one.

    Raises:
        BotError: ALREADY, where it has no name any more, or the name is another's.
    """
    if base_id := new.change["base"]:
        base = await session.get(Audience, base_id, with_for_update=True)
        if base is None or not base.name_key:
            raise changed_meanwhile()
        return base
    if await saved_under(session, team, name):
        raise changed_meanwhile()
    return None
