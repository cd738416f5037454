"""What a team has, a page at a time. Each page starts after the last row of the one before it."""

from datetime import datetime

from sqlmodel import and_, col, or_, select

from storage import (
    Broadcast,
    Delivery,
    DeliveryState,
    Identity,
    Mailer,
    Repository,
    Suppression,
    SuppressionReason,
    Team,
)


class ApiQueries(Repository):
    """Every page is at most `limit` rows."""

    async def identities(self, mailer: Mailer, *, after: str, limit: int) -> list[Identity]:
        """Return identities by name, managed or not; `after` is a name or ""."""
        page = select(Identity).where(Identity.mailer_id == mailer.id, col(Identity.name) > after)
        async with self._db.read() as session:
            return list(await session.exec(page.order_by(col(Identity.name)).limit(limit)))

    async def identity(self, mailer: Mailer, name: str) -> Identity | None:
        async with self._db.read() as session:
            named = select(Identity).where(Identity.mailer_id == mailer.id, Identity.name == name)
            return (await session.exec(named)).first()

    async def broadcasts(self, team: Team, *, before: tuple[datetime, str] | None, limit: int) -> list[Broadcast]:
        """Return broadcasts and tests, the newest first; `before` is when one was made, and its id."""
        page = select(Broadcast).where(Broadcast.team_id == team.id)
        made, key = col(Broadcast.created_at), col(Broadcast.id)
        if before is not None:
            page = page.where(or_(made < before[0], and_(made == before[0], key < before[1])))
        async with self._db.read() as session:
            return list(await session.exec(page.order_by(made.desc(), key.desc()).limit(limit)))

    async def deliveries(
        self, broadcast: Broadcast, *, state: DeliveryState | None, after: int, limit: int
    ) -> list[Delivery]:
        """Return recipients of a broadcast in the order of its audience; `after` is a `seq`, or -1."""
        page = select(Delivery).where(Delivery.broadcast_id == broadcast.id, col(Delivery.seq) > after)
        if state is not None:
            page = page.where(Delivery.state == state)
        async with self._db.read() as session:
            return list(await session.exec(page.order_by(col(Delivery.seq)).limit(limit)))

    async def suppressions(
        self, team: Team, *, after: str, limit: int, reason: SuppressionReason | None = None
    ) -> list[Suppression]:
        """Return suppressed addresses in alphabetical order; `after` is an `address_key`, or ""."""
        page = select(Suppression).where(Suppression.team_id == team.id, col(Suppression.address_key) > after)
        if reason is not None:
            page = page.where(Suppression.reason == reason)
        async with self._db.read() as session:
            return list(await session.exec(page.order_by(col(Suppression.address_key)).limit(limit)))
