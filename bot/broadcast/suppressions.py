"""Addresses a team never mails again. They stay when the mailer goes."""

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession
from sqlmodel.sql.expression import SelectOfScalar

from bot.broadcast.unsubscribe import Key, read_token
from bot.errors import BotError
from bot.mailer.names import address_key
from storage import audit
from storage.database import Database, insert_into
from storage.models import Delivery, Suppression, Team, new_id
from storage.states import SuppressionReason


async def suppress(
    session: AsyncSession, team_id: str, address: str, reason: SuppressionReason, *, source: str, now: datetime
) -> bool:
    """Record the address. False: it was there already, and the first reason stays."""
    return bool(await suppress_all(session, team_id, [(address, reason)], source=source, now=now))


async def suppress_all(
    session: AsyncSession,
    team_id: str,
    addresses: Sequence[tuple[str, SuppressionReason]],
    *,
    source: str,
    now: datetime,
) -> int:
    """Record up to 1,000 addresses, each with its reason; return how many were not there already."""
    rows = [
        {
            "id": new_id(),
            "team_id": team_id,
            "address": address,
            "address_key": address_key(address),
            "reason": reason,
            "source": source,
            "created_at": now,
        }
        for address, reason in addresses
    ]
    if not rows:
        return 0
    result = await session.exec(insert_into(session, Suppression).values(rows).on_conflict_do_nothing())
    return result.rowcount


def _of(team_id: str, address: str) -> SelectOfScalar[Suppression]:
    return select(Suppression).where(Suppression.team_id == team_id, Suppression.address_key == address_key(address))


class Suppressions:
    """Args: `keys` sign unsubscribe links, the newest first."""

    def __init__(self, db: Database, clock: Callable[[], datetime], keys: Sequence[Key]) -> None:
        self._db = db
        self._clock = clock
        self._keys = keys

    def is_ours(self, token: str) -> bool:
        """Tell whether we made this unsubscribe link."""
        return read_token(self._keys, token) is not None

    async def unsubscribe(self, token: str) -> bool:
        """Suppress the recipient the link belongs to, before the next claim. False: it is no link of ours."""
        recipient = read_token(self._keys, token)
        if recipient is None:
            return False
        async with self._db.write() as session:
            delivery = await session.get(Delivery, (recipient.broadcast_id, recipient.seq))
            if delivery is not None:  # else the broadcast was erased, and there is nothing left to mail
                await suppress(
                    session,
                    recipient.team_id,
                    delivery.address,
                    SuppressionReason.UNSUBSCRIBED,
                    source=recipient.broadcast_id,
                    now=self._clock(),
                )
        return True

    async def by_hand(self, team: Team, address: str, by: str) -> bool:
        """Record what somebody was told outside Mailroom. False: it was there already."""
        async with self._db.write() as session:
            return (await self.record(session, team, address, by))[1]

    async def record(self, session: AsyncSession, team: Team, address: str, by: str) -> tuple[Suppression, bool]:
        """As `by_hand`, in the caller's transaction; return the row, and whether it is new."""
        now = self._clock()
        new = await suppress(session, team.id, address, SuppressionReason.BY_HAND, source=by, now=now)
        if new:
            audit.record(session, team.id, by, "suppression.add", now=now, subject=address)
        return (await session.exec(_of(team.id, address))).one(), new

    async def lift(self, team: Team, address: str, by: str) -> None:
        """Let the address be mailed again. What recipients said themselves is not taken back: E9 keeps it for ever.

        Raises:
            BotError: NOT_FOUND, or SUPPRESSION_STAYS after an unsubscribe or a complaint.
        """
        async with self._db.write() as session:
            row = (await session.exec(_of(team.id, address))).first()
            if row is None:
                raise BotError("NOT_FOUND", "This address is not suppressed.")
            if row.reason in {SuppressionReason.UNSUBSCRIBED, SuppressionReason.COMPLAINT}:
                raise BotError("SUPPRESSION_STAYS", "The recipient unsubscribed or complained, and that stays.")
            await session.delete(row)
            audit.record(
                session,
                team.id,
                by,
                "suppression.remove",
                now=self._clock(),
                subject=row.address,
                before={"reason": row.reason},
            )
