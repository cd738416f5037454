"""Saved audiences: an upload under a name, to be chosen again; and the deletion of those that nothing uses.

An audience never changes. Saving another under the same name only hands the name over, as its next revision, so that a
broadcast keeps the one it was confirmed with.
"""

import unicodedata
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm.attributes import set_committed_value
from sqlmodel import and_, col, func, or_, select, update

from bot.broadcast.audience.codes import AudienceCode
from bot.broadcast.audience.store import forget_audience
from bot.broadcast.audience.token_notices import tell_of_audience
from bot.errors import BotError, require
from storage import Audience, Broadcast, Database, Repository, Session, Team, audit

SAVED_LIMIT = 50  # a team; Slack shows at most 100 in a menu, and 100 blocks in a modal
NAME_LIMIT = 60  # characters, with which its size and date still fit into Slack's 75 of an option
UNDO = timedelta(days=1)  # that a change may be taken back
_READING_TAKES = timedelta(hours=1)  # at most
_JUST_CHOSEN = timedelta(minutes=10)  # a broadcast to it is being written down

_saved = col(Audience.name_key) != ""
_without_broadcast = and_(
    ~select(Broadcast.id).where(Broadcast.audience_id == Audience.id).exists(),
    ~select(Broadcast.id).where(Broadcast.source_id == Audience.id).exists(),
)


class Audiences(Repository):
    async def saved(self, team: Team) -> list[Audience]:
        """Return the team's saved audiences by name."""
        found = select(Audience).where(Audience.team_id == team.id, _saved).order_by(col(Audience.name_key))
        async with self._db.read() as session:
            return list(await session.exec(found))

    async def get(self, team: Team, audience_id: str) -> Audience:
        """Return a saved audience.

        Raises:
            BotError: NOT_FOUND, for the field `saved_audience`; the same for another team's.
        """
        async with self._db.read() as session:
            audience = await session.get(Audience, audience_id)
        if audience is None or audience.team_id != team.id or not audience.name_key:
            raise BotError(AudienceCode.NOT_FOUND, field="saved_audience")
        return audience

    async def renewed(self, team: Team, audience_id: str) -> Audience | None:
        """Return the saved audience that this one was, or is: its name may have gone over to a newer revision."""
        async with self._db.read() as session:
            audience = await session.get(Audience, audience_id)
            while audience is not None and audience.team_id == team.id and not audience.name_key:
                newer = select(Audience).where(Audience.previous_id == audience.id).order_by(col(Audience.revision))
                audience = (await session.exec(newer)).first()
        return audience if audience is not None and audience.team_id == team.id else None

    async def chosen(self, team: Team, audience_id: str) -> Audience:
        """Return the saved audience that was chosen in a menu, though it was replaced since.

        Raises:
            BotError: NOT_FOUND, for the field `saved_audience`.
        """
        return require(await self.renewed(team, audience_id), AudienceCode.NOT_FOUND, field="saved_audience")

    async def held(self, team: Team, audience_id: str, by: str) -> Audience | None:
        """Return an audience that this person has read and is writing to; None where it is gone or another person's."""
        this = (Audience.id == audience_id, Audience.team_id == team.id, Audience.created_by == by, Audience.size > 0)
        async with self._db.read() as session:
            return (await session.exec(select(Audience).where(*this))).first()

    async def named(self, team: Team, name: str) -> Audience:
        """Return the saved audience of this name.

        Raises:
            BotError: NOT_FOUND, for the field `saved_audience`.
        """
        async with self._db.read() as session:
            return require(await saved_under(session, team, name), AudienceCode.NOT_FOUND, field="saved_audience")

    async def remove(self, team: Team, audience_id: str, by: str) -> None:
        """Forget the name. The recipients go with it as soon as no broadcast needs them any more.

        Raises:
            BotError: NOT_FOUND.
        """
        async with self._db.write() as session:
            audience = await session.get(Audience, audience_id, with_for_update=True)
            if audience is None or audience.team_id != team.id or not audience.name_key:
                raise BotError(AudienceCode.NOT_FOUND, field="saved_audience")
            audit.record(session, team.id, by, "audience.remove", session.now, audience.name)
            await tell_of_audience(session, team.id, by, audience.name, session.now)
            await take_name(session, audience, session.now)
            audience.held_until = None

    async def tidy(self, *, alone: bool = False) -> None:
        """Delete audiences that no name, broadcast or writer holds.

        `alone`: no other process uses the database, so that whatever is being read just now was left by a crash.
        """
        now = self._db.now()
        unused = select(Audience.id).where(
            ~_saved,
            col(Audience.created_at) <= (now if alone else now - _READING_TAKES),
            or_(col(Audience.size) == 0, func.coalesce(col(Audience.held_until), now) <= now),
            _without_broadcast,
        )
        async with self._db.write() as session:
            ids = list(await session.exec(unused))
        for audience_id in ids:
            await forget_audience(self._db, audience_id)


