"""Copies AWS's account-level suppression list into the team's: it has what was missed while no events came.

AWS keeps a mail to an address on its list to itself and tells of a bounce or complaint that counts in no rate
(events.py); it shows the list in production only.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final

from bot.email_addresses import is_simulator
from bot.mailer.mailers import Mailers
from bot.ses.errors import SesError
from bot.ses.facts import Suppressed
from bot.suppression.hidden import hidden_addresses
from bot.suppression.recording import Entry, suppress_all
from storage import Access, Database, Mailer, Production, SuppressionReason, leases

log = logging.getLogger(__name__)

ACTION: Final = "ses:ListSuppressedDestinations"
SOURCE: Final = "aws"

_EVERY: Final = timedelta(days=1)
_SOON: Final = timedelta(minutes=10)
_OVERLAP: Final = timedelta(hours=1)
_BETWEEN_PAGES = 1.0  # seconds: AWS allows about one such call a second
_REASONS: Final = {"BOUNCE": SuppressionReason.BOUNCE, "COMPLAINT": SuppressionReason.COMPLAINT}


class AccountListSync:
    """A job (periodic_jobs.py): once a day, when a mailer is connected, when production opens, and after a silence."""

    def __init__(
        self,
        db: Database,
        mailers: Mailers,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._db = db
        self._mailers = mailers
        self._sleep = sleep

    async def __call__(self, claim: leases.Claim, mailer: Mailer) -> None:
        began, pause = self._db.now(), _EVERY
        if _may_be_asked(mailer):
            try:
                if not await self._read(claim, mailer, began):
                    return
            except SesError as error:
                log.info("AWS's list of suppressed addresses was not read: %s %s", error.kind, error.code)
                pause = _EVERY if error.is_access_loss else _SOON
        async with self._db.write() as session:
            await leases.finish(session, claim, session.now + pause)

    async def _read(self, claim: leases.Claim, mailer: Mailer, began: datetime) -> bool:
        """Read every page, and store up to when. False: another process took over, or another run was asked for."""
        ses, token = self._mailers.ses(mailer), ""
        since = mailer.suppressions_at - _OVERLAP if mailer.suppressions_at else None
        while True:
            entries, token = await ses.list_suppressed(since, token)
            async with self._db.write() as session:
                row = await session.get(Mailer, mailer.id, with_for_update=True)
                if row is None or not await leases.finish(session, claim, session.now + leases.LONGEST_POLL):
                    return False
                hidden = await hidden_addresses(session, self._db.people_key, row.team_id)
                rows = hidden.entries(_rows(entries))
                await suppress_all(session, row.team_id, rows, source=SOURCE, now=session.now)
                if not token:
                    row.suppressions_at = began
                    session.add(row)
                    return True
            await self._sleep(_BETWEEN_PAGES)


def _may_be_asked(mailer: Mailer) -> bool:
    is_open = mailer.production is Production.GRANTED and mailer.access is Access.OK
    return is_open and ACTION not in mailer.missing_optional


def _rows(entries: list[Suppressed]) -> list[Entry]:
    """Leave out unknown reasons, and the simulator, which may be mailed again."""
    return [
        Entry(entry.address, _REASONS[entry.reason])
        for entry in entries
        if entry.reason in _REASONS and not is_simulator(entry.address)
    ]
