"""Recipients are kept for as long as a team has said; then a keyed hash takes the place of each, as after an erase.

States, times and counts stay, and so do unsubscribe links: what is suppressed by one is the hash, which a later file
with the address meets. What is forgotten for a broadcast cannot be sent again.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import and_, bindparam, or_
from sqlmodel import SQLModel, col, func, select, update

from bot.address_extraction import replace_addresses
from bot.broadcast.transitions import ENDED, WITHOUT_CONTENT
from bot.people.places import standing_for
from bot.suppression.hidden import hash_of, is_hashed
from storage import Broadcast, Chunk, Delivery, KeepRecipients, Repository, Session, Team, audit

PERIODS: Final = {KeepRecipients.DAYS_90: timedelta(days=90), KeepRecipients.YEAR: timedelta(days=365)}
_ROWS: Final = 500  # changed in one transaction
_delivery = SQLModel.metadata.tables["delivery"]
_FORGET = (
    _delivery.update()
    .where(_delivery.c.broadcast_id == bindparam("of"), _delivery.c.seq == bindparam("number"))
    .values({name: bindparam(name) for name in ("address", "address_key", "error")})
)


class Retention(Repository):
    async def run(self) -> bool:
        """Forget the recipients of what ended too long ago; say whether there were any.

        What a kill leaves half done is done again: who is forgotten already stays as it is.
        """
        found = await self._over()
        for broadcast_id in found:
            if await self._begin(broadcast_id):
                await self._forget(broadcast_id)
        return bool(found)

    async def _over(self) -> Sequence[str]:
        """Return what ended too long ago, and whose recipients are still there, or some of them."""
        now = self._db.now()
        too_long = or_(
            *(
                and_(col(Team.keep_recipients) == kept, col(Broadcast.finished_at) <= now - of)
                for kept, of in PERIODS.items()
            )
        )
        has_list = [each.is_not(None) for each in (col(Broadcast.audience_id), col(Broadcast.source_id))]
        left = or_(col(Broadcast.recipients_gone_at).is_(None), *has_list)
        over = select(Broadcast.id).join(Team).where(col(Broadcast.state).in_(ENDED), too_long, left)
        async with self._db.read() as session:
            return (await session.exec(over.order_by(col(Broadcast.finished_at), col(Broadcast.id)))).all()

    async def _begin(self, broadcast_id: str) -> bool:
        """From here on nothing of it is sent again. False: something of it is, just now."""
        async with self._db.write() as session:
            broadcast = await session.get(Broadcast, broadcast_id, with_for_update=True, options=WITHOUT_CONTENT)
            if broadcast is None or broadcast.state not in ENDED:
                return False
            if broadcast.recipients_gone_at is None:
                broadcast.recipients_gone_at = now = session.now
                session.add(broadcast)
                after = {"recipients": broadcast.size}
                audit.record(
                    session, broadcast.team_id, audit.MAILROOM, "broadcast.forget", now, broadcast_id, after=after
                )
        return True

    async def _forget(self, broadcast_id: str) -> None:
        async with self._db.read() as session:
            most = select(func.max(Delivery.seq)).where(Delivery.broadcast_id == broadcast_id)
            last = (await session.exec(most)).one() or 0
        for after in range(-1, last, _ROWS):
            async with self._db.write() as session:
                await self._replace(session, broadcast_id, after)
        async with self._db.write() as session:
            broadcast = await session.get_one(Broadcast, broadcast_id, with_for_update=True, options=WITHOUT_CONTENT)
            named = update(Chunk).where(col(Chunk.broadcast_id) == broadcast_id, col(Chunk.error).contains("@"))
            await session.exec(named.values(error=""))
            broadcast.error = replace_addresses(broadcast.error, lambda _: "…")
            broadcast.audience_id = broadcast.source_id = None  # what was not saved goes as soon as nothing has it
            session.add(broadcast)

    async def _replace(self, session: Session, broadcast_id: str, after: int) -> None:
        """Replace the address of some recipients, wherever it stands in their rows."""
        broadcast = await session.get_one(Broadcast, broadcast_id, with_for_update=True, options=WITHOUT_CONTENT)
        connection, team_id = await session.connection(), broadcast.team_id
        here = (_delivery.c.broadcast_id == broadcast_id, _delivery.c.seq.between(after + 1, after + _ROWS))
        rows = await connection.execute(
            _delivery.select()
            .with_only_columns(_delivery.c.seq, _delivery.c.address, _delivery.c.error)
            .where(*here)
            .with_for_update()
        )
        changes: list[dict[str, Any]] = []
        for seq, address, error in rows.all():
            if not is_hashed(address):
                hashed = hash_of(self._db.people_key, team_id, address)
                said = replace_addresses(error, standing_for(address, hashed))
                changes.append(
                    {"of": broadcast_id, "number": seq, "address": hashed, "address_key": hashed, "error": said}
                )
        if changes:
            await connection.execute(_FORGET, changes)
