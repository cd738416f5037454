"""Idempotency keys of the API: the same request again gets the answer it got before, and has no second effect.

Key, effect and answer are one transaction. So there is no request that has acted and has no answer, and of two that
come at the same moment the second one waits for the first.
"""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from sqlmodel.ext.asyncio.session import AsyncSession

from bot.errors import BotError
from storage import leases
from storage.database import Database
from storage.models import SeenRequest, Team


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: str = ""


Act = Callable[[AsyncSession], Awaitable[Reply]]


class Replies:
    """Remembers replies for as long as `leases.forget_seen` leaves them: a day at least."""

    def __init__(self, db: Database, clock: Callable[[], datetime]) -> None:
        self._db = db
        self._clock = clock

    async def once(self, team: Team, key: str, request: bytes, act: Act) -> Reply:
        """Act, or return the reply from when this key was first used by the team. Without a key always act.

        Raises:
            BotError: KEY_REUSED where the key came with another request; what `act` raises is not remembered.
        """
        async with self._db.write() as session:
            if not key:
                return await act(session)
            name, request_hash = f"api:{team.id}:{key}", hashlib.sha256(request).hexdigest()
            is_new = await leases.seen_once(session, name, self._clock())
            seen = await session.get_one(SeenRequest, name)
            if is_new:
                reply = await act(session)
                seen.request_hash, seen.status, seen.reply = request_hash, reply.status, reply.body
                session.add(seen)
            elif seen.request_hash != request_hash:
                raise BotError("KEY_REUSED", "This Idempotency-Key came with another request before.", "Use a new one.")
            return Reply(seen.status, seen.reply)
