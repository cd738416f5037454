"""Takes SES's events from SNS at our own address, for teams without a queue. Each message is verified first."""

import asyncio
import hashlib
import logging

from sqlmodel import select

from bot.feedback.event_collector import EventCollector
from bot.mailer.mailers import Mailers
from bot.mailer.monitoring.feedback_health import schedule_probe
from bot.ses.sns_messages import Certificates, Kind, RefusedError, confirm, read
from storage import Database, Mailer, ProcessedRequest, leases

log = logging.getLogger(__name__)


class SnsWebhook:
    def __init__(
        self,
        db: Database,
        mailers: Mailers,
        feedback: EventCollector,
        certificates: Certificates,
    ) -> None:
        self._db = db
        self._mailers = mailers
        self._feedback = feedback
        self._certificates = certificates
        self._confirming = asyncio.Lock()

    async def handle(self, connection: str, body: bytes) -> None:
        """Handle a message; the same one again changes nothing.

        Raises:
            RefusedError: it is not for us, or its connection is unknown.
            OSError, SesError: not now: SNS is to try again.
        """
        message = read(body)
        async with self._db.read() as session:
            mailer = (await session.exec(select(Mailer).where(Mailer.connection == connection))).first()
        if mailer is None:
            raise RefusedError("an unknown connection")
        await self._certificates.verify(message, mailer.topic_arn, self._db.now())
        match message.kind:
            case Kind.NOTIFICATION:
                await self._feedback.ingest(mailer, [body.decode()])
            case Kind.SUBSCRIBED:
                async with self._confirming:
                    await self._confirm(mailer, message.token)
            case Kind.UNSUBSCRIBED:  # the next look at what is set up puts it back
                log.warning("somebody has ended the subscription of mailer %s", mailer.id)

    async def _confirm(self, mailer: Mailer, token: str) -> None:
        """Confirm a subscription, once, however often its message comes."""
        key = f"confirmed:{mailer.id}:{hashlib.sha256(token.encode()).hexdigest()}"
        async with self._db.read() as session:
            if await session.get(ProcessedRequest, key):
                return
        await confirm(self._mailers.open_session(mailer), mailer.topic_arn, token)
        async with self._db.write() as session:
            await leases.mark_processed(session, key)
            await schedule_probe(session, await self._mailers.lock(session, mailer.id), session.now)
