"""Periodic upkeep of the database."""

import logging
from datetime import timedelta

from bot.api.tokens import ApiTokens
from bot.broadcast.audience.saved import Audiences
from bot.broadcast.audience.selection.open_forms import OpenForms
from bot.broadcast.drafts import Drafts
from bot.mailer.connection.credential_drafts import ConnectDrafts
from bot.people.retention import Retention
from bot.tasks import run_all
from bot.webhooks.webhooks import Webhooks
from storage import Database, leases

log = logging.getLogger(__name__)

REMEMBER_REQUESTS = timedelta(days=1)


class Housekeeping:
    def __init__(
        self,
        db: Database,
        connect_drafts: ConnectDrafts,
        open_forms: OpenForms,
        drafts: Drafts,
        audiences: Audiences,
        tokens: ApiTokens,
        webhooks: Webhooks,
        retention: Retention,
    ) -> None:
        self._db = db
        self._connect_drafts = connect_drafts
        self._open_forms = open_forms
        self._drafts = drafts
        self._audiences = audiences
        self._tokens = tokens
        self._webhooks = webhooks
        self._retention = retention
        self._has_forgotten = False

    async def rouse(self) -> None:
        """Make messages due that would otherwise wait for ever."""
        async with self._db.write() as session:
            if forgotten := await leases.rouse(session, session.now):
                log.error("messages were behind and never due: %s", ", ".join(forgotten))

    async def purge(self) -> None:
        """Delete what is no longer needed, and say before what is going to end."""
        steps = (
            self._forget_seen,
            self._connect_drafts.forget,
            self._open_forms.forget,
            self._drafts.tidy,
            self._forget_people,
            self._tokens.tell_of_ends,
            self._webhooks.tidy,
        )
        await run_all(step() for step in steps)

    async def _forget_seen(self) -> None:
        async with self._db.write() as session:
            await leases.forget_seen(session, session.now - REMEMBER_REQUESTS)

    async def _forget_people(self) -> None:
        self._has_forgotten |= await self._retention.run()
        await self._audiences.tidy()
        if self._has_forgotten and await self._db.checkpoint():  # so that SQLite's log holds nobody any more
            self._has_forgotten = False
