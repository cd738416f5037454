"""The first of the three steps of every call: which deliveries may go now, stored before they are sent.

All of it is one transaction: the lease, the pace, the state of the broadcast, readiness and the suppressions are looked
at together, and what is claimed stands as `sending` in a chunk that is `calling` before SES hears of it.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, select
from sqlmodel import SQLModel, and_, col, func, or_

from bot.broadcast.content.message import PersonalizerCache, Recipient
from bot.broadcast.delivery.account_lease import LEASE, AccountLease
from bot.broadcast.delivery.bulk_statements import mark_sending
from bot.broadcast.delivery.chunk import Blocked, Claimed, ClaimedChunk, Drained, FactsStale, Idle, Step, Wait
from bot.broadcast.delivery.entity_cache import EntityCache
from bot.broadcast.delivery.fault_isolation import RETRY_DELAY, FaultIsolator
from bot.broadcast.delivery.rate_limit import RateLimiter, calls_at_once, calls_together, chunk_limit
from bot.broadcast.pauses import REASON_OF
from bot.email_addresses import count_toward_quota
from bot.mailer.mailers import Mailers
from bot.mailer.readiness.overview import Overviews
from bot.mailer.readiness.rules import Blocker
from bot.suppression.hidden import hidden_among
from storage import BroadcastState, ChunkState, DeliveryState, Identity, Mailer, SendKind, new_id
from storage.audience_blocks import fields_of

_account, _broadcast, _chunk, _delivery, _identity, _mailer, _suppression = (
    SQLModel.metadata.tables[name]
    for name in ("sending_account", "broadcast", "chunk", "delivery", "identity", "mailer", "suppression")
)

_LONGEST_REST = 2.0  # seconds: other broadcasts may have started meanwhile

# Statements are made once: to make one takes longer than to carry it out.
_RENEW = (
    _account.update()
    .where(_account.c.id == bindparam("account"), _account.c.fence == bindparam("our_fence"))
    .values(lease_until=bindparam("until"))
    .returning(_account.c.share, _account.c.next_send_at)
)
_OF_BROADCAST = ("id", "team_id", "audience_id", "kind", "from_address")
_TURN = (
    select(*(_broadcast.c[name] for name in _OF_BROADCAST), *_mailer.c)
    .join(_mailer, _mailer.c.id == _broadcast.c.mailer_id)
    .where(
        _mailer.c.account_id == bindparam("account"),
        _mailer.c.region == bindparam("region"),
        _broadcast.c.state == BroadcastState.SENDING,
    )
    .order_by(_broadcast.c.id <= bindparam("last"), _broadcast.c.id)
    .limit(1)
    .with_for_update(of=_broadcast)
)
_TURN_OF_OTHERS = _TURN.where(_broadcast.c.id.not_in(bindparam("resting", expanding=True)))
_OF_MAILER = col(Mailer.id) == bindparam("mailer")
_SPEAKING = and_(_identity.c.mailer_id == bindparam("mailer"), _identity.c.name.in_(bindparam("names", expanding=True)))
_IDENTITIES = select(*_identity.c).where(_SPEAKING).order_by(_identity.c.id)
_IS_DUE = or_(_delivery.c.retries == 0, _delivery.c.at <= bindparam("put_aside_by"))
_PENDING = (
    select(_delivery.c.seq, _delivery.c.address, _delivery.c.retries, _suppression.c.id)
    .outerjoin(
        _suppression,
        and_(_suppression.c.team_id == bindparam("team"), _suppression.c.address_key == _delivery.c.address_key),
    )
    .where(_delivery.c.broadcast_id == bindparam("broadcast"), _delivery.c.state == DeliveryState.PENDING, _IS_DUE)
    .order_by(_delivery.c.seq)
    .limit(bindparam("most"))
)
_PUT_ASIDE = select(func.min(_delivery.c.at)).where(
    _delivery.c.broadcast_id == bindparam("broadcast"), _delivery.c.state == DeliveryState.PENDING
)
_UNDER_WAY = (
    select(_delivery.c.seq)
    .where(_delivery.c.broadcast_id == bindparam("broadcast"), _delivery.c.state == DeliveryState.SENDING)
    .limit(1)
)
_LEAVE_OUT = (
    _delivery.update()
    .where(
        _delivery.c.broadcast_id == bindparam("broadcast"),
        _delivery.c.seq == bindparam("left_out"),
        _delivery.c.state == DeliveryState.PENDING,
    )
    .values(state=DeliveryState.SUPPRESSED, at=bindparam("now"))
)
_ADVANCE = (
    _account.update()
    .where(_account.c.id == bindparam("account"))
    .values(share=bindparam("new_share"), next_send_at=bindparam("next_at"))
)


class _Turn(NamedTuple):
    """The broadcast whose turn it is; locked."""

    id: str
    team_id: str
    audience_id: str | None
    kind: SendKind
    from_address: str


class _Row(NamedTuple):
    """A recipient that is pending."""

    seq: int
    address: str
    retries: int
    suppression: str | None  # anything, where there is one


class ChunkClaimer:
    """Claims what goes next for one account, from each of its broadcasts in turn."""

    def __init__(
        self,
        held: AccountLease,
        mailers: Mailers,
        overviews: Overviews,
        personalizers: PersonalizerCache,
        isolator: FaultIsolator,
        *,
        small_limit: int,
        people_key: bytes = b"",
    ) -> None:
        self._held = held
        self._mailers = mailers
        self._overviews = overviews
        self._personalizers = personalizers
        self._isolator = isolator
        self._people_key = people_key
        self._small_and_one = small_limit + 1  # tells a small broadcast from a larger one
        self._mailer_of = EntityCache(select(Mailer).where(_OF_MAILER))
        self._identities_of = EntityCache(select(Identity).where(_SPEAKING).order_by(col(Identity.id)))
        self._last = ""  # the broadcast that had its turn
        self._carried = 0  # recipients, the call that went last
        self._resting: dict[str, datetime] = {}  # broadcasts of which only those put aside are left, and until when

    def claim(self, connection: Connection, now: datetime, *, in_flight: int, room: int) -> Step:
        """Claim what may go now.

        Args:
            connection: with the transaction.
            now: the time.
            in_flight: how many calls are under way.
            room: how many more may be.
        """
        pace = self._hold_on(connection, now)
        if pace is None:
            return Idle.LOST
        if seconds := pace.wait(now):
            return Wait(seconds)
        turn = self._turn(connection, now)
        if turn is None:
            return Idle.NOTHING
        broadcast, mailer = turn
        if until := self._resting.get(broadcast.id):
            return Wait(min((until - now).total_seconds(), _LONGEST_REST))
        self._last = broadcast.id
        room = min(room, calls_together(mailer.max_send_rate))
        rows = self._pending(connection, broadcast, room * chunk_limit(mailer.max_send_rate), now)
        if not rows:
            return self._nothing_left(connection, broadcast, in_flight)
        return self._admit(connection, broadcast, mailer, rows, now) or self._claim(
            connection, broadcast, mailer, rows, pace, room, now
        )

    def _hold_on(self, connection: Connection, now: datetime) -> RateLimiter | None:
        """Renew the lease and return the pace; None where the lease was lost."""
        renewed = {"account": self._held.id, "our_fence": self._held.fence, "until": now + LEASE}
        row = connection.execute(_RENEW, renewed).first()
        return RateLimiter(*row) if row else None

    def _turn(self, connection: Connection, now: datetime) -> tuple[_Turn, Mailer] | None:
        """Lock the broadcast that comes after the one before; one that rests only where there is no other."""
        of_account = {"account": self._held.account_id, "region": self._held.region, "last": self._last}
        row = None
        if self._resting:
            self._resting = {broadcast: until for broadcast, until in self._resting.items() if until > now}
            row = connection.execute(_TURN_OF_OTHERS, {**of_account, "resting": list(self._resting)}).first()
        row = row or connection.execute(_TURN, of_account).first()
        if row is None:
            return None
        turn, of_mailer = _Turn._make(row[: len(_OF_BROADCAST)]), row[len(_OF_BROADCAST) :]
        (mailer,) = self._mailer_of.of(connection, of_mailer, {"mailer": of_mailer[0]})
        return turn, mailer

    def _pending(self, connection: Connection, broadcast: _Turn, most: int, now: datetime) -> list[_Row]:
        """Read the next recipients that are due, each with its suppression where there is one by now."""
        of_broadcast = {"broadcast": broadcast.id, "team": broadcast.team_id, "most": max(most, self._small_and_one)}
        found = connection.execute(_PENDING, {**of_broadcast, "put_aside_by": now - RETRY_DELAY})
        rows = [_Row._make(row) for row in found]
        hidden = hidden_among(connection, self._people_key, broadcast.team_id, [row.address for row in rows])
        return (
            [row._replace(suppression=row.address) if row.address in hidden else row for row in rows]
            if hidden
            else rows
        )

    def _nothing_left(self, connection: Connection, broadcast: _Turn, in_flight: int) -> Drained | Idle:
        put_aside_at = connection.execute(_PUT_ASIDE, {"broadcast": broadcast.id}).scalar()
        if put_aside_at is not None:
            self._resting[broadcast.id] = put_aside_at + RETRY_DELAY
            return Idle.AGAIN
        under_way = connection.execute(_UNDER_WAY, {"broadcast": broadcast.id}).first()
        return Idle.IN_FLIGHT if under_way and in_flight else Drained(broadcast.id)

    def _admit(
        self, connection: Connection, broadcast: _Turn, mailer: Mailer, rows: Sequence[_Row], now: datetime
    ) -> FactsStale | Blocked | Idle | None:
        """Check readiness, and leave out suppressed recipients. None: the others may be claimed.

        Only the identities that speak for the From address are read: the others do not change the answer.
        """
        address = broadcast.from_address
        labels = address.rpartition("@")[2].split(".")
        names = [address, *(".".join(labels[start:]) for start in range(len(labels)))]
        speaking = {"mailer": mailer.id, "names": names}
        found = connection.execute(_IDENTITIES, speaking).all()
        answer = self._overviews.ask(
            mailer,
            self._identities_of.of(connection, found, speaking),
            from_address=address,
            kind=broadcast.kind,
            size=count_toward_quota([row.address for row in rows]),
        )
        if Blocker.FACTS_STALE in answer.blockers:
            return FactsStale(mailer)
        if answer.blockers:
            return Blocked(broadcast.id, REASON_OF[answer.blockers[0]])
        left_out = [{"broadcast": broadcast.id, "left_out": row.seq, "now": now} for row in rows if row.suppression]
        if left_out:
            connection.execute(_LEAVE_OUT, left_out)
        return Idle.AGAIN if len(left_out) == len(rows) else None

    def _claim(
        self,
        connection: Connection,
        broadcast: _Turn,
        mailer: Mailer,
        rows: Sequence[_Row],
        pace: RateLimiter,
        room: int,
        now: datetime,
    ) -> Claimed | Wait:
        """Write down that these are about to be sent, unless they are too many so soon after a smaller call."""
        calls = self._calls(connection, broadcast, mailer, rows, room)
        if seconds := pace.wait(now, len(calls[0].seqs) - self._carried, mailer.max_send_rate):
            return Wait(seconds)
        self._carried = len(calls[-1].seqs)
        connection.execute(_chunk.insert(), [self._intent(call, now) for call in calls])
        size = sum(len(call.seqs) for call in calls)
        if mark_sending(connection, calls, now, put_aside_by=now - RETRY_DELAY) != size:
            raise RuntimeError("a delivery changed while its broadcast was locked")
        share, next_at = pace.take(size, mailer.max_send_rate, now)
        connection.execute(_ADVANCE, {"account": self._held.id, "new_share": share, "next_at": next_at})
        return Claimed(calls, next_at, calls_at_once(mailer.max_send_rate))

    def _calls(
        self, connection: Connection, broadcast: _Turn, mailer: Mailer, rows: Sequence[_Row], room: int
    ) -> list[ClaimedChunk]:
        """Make the calls, each with as many as it can carry."""
        limit = chunk_limit(mailer.max_send_rate)
        chosen = [row for row in rows if not row.suppression][: room * limit]
        fields = fields_of(connection, broadcast.audience_id, (row.seq for row in chosen))
        put_aside = {row.seq for row in chosen if row.retries}
        left = [Recipient(row.seq, row.address, fields[row.seq]) for row in chosen]
        personalizer, ses = self._personalizers.of(connection, broadcast), self._mailers.ses(mailer)
        calls: list[ClaimedChunk] = []
        while left and len(calls) < room:
            entries = personalizer.entries(left[: self._isolator.max_batch(broadcast.id, left, limit)])
            seqs = [addressee.seq for addressee in left[: len(entries)]]
            left = left[len(entries) :]
            about = (new_id(), broadcast.id, broadcast.team_id, self._held, mailer, ses, personalizer)
            calls.append(ClaimedChunk(*about, seqs, entries, has_first_tries=not put_aside.issuperset(seqs)))
        return calls

    def _intent(self, call: ClaimedChunk, now: datetime) -> dict[str, Any]:
        return {
            "id": call.chunk_id,
            "broadcast_id": call.broadcast_id,
            "sending_account_id": self._held.id,
            "state": ChunkState.CALLING,
            "fence": self._held.fence,
            "size": len(call.seqs),
            "called_at": now,
            "error": "",
        }
