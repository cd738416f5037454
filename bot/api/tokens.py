"""Bearer tokens for the HTTP API: made by a team admin, shown once, kept as a hash, good for one team.

A fast hash is right for 256 random bits: there is nothing to guess. Looking a token up by its hash also leaves nothing
to time, since what differs is not the token.
"""

import hashlib
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from bot.api.codes import ApiCode
from bot.errors import BotError
from storage import audit
from storage.database import Database
from storage.models import ApiToken, Team
from storage.sealing import Secret

TOKENS_LIMIT = 20  # a team's
USED_AT_EVERY = timedelta(minutes=1)

_PREFIX = "mr_"
_FORM = re.compile(r"mr_[A-Za-z0-9_-]{43}")
_SHOWN = len(_PREFIX) + 4  # enough to recognise a token in a program's settings


@dataclass(frozen=True, slots=True)
class Bearer:
    """The team that a request acts for."""

    token_id: str
    team: Team

    @property
    def actor(self) -> str:
        """Who it is in the audit: no person, since a token may be in many hands."""
        return f"{audit.API_TOKEN}{self.token_id}"


class ApiTokens:
    def __init__(self, db: Database, clock: Callable[[], datetime]) -> None:
        self._db = db
        self._clock = clock

    async def of(self, team: Team) -> list[ApiToken]:
        """Return the team's tokens, the newest first."""
        async with self._db.read() as session:
            return await _tokens(session, team)

    async def create(self, team: Team, newest: str, by: str) -> Secret:
        """Make a token; only its hash is kept, so it is returned only here.

        `newest` is the id of the newest token the person saw ("" for none), so that a click counts once.

        Raises:
            BotError: ALREADY or TOO_MANY_TOKENS.
        """
        token = _PREFIX + secrets.token_urlsafe(32)
        now = self._clock()
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
                team_id=team.id, name=f"{token[:_SHOWN]}…", token_hash=_hash(token), created_by=by, created_at=now
            )
            session.add(row)
            audit.record(session, team.id, by, "api_token.create", now, row.name)
        return Secret(token)

    async def revoke(self, team: Team, token_id: str, by: str) -> None:
        """Make the token worthless at once. Revoking it again changes nothing."""
        async with self._db.write() as session:
            row = await session.get(ApiToken, token_id, with_for_update=True)
            if row is None or row.team_id != team.id:
                return
            await session.delete(row)
            audit.record(session, team.id, by, "api_token.revoke", self._clock(), row.name)

    async def bearer(self, token: str) -> Bearer | None:
        """Return the team that a token acts for; None for any text that is not a valid token."""
        if not _FORM.fullmatch(token):
            return None
        found = select(ApiToken, Team).join(Team).where(ApiToken.token_hash == _hash(token))
        async with self._db.read() as session:
            row = (await session.exec(found)).first()
        if row is None:
            return None
        await self._used(row[0])
        return Bearer(row[0].id, row[1])

    async def _used(self, token: ApiToken) -> None:
        now = self._clock()
        if token.used_at is not None and now - token.used_at < USED_AT_EVERY:
            return
        async with self._db.write() as session:
            await session.exec(update(ApiToken).where(col(ApiToken.id) == token.id).values(used_at=now))


async def _tokens(session: AsyncSession, team: Team) -> list[ApiToken]:
    newest_first = select(ApiToken).where(ApiToken.team_id == team.id)
    return list(await session.exec(newest_first.order_by(col(ApiToken.created_at).desc(), ApiToken.id)))


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
