"""Bearer tokens for the HTTP API: made by a team admin, shown once, kept as a hash, good for one team.

A fast hash is right for 256 random bits: there is nothing to guess. Looking a token up by its hash also leaves nothing
to time, since what differs is not the token.
"""

import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import ColumnElement
from sqlmodel import col, or_, select, update

from bot.alerts.outbox import Notice, announce, redraw, tell
from bot.api.codes import ApiCode
from bot.errors import BotError
from storage import ApiToken, Outbox, Repository, Secret, Session, Team, TokenScope, audit

TOKENS_LIMIT = 20  # a team's
NAME_LIMIT = 40  # characters
USED_AT_EVERY = timedelta(minutes=1)
END_NOTICE = timedelta(days=7)
LATEST_END = timedelta(days=3660)

_PREFIX = "mr_"
_FORM = re.compile(r"mr_[A-Za-z0-9_-]{43}")
_SHOWN = len(_PREFIX) + 4  # enough to recognise a token in a program's settings
_A_DAY = timedelta(days=1)
_is_live = col(ApiToken.revoked_at).is_(None)


@dataclass(frozen=True, slots=True)
class Bearer:
    """The team that a request acts for, and what it may do there."""

    token_id: str
    team: Team
    name: str
    scopes: frozenset[TokenScope]

    @property
    def actor(self) -> str:
        """Who it is in the audit: no person, since a token may be in many hands."""
        return f"{audit.API_TOKEN}{self.token_id}"


@dataclass(frozen=True, slots=True)
class TokenInput:
    """What a token is to be: its name, its scopes, and the last day on which it works, in UTC; None: until revoked."""

    name: str
    scopes: Sequence[str]
    last_day: date | None = None

    def checked(self, now: datetime) -> "TokenInput":
        """Return it in its normal form.

        Raises:
            BotError: TOKEN_NAME, TOKEN_SCOPES or TOKEN_END, for the field (name, scopes, ends).
        """
        name = " ".join(self.name.split())
        if not name or not name.isprintable() or len(name) > NAME_LIMIT:
            raise BotError(ApiCode.TOKEN_NAME, f"A name is 1 to {NAME_LIMIT} visible characters.", field="name")
        scopes = [scope for scope in TokenScope if scope in self.scopes]
        if not scopes or len(scopes) != len(set(self.scopes)):
            raise BotError(ApiCode.TOKEN_SCOPES, field="scopes")
        if self.last_day and not now.date() <= self.last_day <= (now + LATEST_END).date():
            raise BotError(ApiCode.TOKEN_END, field="ends")
        return replace(self, name=name, scopes=scopes)

    @property
    def ends_at(self) -> datetime | None:
        return datetime.combine(self.last_day, time(), UTC) + _A_DAY if self.last_day else None


