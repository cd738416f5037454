"""The first of the three steps of every call: what may go now, and to whom, written down before it is sent.

All of it is one transaction: the lease, the pace, the state of the broadcast, the guard and the suppressions are looked
at together, and what is claimed stands as `sending` in a chunk that is `calling` before SES hears of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto
from typing import Any, NamedTuple

from sqlalchemy.orm import defer
from sqlmodel import and_, case, col, insert, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from bot.broadcast.doubt import doubt_calling
from bot.broadcast.hold import REASON_OF, hold
from bot.broadcast.letter import Letter, Letters
from bot.broadcast.moves import MAILROOM, move
from bot.broadcast.pace import Pace, chunk_limit
from bot.mailer.names import counts_toward_quota
from bot.mailer.overview import Overviews
from bot.mailer.readiness import Blocker
from bot.mailer.records import Mailers
from bot.ses.account import Ses
from bot.ses.sending import BulkEntry
from storage import leases
from storage.models import (
    AudienceMember,
    Broadcast,
    Chunk,
    Delivery,
    Identity,
    Mailer,
    SendingAccount,
    Suppression,
    new_id,
)
from storage.states import BroadcastState, ChunkState, DeliveryState

LEASE_SECONDS = 60.0
"""Longer than a turn of the sender can take: a call of at most 23 s, a rest of at most 10 s, two transactions."""

# SES takes 1 MB of JSON a call, template and data together (SES developer guide, as in `pace.chunk_limit`).
_CALL_BYTES = 900_000
_BYTES_A_CHARACTER = 7  # at most: `\\uXXXX`, JSON within JSON


@dataclass(frozen=True, slots=True)
class Held:
    """A sending account that is ours while its fence is this one."""

    id: str
    account_id: str
    region: str
    fence: int


@dataclass(frozen=True, slots=True)
class Call:
    """What one SendBulkEmail is going to carry. The id of the chunk is its attempt tag."""

    chunk_id: str
    broadcast_id: str
    team_id: str
    mailer: Mailer = field(repr=False)
    held: Held
    ses: Ses = field(repr=False)
    letter: Letter = field(repr=False)
    seqs: Sequence[int]
    entries: Sequence[BulkEntry] = field(repr=False)
    next_at: datetime  # when the account may be called again


@dataclass(frozen=True, slots=True)
class Wait:
    seconds: float


@dataclass(frozen=True, slots=True)
class Stale:
    """What is known of this mailer is too old to send on: it must be read again first."""

    mailer: Mailer


class Idle(Enum):
    """Why nothing was claimed."""

    AGAIN = auto()  # something else changed: ask again
    AIRBORNE = auto()  # all that is left of a broadcast is under way
    NOTHING = auto()  # no broadcast of this account is sending
    LOST = auto()  # the lease is somebody else's


Step = Call | Wait | Stale | Idle


class _Row(NamedTuple):
    """One recipient that is pending."""

    seq: int
    address: str
    address_key: str
    fields: list[str]
    suppressed: bool


class Claimer:
    """Claims one chunk after the other for one account, from each of its broadcasts in turn."""

    def __init__(self, mailers: Mailers, overviews: Overviews, letters: Letters, held: Held, small_limit: int) -> None:
        self._mailers = mailers
        self._overviews = overviews
        self._letters = letters
        self._held = held
        self._look_ahead = max(50, small_limit) + 1  # what a chunk may hold, and what tells a small broadcast
        self._last = ""  # the broadcast that had its turn

    async def next(self, session: AsyncSession, now: datetime, *, airborne: int) -> Step:
        """Claim a chunk, if one may go now. `airborne` is how many calls are under way."""
        pace = await self._hold_on(session, now)
        if pace is None:
            return Idle.LOST
        if wait := pace.wait(now):
            return Wait(wait)
        turn = await self._turn(session)
        if turn is None:
            return Idle.NOTHING
        broadcast, mailer = turn
        self._last = broadcast.id
        rows = await self._pending(session, broadcast)
        if not rows:
            return await self._finish(session, broadcast, now, airborne)
        blockers = await self._blockers(session, broadcast, mailer, rows)
        if Blocker.FACTS_STALE in blockers:
            return Stale(mailer)
        if blockers:
            await hold(session, REASON_OF[blockers[0]], now, [broadcast])
            return Idle.AGAIN
        chosen = await self._leave_out_suppressed(session, broadcast, rows, now)
        if not chosen:
            return Idle.AGAIN
        return await self._claim(session, broadcast, mailer, chosen, pace, now)

    async def _hold_on(self, session: AsyncSession, now: datetime) -> Pace | None:
        """Renew the lease and return the pace; None where the lease was lost."""
        renewed = await session.exec(
            update(SendingAccount)
            .where(col(SendingAccount.id) == self._held.id, col(SendingAccount.fence) == self._held.fence)
            .values(lease_until=now + LEASE)
            .returning(col(SendingAccount.rate), col(SendingAccount.next_send_at)),
        )
        row = renewed.first()
        return Pace(*row) if row else None