def is_called(audience: Audience, name: str) -> bool:
    """Whether a saved audience has this name."""
    return audience.name_key == _key(name)


def audience_name(typed: str) -> str:
    """Return the name to save under, or "" where none was typed.

    Raises:
        BotError: AUDIENCE_NAME, for the field `save_as`.
    """
    name = " ".join(unicodedata.normalize("NFC", typed).split())
    if not name:
        return ""
    if len(name) > NAME_LIMIT or not name.isprintable() or not _key(name):
        raise BotError(
            AudienceCode.AUDIENCE_NAME, f"A name is at most {NAME_LIMIT} visible characters.", field="save_as"
        )
    return name


async def saved_under(session: Session, team: Team, name: str) -> Audience | None:
    """Return the saved audience that has this name now."""
    found = select(Audience).where(Audience.team_id == team.id, _saved, col(Audience.name_key) == _key(name))
    return (await session.exec(found)).first()


async def check_room(session: Session, team: Team, name: str) -> None:
    """Raise BotError AUDIENCES_FULL, for the field `save_as`, where one more name would be too many."""
    others = select(func.count()).where(Audience.team_id == team.id, _saved, col(Audience.name_key) != _key(name))
    if (await session.exec(others)).one() >= SAVED_LIMIT:
        raise BotError(
            AudienceCode.AUDIENCES_FULL,
            f"This channel has {SAVED_LIMIT} saved audiences, which is all it can have.",
            "Remove one with /broadcast audiences, or use its name.",
            field="save_as",
        )


async def save_as(
    session: Session,
    team: Team,
    audience: Audience,
    name: str,
    by: str,
    now: datetime,
    action: audit.Action | None = None,
) -> None:
    """Give the audience this name, and take it from the one that has it. Saves of a team come one after the other.

    That one stays for a day, for `Undo`; the one before it for a moment, for those who have just chosen it.
    """
    await session.get_one(Team, team.id, with_for_update=True)
    await check_room(session, team, name)
    same = select(Audience).where(Audience.team_id == team.id, Audience.name_key == _key(name)).with_for_update()
    old = (await session.exec(same)).first()
    values: dict[str, Any] = {"name": name, "name_key": _key(name)}
    if old is None or old.id != audience.id:
        values |= {"revision": 1, "named_at": now, "previous_id": None, "undo_until": None, "held_until": None}
    if old is not None and old.id != audience.id:
        values |= {"revision": old.revision + 1, "previous_id": old.id, "undo_until": now + UNDO}
        await take_name(session, old, now)
    await session.exec(update(Audience).where(col(Audience.id) == audience.id).values(**values))
    for attribute, value in values.items():
        set_committed_value(audience, attribute, value)
    after = {"size": audience.size, "revision": audience.revision} | _counts(audience)
    made: audit.Action = "audience.replace" if old else "audience.save"
    audit.record(session, team.id, by, action or made, now, name, after=after)
    await tell_of_audience(session, team.id, by, name, now)


async def take_name(session: Session, audience: Audience, now: datetime) -> None:
    """Take the name from an audience, which is locked."""
    if audience.previous_id:
        before = (col(Audience.id) == audience.previous_id, col(Audience.held_until) > now + _JUST_CHOSEN)
        await session.exec(update(Audience).where(*before).values(held_until=now + _JUST_CHOSEN))
    audience.name = audience.name_key = ""
    audience.undo_until, audience.held_until = None, now + UNDO
    session.add(audience)
    await session.flush()


async def forget_replaced(db: Database, team: Team, now: datetime) -> None:
    """Delete what has had a name and is needed for nothing any more."""
    replaced = (Audience.team_id == team.id, ~_saved, Audience.revision > 0, col(Audience.held_until) <= now)
    async with db.write() as session:
        ids = list(await session.exec(select(Audience.id).where(*replaced, _without_broadcast)))
    for audience_id in ids:
        await forget_audience(db, audience_id)


def _counts(audience: Audience) -> dict[str, Any]:
    return {name: value for name, value in audience.change.items() if name != "base"}


def _key(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())
