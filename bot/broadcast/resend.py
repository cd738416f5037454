"""What a person decides once a broadcast is done: whether what failed, or what is in doubt, is sent again.

Nothing is sent again by itself. The person who confirms has seen how many there are; exactly those go back to
`pending`, and the same broadcast goes on with the same preflight check, message and headers as at first. The version
that the person saw is compared, so that it happens once, however many people click.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import ColumnElement
from sqlmodel import and_, col, func, select, update

from bot.alerts.outbox import Notice, announce
from bot.broadcast.approval.rules import check_one_click
from bot.broadcast.codes import BroadcastCode
from bot.broadcast.controls import lock, refuse_forgotten, require_version
from bot.broadcast.delivery.account_lease import end_doubts
from bot.broadcast.open_limits import check_live
from bot.broadcast.preflight import Preflight
from bot.broadcast.restored.question import check_decided
from bot.broadcast.transitions import schedule_sending, transition
from bot.errors import BotError
from bot.mailer.readiness.rules import Readiness
from storage import (
    Broadcast,
    BroadcastState,
    Chunk,
    Database,
    Delivery,
    DeliveryState,
    Mailer,
    PollKind,
    Session,
    Suppression,
    Team,
    audit,
    leases,
)

REASONS_SHOWN = 3

What = Literal[DeliveryState.FAILED, DeliveryState.IN_DOUBT]
_ACTION: dict[DeliveryState, audit.Action] = {
    DeliveryState.FAILED: "broadcast.resend_failed",
    DeliveryState.IN_DOUBT: "broadcast.send_again",
}
_NOTHING = {
    DeliveryState.FAILED: "Nothing of this broadcast has failed",
    DeliveryState.IN_DOUBT: "Nothing of this broadcast is in doubt any more",
}
_DONE = (BroadcastState.DONE,)


@dataclass(frozen=True, slots=True)
class Resend:
    """What a resend would do, for a person to confirm.

    Attributes:
        size: recipients it would go to.
        suppressed: those left out, since the team never mails them again by now.
        reasons: why they failed, and how many for each; the most frequent first.
    """

    broadcast: Broadcast
    size: int
    suppressed: int
    reasons: Sequence[tuple[str, int]]
    readiness: Readiness


class Resends:
    def __init__(self, db: Database, preflight: Preflight) -> None:
        self._db = db
        self._preflight = preflight

    async def look(self, team: Team, broadcast_id: str, version: int, what: What) -> Resend:
        """Return what sending these again would do; nothing changes.

        Raises:
            BotError: NOT_FOUND, ALREADY, POLICY, or NotReadyError.
        """
        resend, _ = await self._look(team, broadcast_id, version, what)
        return resend

    async def send(self, team: Team, broadcast_id: str, version: int, what: What, by: str) -> Broadcast:
        """Send these again and no others; those who are suppressed by now stay as they are.

        Raises:
            BotError: NOT_FOUND, ALREADY, POLICY, or NotReadyError.
        """
        _, mailer = await self._look(team, broadcast_id, version, what)
        async with self._db.write() as session:
            await schedule_sending(session, mailer.account_id, mailer.region, session.now)
            broadcast = await lock(session, team, broadcast_id, version, _DONE)
            refuse_forgotten(broadcast)
            await check_decided(session, team)
            await check_live(session, team)
            moved = await _put_back(session, broadcast, what)
            if not moved:
                raise _nothing(what)
            if what is DeliveryState.IN_DOUBT:
                broadcast.doubts_closed_at = (
                    session.now
                )  # of those that are suppressed; new doubts come later than this
                await end_doubts(session, col(Chunk.broadcast_id) == broadcast.id)
            await transition(
                session,
                broadcast,
                BroadcastState.SENDING,
                by=by,
                action=_ACTION[what],
                now=session.now,
                recipients=moved,
            )
            await leases.schedule(session, PollKind.FEEDBACK, mailer.id, session.now)
        return broadcast

    async def leave(self, team: Team, broadcast_id: str, version: int, by: str) -> Broadcast:
        """Leave deliveries in doubt as they are, and do not ask again. An event may still settle them.

        Raises:
            BotError: NOT_FOUND or ALREADY.
        """
        async with self._db.write() as session:
            broadcast = await lock(session, team, broadcast_id, version, _DONE)
            left = await count_undecided(session, broadcast)
            if not left:
                raise _nothing(DeliveryState.IN_DOUBT)
            broadcast.doubts_closed_at = session.now
            broadcast.version += 1
            session.add(broadcast)
            audit.record(
                session, team.id, by, "broadcast.leave_in_doubt", session.now, broadcast.id, after={"recipients": left}
            )
            await announce(session, team.id, Notice.BROADCAST, broadcast.id, now=session.now)
        return broadcast

    async def _look(self, team: Team, broadcast_id: str, version: int, what: What) -> tuple[Resend, Mailer]:
        async with self._db.read() as session:
            broadcast = require_version(await session.get(Broadcast, broadcast_id), team, version, _DONE)
            refuse_forgotten(broadcast)
            check_one_click(self._preflight.policy, broadcast)
            size, suppressed = await _count(session, broadcast, what)
            reasons = await _reasons(session, broadcast, what)
        if not size + suppressed:
            raise _nothing(what)
        if not size:
            raise BotError(BroadcastCode.ALL_SUPPRESSED)
        mailer, answer = await self._preflight.check(team, broadcast.from_address, broadcast.kind, size)
        if mailer.id != broadcast.mailer_id:
            raise BotError(
                BroadcastCode.MAILER_GONE,
            )
        return Resend(broadcast, size, suppressed, reasons, answer), mailer


async def count_undecided(session: Session, broadcast: Broadcast) -> int:
    """Return how many are in doubt of which nobody has said yet to leave them so."""
    return sum(await _count(session, broadcast, DeliveryState.IN_DOUBT))


def _concerned(broadcast: Broadcast, what: What) -> tuple[ColumnElement[bool], ...]:
    concerned = (col(Delivery.broadcast_id) == broadcast.id, col(Delivery.state) == what)
    if what is DeliveryState.IN_DOUBT and broadcast.doubts_closed_at:
        return (*concerned, col(Delivery.at) > broadcast.doubts_closed_at)
    return concerned


async def _put_back(session: Session, broadcast: Broadcast, what: What) -> int:
    """Return how many are pending again."""
    suppressed = select(Suppression.id).where(
        Suppression.team_id == broadcast.team_id, Suppression.address_key == Delivery.address_key
    )
    again = update(Delivery).where(*_concerned(broadcast, what), ~suppressed.exists())
    values = {
        "state": DeliveryState.PENDING,
        "chunk_id": None,
        "message_id": None,
        "error": "",
        "at": session.now,
        "retries": 0,
    }
    result = await session.exec(again.values(**values), execution_options={"synchronize_session": False})
    return result.rowcount


async def _count(session: Session, broadcast: Broadcast, what: What) -> tuple[int, int]:
    """Return how many may be mailed, and how many are suppressed by now."""
    both = and_(Suppression.team_id == broadcast.team_id, Suppression.address_key == Delivery.address_key)
    counted = select(func.count(), func.count(col(Suppression.id))).select_from(Delivery).outerjoin(Suppression, both)
    total, suppressed = (await session.exec(counted.where(*_concerned(broadcast, what)))).one()
    return total - suppressed, suppressed


async def _reasons(session: Session, broadcast: Broadcast, what: What) -> list[tuple[str, int]]:
    error, number = col(Delivery.error), func.count()
    grouped = select(error, number).where(*_concerned(broadcast, what)).group_by(error)
    found = await session.exec(grouped.order_by(number.desc(), error).limit(REASONS_SHOWN))
    return [(why, count) for why, count in found]


def _nothing(what: What) -> BotError:
    return BotError(BroadcastCode.STATE_CHANGED, f"{_NOTHING[what]}, so nothing was done.")
