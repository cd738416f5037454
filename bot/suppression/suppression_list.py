"""Addresses a team never mails again. They stay when the mailer goes.

AWS has a list of its own, of addresses that bounced or complained. What is lifted here is lifted there too, or the next
mail to it would be kept back and suppress it again.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from enum import StrEnum

from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession
from sqlmodel.sql.expression import SelectOfScalar

from bot.email_addresses import address_key
from bot.errors import BotError
from bot.mailer.mailers import Mailers
from bot.ses.errors import ErrorKind, SesError
from bot.signed_tokens import Key
from bot.suppression.codes import SuppressionCode
from bot.suppression.reasons import OF_THE_RECIPIENT
from bot.suppression.recording import Recorded, next_change, suppress
from bot.suppression.unsubscribe_links import LinkSubject, read_token
from storage import audit
from storage.database import Database
from storage.models import Delivery, LiftedSuppression, Suppression, Team
from storage.states import SuppressionReason

log = logging.getLogger(__name__)


class AtAws(StrEnum):
    """What happened to an address on AWS's own list when it was lifted here."""

    LIFTED = "lifted"
    NOT_ALLOWED = "not_allowed"  # it may still be on it
    NOT_LISTED = "not_listed"


def _of(team_id: str, address: str) -> SelectOfScalar[Suppression]:
    return select(Suppression).where(Suppression.team_id == team_id, Suppression.address_key == address_key(address))


class Suppressions:
    """Args: `keys` sign unsubscribe links, the newest first."""

    def __init__(self, db: Database, clock: Callable[[], datetime], mailers: Mailers, keys: Sequence[Key]) -> None:
        self._db = db
        self._clock = clock
        self._mailers = mailers
        self._keys = keys

    def whose(self, token: str) -> LinkSubject | None:
        """Return whose unsubscribe link this is; None: we did not make it."""
        return read_token(self._keys, token)

    async def unsubscribe(self, recipient: LinkSubject) -> None:
        """Suppress the recipient of a link, before the next claim."""
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

    async def add(self, team: Team, address: str, by: str) -> bool:
        """Suppress an address by hand. False: it was suppressed already."""
        async with self._db.write() as session:
            return (await self.record(session, team, address, by))[1]

    async def record(self, session: AsyncSession, team: Team, address: str, by: str) -> tuple[Suppression, bool]:
        """As `add`, in the caller's transaction; return the row, and whether it is new."""
        now = self._clock()
        done = await suppress(session, team.id, address, SuppressionReason.BY_HAND, source=by, now=now)
        new = done is Recorded.ADDED
        if new:
            audit.record(session, team.id, by, "suppression.add", now, address)
        return (await session.exec(_of(team.id, address))).one(), new

    async def lift(self, team: Team, address: str, by: str) -> AtAws:
        """Let the address be mailed again. What recipients said themselves is not taken back: E9 keeps it for ever.

        Raises:
            BotError: NOT_FOUND, or SUPPRESSION_STAYS after an unsubscribe or a complaint.
        """
        async with self._db.read() as session:
            row = await _liftable(session, team, address)
        at_aws = await self._lift_at_aws(team, row.address)
        async with self._db.write() as session:
            change = await next_change(session, team.id)
            row, now = await _liftable(session, team, address, lock=True), self._clock()
            await _lift(session, row, change, by, now)
            audit.record(
                session,
                team.id,
                by,
                "suppression.remove",
                now,
                row.address,
                before={"reason": row.reason},
                after={"at_aws": at_aws},
            )
        return at_aws

    async def _lift_at_aws(self, team: Team, address: str) -> AtAws:
        mailer = await self._mailers.get(team)
        if mailer is None:
            return AtAws.NOT_LISTED
        ses = self._mailers.ses(mailer)
        try:
            try:
                return AtAws.LIFTED if await ses.lift_suppressed(address) else AtAws.NOT_LISTED
            except SesError as error:
                if error.kind is not ErrorKind.MISSING_ACTION:
                    raise
                return AtAws.NOT_ALLOWED if await ses.get_suppressed(address) else AtAws.NOT_LISTED
        except SesError as error:
            log.info("AWS's own list was not asked about an address: %s %s", error.kind, error.code)
            return AtAws.NOT_ALLOWED


async def _liftable(session: AsyncSession, team: Team, address: str, *, lock: bool = False) -> Suppression:
    found = _of(team.id, address)
    row = (await session.exec(found.with_for_update() if lock else found)).first()
    if row is None:
        raise BotError(SuppressionCode.NOT_FOUND)
    if row.reason in OF_THE_RECIPIENT:
        raise BotError(SuppressionCode.SUPPRESSION_STAYS)
    return row


async def _lift(session: AsyncSession, row: Suppression, change: int, by: str, now: datetime) -> None:
    """Take a row off the list, and keep that it was on it."""
    kept = row.model_dump(include={"team_id", "address_key", "address", "reason", "word", "source", "created_at"})
    await session.delete(row)
    session.add(LiftedSuppression(**kept, lifted_at=now, lifted_by=by, change=change))
