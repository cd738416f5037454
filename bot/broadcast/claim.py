"""The first of the three steps of every call: what may go now, and to whom, written down before it is sent.

All of it is one transaction: the lease, the pace, the state of the broadcast, the guard and the suppressions are looked
at together, and what is claimed stands as `sending` in a chunk that is `calling` before SES hears of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto
from typing import NamedTuple

from sqlalchemy import Update
from sqlmodel import and_, col, insert, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from bot.broadcast.lease import LEASE, Held, doubt_calling
from bot.broadcast.letter import Addressee, Letter, Letters
from bot.broadcast.moves import MAILROOM, WITHOUT_CONTENT, move
from bot.broadcast.pace import Pace, chunk_limit
from bot.broadcast.waiting import REASON_OF, hold
from bot.mailer.names import counts_toward_quota
from bot.mailer.overview import Overviews
from bot.mailer.readiness import Blocker
from bot.mailer.records import Mailers
from bot.ses.account import Ses
from bot.ses.sending import BulkEntry
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


@dataclass(frozen=True, slots=True)
class Call:
    """What one SendBulkEmail is going to carry. The id of the chunk is its attempt tag."""

    chunk_id: str
    broadcast_id: str
    team_id: str
    held: Held
    mailer: Mailer = field(repr=False)
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
    """A recipient that is pending."""

    seq: int
    address: str
    fields: Sequence[str]
    suppression: str | None


class Claimer:
    """Claims one chunk after the other for one account, from each of its broadcasts in turn."""

    def __init__(
        self, held: Held, mailers: Mailers, overviews: Overviews, letters: Letters, *, small_limit: int
    ) -> None:
        self._held = held
        self._mailers = mailers
        self._overviews = overviews
        self._letters = letters
        self._ahead = max(50, small_limit) + 1  # covers any chunk, and tells a small broadcast from a larger one
        self._last = ""  # the broadcast that had its turn

    async def next(self, session: AsyncSession, now: datetime, *, airborne: int) -> Step:
        """Claim a chunk if one may go now. `airborne` is how many calls are under way."""
        pace = await self._hold_on(session, now)
        if pace is None:
            return Idle.LOST
        if seconds := pace.wait(now):
            return Wait(seconds)
        turn = await self._turn(session)
        if turn is None:
            return Idle.NOTHING
        broadcast, mailer = turn
        self._last = broadcast.id
        rows = await self._pending(session, broadcast)
        if not rows:
            return await self._finish(session, broadcast, now, airborne)
        return await self._admit(session, broadcast, mailer, rows, now) or await self._claim(
            session, broadcast, mailer, rows, pace, now
        )

    async def _hold_on(self, session: AsyncSession, now: datetime) -> Pace | None:
        """Renew the lease and return the pace; None where the lease was lost."""
        renewed = await session.exec(
            update(SendingAccount)
            .where(col(SendingAccount.id) == self._held.id, col(SendingAccount.fence) == self._held.fence)
            .values(lease_until=now + LEASE)
            .returning(col(SendingAccount.share), col(SendingAccount.next_send_at))
        )
        row = renewed.first()
        return Pace(*row) if row else None

    async def _turn(self, session: AsyncSession) -> tuple[Broadcast, Mailer] | None:
        """Lock the broadcast that comes after the one before."""
        found = await session.exec(
            select(Broadcast, Mailer)
            .join(Mailer, col(Mailer.id) == Broadcast.mailer_id)
            .where(
                Mailer.account_id == self._held.account_id,
                Mailer.region == self._held.region,
                Broadcast.state == BroadcastState.SENDING,
            )
            .order_by(col(Broadcast.id) <= self._last, col(Broadcast.id))
            .limit(1)
            .options(*WITHOUT_CONTENT)
            .with_for_update(of=Broadcast)
        )
        return found.first()

    async def _pending(self, session: AsyncSession, broadcast: Broadcast) -> list[_Row]:
        """Read the next recipients, each with its suppression where there is one by now."""
        member = and_(AudienceMember.audience_id == broadcast.audience_id, AudienceMember.seq == Delivery.seq)
        suppressed = and_(Suppression.team_id == broadcast.team_id, Suppression.address_key == Delivery.address_key)
        found = await session.exec(
            select(Delivery.seq, Delivery.address, AudienceMember.fields, col(Suppression.id))
            .join(AudienceMember, member)
            .outerjoin(Suppression, suppressed)
            .where(Delivery.broadcast_id == broadcast.id, Delivery.state == DeliveryState.PENDING)
            .order_by(col(Delivery.seq))
            .limit(self._ahead)
        )
        return [_Row(*row) for row in found]

    async def _finish(self, session: AsyncSession, broadcast: Broadcast, now: datetime, airborne: int) -> Idle:
        """End a broadcast of which nothing is pending, unless some of it is still under way."""
        under_way = select(Delivery.seq).where(
            Delivery.broadcast_id == broadcast.id, Delivery.state == DeliveryState.SENDING
        )
        if (await session.exec(under_way.limit(1))).first() is None:
            await move(session, broadcast, BroadcastState.DONE, by=MAILROOM, action="finish", now=now)
            return Idle.AGAIN
        if airborne:
            return Idle.AIRBORNE
        await doubt_calling(session, self._held.id, below=self._held.fence + 1, now=now)
        return Idle.AGAIN

    async def _admit(
        self, session: AsyncSession, broadcast: Broadcast, mailer: Mailer, rows: Sequence[_Row], now: datetime
    ) -> Stale | Idle | None:
        """Ask the guard, and leave out whom the team never mails again. None: the others may be claimed.

        Only the identities that speak for the From address are read: the others do not change the answer.
        """
        address = broadcast.from_address
        labels = address.rpartition("@")[2].split(".")
        names = [address, *(".".join(labels[start:]) for start in range(len(labels)))]
        speaking = select(Identity).where(Identity.mailer_id == mailer.id, col(Identity.name).in_(names))
        answer = self._overviews.ask(
            mailer,
            tuple(await session.exec(speaking)),
            from_address=address,
            kind=broadcast.kind,
            size=sum(counts_toward_quota(row.address) for row in rows),
        )
        if Blocker.FACTS_STALE in answer.blockers:
            return Stale(mailer)
        if answer.blockers:
            await hold(session, [broadcast], REASON_OF[answer.blockers[0]], now)
            return Idle.AGAIN
        suppressed = [row.seq for row in rows if row.suppression]
        if suppressed:
            await session.exec(_these(broadcast, suppressed).values(state=DeliveryState.SUPPRESSED, at=now))
        return Idle.AGAIN if len(suppressed) == len(rows) else None

    async def _claim(
        self,
        session: AsyncSession,
        broadcast: Broadcast,
        mailer: Mailer,
        rows: Sequence[_Row],
        pace: Pace,
        now: datetime,
    ) -> Call:
        """Write down that these are about to be sent."""
        chunk_id = new_id()
        letter = await self._letters.of(session, broadcast)
        chosen = [row for row in rows if not row.suppression][: chunk_limit(mailer.max_send_rate)]
        addressees = [Addressee(row.seq, row.address, row.fields) for row in chosen]
        entries = letter.entries(addressees, chunk_id)
        seqs = [row.seq for row in chosen[: len(entries)]]
        await session.exec(
            insert(Chunk).values(
                id=chunk_id,
                broadcast_id=broadcast.id,
                sending_account_id=self._held.id,
                state=ChunkState.CALLING,
                fence=self._held.fence,
                size=len(seqs),
                called_at=now,
                error="",
            )
        )
        claimed = _these(broadcast, seqs).values(state=DeliveryState.SENDING, chunk_id=chunk_id, at=now)
        if (await session.exec(claimed)).rowcount != len(seqs):
            raise RuntimeError("a delivery changed while its broadcast was locked")
        share, next_at = pace.take(len(seqs), mailer.max_send_rate, now)
        account = update(SendingAccount).where(col(SendingAccount.id) == self._held.id)
        await session.exec(account.values(share=share, next_send_at=next_at))
        ses = self._mailers.ses(mailer)
        return Call(chunk_id, broadcast.id, broadcast.team_id, self._held, mailer, ses, letter, seqs, entries, next_at)


def _these(broadcast: Broadcast, seqs: Sequence[int]) -> Update:
    """Update pending deliveries by their numbers."""
    return update(Delivery).where(
        col(Delivery.broadcast_id) == broadcast.id,
        col(Delivery.seq).in_(seqs),
        col(Delivery.state) == DeliveryState.PENDING,
    )
