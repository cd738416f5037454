"""How a team's mails look, as its admins decide. What waits for approval, or is confirmed, keeps the look it has."""

import re
from dataclasses import replace
from typing import Any, Final

from bot.broadcast.content.codes import ContentCode
from bot.broadcast.content.images import import_image
from bot.broadcast.content.look import LOGO_WIDTH, Look, look_of
from bot.errors import BotError
from bot.teams.codes import TeamCode
from bot.teams.settings import ChangedMeanwhileError, etag
from storage import Repository, Session, Team, TeamLook, audit

FOOTER_WORDS_LIMIT: Final = 500  # characters
LOGO_LIMIT: Final = 100_000  # bytes: each mail carries it
LOGO_FIELD: Final = "logo"
_COLOUR: Final = re.compile(r"#[0-9a-f]{6}")


class TeamLooks(Repository):
    async def of(self, team: Team) -> Look:
        async with self._db.read() as session:
            return await look_of(session, team.id)

    async def sender(self, team_id: str) -> tuple[str, Look]:
        """Return the From name of a team, which may be empty, and how its mails look."""
        async with self._db.read() as session:
            team = await session.get(Team, team_id)
            return team.from_name if team else "", await look_of(session, team_id)

    async def save(self, team: Team, look: Look, seen: int, by: str) -> Look:
        """Store the look.

        Raises:
            ChangedMeanwhileError: `seen` is not the mark of the one that is.
            BotError: a field (colour, footer_words) holds what cannot be used.
        """
        after = checked(look)
        async with self._db.write() as session:
            await session.get_one(Team, team.id, with_for_update=True)
            before = await look_of(session, team.id)
            if mark_of(before) != seen:
                raise ChangedMeanwhileError
            if after != before:
                await self._keep(session, team, after)
                old, new = _told(before), _told(after)
                changed = [name for name in old if old[name] != new[name]] or ["logo"]  # another file of one name
                audit.record(
                    session,
                    team.id,
                    by,
                    "team.settings",
                    session.now,
                    before={name: old[name] for name in changed},
                    after={name: new[name] for name in changed},
                )
        return after

    @staticmethod
    async def _keep(session: Session, team: Team, look: Look) -> None:
        row = await session.get(TeamLook, team.id, with_for_update=True) or TeamLook(team_id=team.id)
        row.logo, row.colour = dict(look.logo or {}), look.colour
        row.heading_font, row.footer_words = look.heading_font, look.footer_words
        session.add(row)


async def import_logo(data: bytes, name: str, alt: str) -> dict[str, Any]:
    """Make a file fit to be a logo; `alt` is whose it is.

    Raises:
        BotError: for the field `logo`; IMAGE_TOO_LARGE, IMAGE_INVALID.
    """
    logo = await import_image(data, name, alt, field=LOGO_FIELD, width=LOGO_WIDTH)
    if (size := len(logo["data"])) > LOGO_LIMIT:
        raise BotError(
            ContentCode.IMAGE_TOO_LARGE,
            f"The logo is {size / 1000:,.0f} KB as it is mailed, and each mail carries it: {LOGO_LIMIT // 1000} KB at "
            "most.",
            "Save it with fewer colours, or without moving.",
            field=LOGO_FIELD,
        )
    return logo


def checked(look: Look) -> Look:
    """Return it in its normal form.

    Raises:
        BotError: COLOUR, FOOTER_WORDS, for their fields.
    """
    colour = look.colour.strip().lower()
    if colour and not _COLOUR.fullmatch(colour):
        raise BotError(TeamCode.COLOUR, field="colour")
    words = look.footer_words.strip()
    if len(words) > FOOTER_WORDS_LIMIT:
        raise BotError(
            TeamCode.FOOTER_WORDS,
            f"The words have {len(words)} characters: shorten them to {FOOTER_WORDS_LIMIT}.",
            field="footer_words",
        )
    return replace(look, colour=colour, footer_words=words)


def mark_of(look: Look) -> int:
    """Return a checksum that fits a form's version."""
    return etag(repr(look.to_json()))


def _told(look: Look) -> dict[str, Any]:
    """Return it for the audit, which keeps no picture."""
    return look.to_json() | {"logo": look.logo["name"] if look.logo else ""}