class ApiTokens(Repository):
    async def of(self, team: Team) -> list[ApiToken]:
        """Return the team's tokens, the newest first; those that have ended too."""
        async with self._db.read() as session:
            return await _tokens(session, team)

    async def create(self, team: Team, wanted: TokenInput, newest: str, by: str) -> Secret:
        """Make a token; only its hash is kept, so it is returned only here.

        `newest` is the id of the newest token the person saw ("" for none), so that a click counts once.

        Raises:
            BotError: ALREADY or TOO_MANY_TOKENS, or a field holds what cannot be used.
        """
        token = _PREFIX + secrets.token_urlsafe(32)
        now = self._db.now()
        wanted = wanted.checked(now)
        async with self._db.write() as session:
            await session.get(Team, team.id, with_for_update=True)  # of two clicks one comes second
            tokens = await _tokens(session, team)
            if newest != (tokens[0].id if tokens else ""):
                raise BotError(ApiCode.TOKENS_CHANGED)
            if len(tokens) >= TOKENS_LIMIT:
                raise BotError(
                    ApiCode.TOO_MANY_TOKENS, f"A channel has at most {TOKENS_LIMIT} tokens.", "Revoke one first."
                )
            row = ApiToken(
                team_id=team.id,
                name=wanted.name,
                prefix=f"{token[:_SHOWN]}…",
                token_hash=_hash(token),
                scopes=list(wanted.scopes),
                created_by=by,
                created_at=now,
                ends_at=wanted.ends_at,
            )
            session.add(row)
            after = {"scopes": row.scopes, "last_day": wanted.last_day and wanted.last_day.isoformat()}
            audit.record(session, team.id, by, "api_token.create", now, row.name, after=after)
        return Secret(token)

    async def revoke(self, team: Team, token_id: str, by: str) -> None:
        """Make the token worthless at once. Revoking it again changes nothing."""
        async with self._db.write() as session:
            row = await session.get(ApiToken, token_id, with_for_update=True)
            if row is None or row.team_id != team.id or row.revoked_at:
                return
            row.revoked_at, row.token_hash = session.now, f"revoked {row.id}"
            session.add(row)
            audit.record(session, team.id, by, "api_token.revoke", session.now, row.name)
            await redraw(session, [row.id], {Notice.TOKEN_ENDS, Notice.TOKEN_MAKER_GONE}, session.now)

    async def bearer(self, token: str) -> Bearer | None:
        """Return the team that a token acts for; None for any text that is not a valid token."""
        if not _FORM.fullmatch(token):
            return None
        now = self._db.now()
        found = select(ApiToken, Team).join(Team).where(ApiToken.token_hash == _hash(token), _is_live, _lasts(now))
        async with self._db.read() as session:
            row = (await session.exec(found)).first()
        if row is None:
            return None
        await self._used(row[0], now)
        return Bearer(row[0].id, row[1], row[0].name, frozenset(map(TokenScope, row[0].scopes)))

    async def working(self) -> list[tuple[ApiToken, Team]]:
        """Return every token that works, with its team."""
        found = select(ApiToken, Team).join(Team).where(_is_live, _lasts(self._db.now())).order_by(ApiToken.id)
        async with self._db.read() as session:
            return [(token, team) for token, team in await session.exec(found)]

    async def tell_of_ends(self) -> None:
        """Say once in the channel of each token that it ends within a week."""
        now = self._db.now()
        told = select(Outbox.id).where(Outbox.kind == Notice.TOKEN_ENDS, Outbox.record_id == ApiToken.id)
        ending = _is_live, _lasts(now), col(ApiToken.ends_at) <= now + END_NOTICE, ~told.exists()
        async with self._db.write() as session:
            for token in await session.exec(select(ApiToken).where(*ending)):
                if token.ends_at and token.created_at < token.ends_at - END_NOTICE:
                    await announce(session, token.team_id, Notice.TOKEN_ENDS, token.id, now=now)

    async def maker_is_gone(self, token: ApiToken, admins: Sequence[str]) -> None:
        """Tell the team's admins once that who made a token left, or is no admin any more; without any, the channel."""
        now, notice = self._db.now(), Notice.TOKEN_MAKER_GONE
        async with self._db.write() as session:
            row = await session.get(ApiToken, token.id, with_for_update=True)
            told = select(Outbox.id).where(Outbox.kind == notice, Outbox.record_id == token.id)
            if row is None or row.revoked_at or (await session.exec(told)).first():
                return
            for admin in admins:
                await tell(session, row.team_id, admin, notice, row.id, now=now, episode="")
            if not admins:
                await announce(session, row.team_id, notice, row.id, now=now)

    async def _used(self, token: ApiToken, now: datetime) -> None:
        if token.used_at is not None and now - token.used_at < USED_AT_EVERY:
            return
        async with self._db.write() as session:
            await session.exec(update(ApiToken).where(col(ApiToken.id) == token.id).values(used_at=now))


def _lasts(now: datetime) -> ColumnElement[bool]:
    return or_(col(ApiToken.ends_at).is_(None), col(ApiToken.ends_at) > now)


async def _tokens(session: Session, team: Team) -> list[ApiToken]:
    newest_first = select(ApiToken).where(ApiToken.team_id == team.id, _is_live)
    return list(await session.exec(newest_first.order_by(col(ApiToken.created_at).desc(), ApiToken.id)))


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
