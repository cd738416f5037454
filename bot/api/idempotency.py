"""Idempotency keys of the API: the same request again gets the answer it got before, and has no second effect.

Key, effect and answer are one transaction. So there is no request that has acted and has no answer, and of two that
come at the same moment the second one waits for the first.
"""

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from bot.api.codes import ApiCode
from bot.errors import BotError
from storage import ProcessedRequest, Repository, Session, Team, leases


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """An answer; `headers` are those that it has beside the usual ones."""

    status: int
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


Act = Callable[[Session], Awaitable[StoredResponse]]


class IdempotencyKeys(Repository):
    """Remembers replies for as long as `leases.forget_seen` leaves them: a day at least."""

    async def run_once(self, team: Team, key: str, request: bytes, act: Act) -> StoredResponse:
        """Act, or return the reply from when this key was first used by the team. Without a key always act.

        Raises:
            BotError: KEY_REUSED where the key came with another request; what `act` raises is not remembered.
        """
        async with self._db.write() as session:
            if not key:
                return await act(session)
            is_new = await leases.mark_processed(session, _name(team, key))
            seen = await session.get_one(ProcessedRequest, _name(team, key), with_for_update=True)
            if is_new:
                _fill(seen, request, await act(session))
                session.add(seen)
            return _read(seen, request)

    async def find(self, team: Team, key: str, request: bytes) -> StoredResponse | None:
        """Return the reply from when this key was used before, if it was.

        Raises:
            BotError: KEY_REUSED where it came with another request.
        """
        async with self._db.read() as session:
            seen = await session.get(ProcessedRequest, _name(team, key)) if key else None
        return _read(seen, request) if seen else None

    async def keep(self, session: Session, team: Team, key: str, request: bytes, reply: StoredResponse) -> None:
        """Remember the reply, in the transaction that has the effect.

        Raises:
            BotError: ANSWERED where the key was used meanwhile: this transaction must not be, and `earlier` has the
                reply of the other one.
        """
        if not key:
            return
        if not await leases.mark_processed(session, _name(team, key)):
            raise BotError(ApiCode.ANSWERED)
        seen = await session.get_one(ProcessedRequest, _name(team, key), with_for_update=True)
        _fill(seen, request, reply)
        session.add(seen)


def _name(team: Team, key: str) -> str:
    return f"api:{team.id}:{key}"


def _hash(request: bytes) -> str:
    return hashlib.sha256(request).hexdigest()


def _fill(seen: ProcessedRequest, request: bytes, reply: StoredResponse) -> None:
    seen.request_hash, seen.status, seen.reply = _hash(request), reply.status, reply.body
    seen.reply_headers = dict(reply.headers)


def _read(seen: ProcessedRequest, request: bytes) -> StoredResponse:
    if seen.request_hash != _hash(request):
        raise BotError(ApiCode.KEY_REUSED)
    return StoredResponse(seen.status, seen.reply, seen.reply_headers)
