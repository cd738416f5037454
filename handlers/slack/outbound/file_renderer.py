"""Makes the file of an outbox row: loads what it is about, and gives it to the view of its kind."""

import asyncio
import io
import tempfile
from datetime import timedelta
from typing import BinaryIO, cast

from bot.alerts.outbox import Notice
from bot.broadcast.reporting.recipient_export import write_list
from bot.broadcast.reporting.timeline import is_settled, timeline_of
from bot.broadcast.transitions import WITHOUT_CONTENT
from bot.mailer.identities.dns_records import zone_file
from bot.mailer.identity_records import records_of
from handlers.slack.file_transfer import OutgoingFile
from handlers.slack.outbound import delivery_chart
from handlers.slack.outbound.file_uploader import NotReady
from handlers.slack.views import reports
from storage import Broadcast, Database, Identity, IdentityState, Mailer, Outbox

LOOK_EVERY = timedelta(seconds=30)


class FileRenderer:
    def __init__(self, db: Database) -> None:
        self._db = db

    async def __call__(self, row: Outbox) -> OutgoingFile | None:
        """Return the file as the facts are now; None where there is nothing to show.

        Raises:
            NotReady: the outcome is not known yet.
        """
        if row.kind == Notice.ZONE:
            return await self._zone(row)
        async with self._db.read() as session:
            broadcast = await session.get(Broadcast, row.record_id, options=WITHOUT_CONTENT)
        if broadcast is None:
            return None
        return await (self._list(broadcast) if row.kind == Notice.LIST else self._chart(broadcast))

    async def _zone(self, row: Outbox) -> OutgoingFile | None:
        async with self._db.read() as session:
            identity = await session.get(Identity, row.record_id)
            mailer = await session.get(Mailer, identity.mailer_id) if identity else None
        if identity is None or mailer is None or identity.state is not IdentityState.PENDING:
            return None
        content = io.BytesIO(zone_file(identity.name, records_of(identity, mailer.region)).encode())
        return OutgoingFile(f"{identity.name}.zone.txt", f"DNS records of {identity.name} as a zone file", content)

    async def _list(self, broadcast: Broadcast) -> OutgoingFile:
        now = self._db.now()
        content = cast("BinaryIO", tempfile.TemporaryFile())  # noqa: SIM115 - the uploader closes it
        try:
            rows = await write_list(self._db, broadcast, content)
        except BaseException:
            content.close()
            raise
        return OutgoingFile(
            f"recipients-{now:%Y-%m-%d-%H%M}.csv",
            "Recipients",
            content,
            comment=reports.export_message(broadcast, rows, now),
        )

    async def _chart(self, broadcast: Broadcast) -> OutgoingFile | None:
        async with self._db.read() as session:
            if not await is_settled(session, broadcast):
                raise NotReady(LOOK_EVERY)
            line = await timeline_of(session, broadcast)
        if line is None:
            return None
        png = await asyncio.to_thread(delivery_chart.draw, line)
        return OutgoingFile(
            "deliveries.png", "Deliveries over time", io.BytesIO(png), alt_text=delivery_chart.alt_text(line)
        )
