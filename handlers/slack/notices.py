"""Draws an outbox row: loads what it is about, and gives it to the view of its kind."""

from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from bot.alerts.outbox import Notice
from bot.mailer.dns import records_of
from handlers.slack import ids
from handlers.slack.services import Services
from handlers.slack.views import identities, notices
from handlers.slack.views.broadcasts import progress as draw_progress
from handlers.slack.views.common import Message
from storage.models import Identity, Mailer, Outbox


class Drawer:
    def __init__(self, services: Services) -> None:
        self._services = services

    async def __call__(self, session: AsyncSession, row: Outbox) -> Message | None:
        """Return the message as the facts are now; None where what it is about is gone."""
        kind = Notice(row.kind)
        match kind:
            case Notice.DELETED:
                return notices.deleted()
            case Notice.BROADCAST:
                progress = await self._services.broadcasts.progress(session, row.record_id)
                return draw_progress(progress) if progress else None
            case Notice.IDENTITY_ADDED | Notice.IDENTITY_VERIFIED | Notice.IDENTITY_FAILED:
                return await self._identity(session, kind, row.record_id)
        mailer = await session.get(Mailer, row.record_id)
        return self._account(kind, mailer) if mailer else None

    @staticmethod
    def _account(kind: Notice, mailer: Mailer) -> Message | None:
        match kind:
            case Notice.CONNECTED:
                return notices.connected(mailer)
            case Notice.RECONNECTED:
                return notices.reconnected(mailer)
            case Notice.APPLIED:
                return notices.applied()
            case Notice.GRANTED:
                return notices.granted(mailer)
            case Notice.DENIED:
                return notices.denied(mailer)
        return None

    @staticmethod
    async def _identity(session: AsyncSession, kind: Notice, identity_id: str) -> Message | None:
        found = await session.exec(
            select(Identity, Mailer).where(Identity.id == identity_id, Identity.mailer_id == Mailer.id)
        )
        pair = found.first()
        if pair is None:
            return None
        row, mailer = pair
        if kind is Notice.IDENTITY_VERIFIED:
            return notices.identity_verified(row, mailer)
        if kind is Notice.IDENTITY_FAILED:
            return notices.identity_failed(row, mailer)
        return identities.added(row, records_of(row, mailer.region), ids.Ref(row.team_id, row.id, row.version))
