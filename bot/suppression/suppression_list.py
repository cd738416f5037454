"""Addresses a team never mails again. They stay when the mailer goes.

AWS has a list of its own, of addresses that bounced or complained. What is lifted here is lifted there too, or the next
mail to it would be kept back and suppress it again.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from sqlmodel import select
from sqlmodel.sql.expression import SelectOfScalar

from bot.email_addresses import address_key
from bot.errors import BotError, require
from bot.mailer.mailers import Mailers
from bot.ses.errors import ErrorKind, SesError
from bot.signed_tokens import Key
from bot.suppression.codes import SuppressionCode
from bot.suppression.hidden import hidden_addresses, is_hashed
from bot.suppression.reasons import OF_THE_RECIPIENT, STAYS
from bot.suppression.recording import Entry, Recorded, next_change, suppress_all
from bot.suppression.token_notices import tell_of_token
from bot.suppression.unsubscribe_links import LinkSubject, read_token
from bot.webhooks.events import Item, SuppressionEvent, suppressions_changed
from storage import Database, Delivery, LiftedSuppression, Session, Suppression, SuppressionReason, Team, audit

log = logging.getLogger(__name__)

BACK_WITHIN: Final = timedelta(days=30)
"""How long after an unsubscribe its page lets the reader come back."""

RECIPIENT: Final = "recipient"
"""Who lifted it, where that was the reader."""


class AtAws(StrEnum):
    """What happened to an address on AWS's own list when it was lifted here."""

    LIFTED = "lifted"
    NOT_ALLOWED = "not_allowed"  # it may still be on it
    NOT_LISTED = "not_listed"


class Standing(StrEnum):
    """How the recipient of an unsubscribe link stands."""

    MAILED = "mailed"  # or kept back for a reason that is not their own, and may go
    MAY_COME_BACK = "may_come_back"  # they unsubscribed, not long ago
    SUPPRESSED = "suppressed"


@dataclass(frozen=True, slots=True)
class Consent:
    """When somebody asked to be mailed again, and how."""

    at: datetime
    how: str


def _of(team_id: str, address: str) -> SelectOfScalar[Suppression]:
    return select(Suppression).where(Suppression.team_id == team_id, Suppression.address_key == address_key(address))


class Suppressions:
    """Args: `keys` sign unsubscribe links, the newest first."""

    def __init__(self, db: Database, mailers: Mailers, keys: Sequence[Key]) -> None:
        self._db = db
        self._mailers = mailers
        self._keys = keys

    def whose(self, token: str) -> LinkSubject | None:
        """Return whose unsubscribe link this is; None: we did not make it."""
        return read_token(self._keys, token)

    async def standing(self, recipient: LinkSubject) -> Standing:
        async with self._db.read() as session:
            delivery = await session.get(Delivery, (recipient.broadcast_id, recipient.seq))
            found = _of(recipient.team_id, delivery.address) if delivery else None
            row = (await session.exec(found)).first() if found is not None else None
        return self._standing(row)

    async def unsubscribe(self, recipient: LinkSubject) -> None:
        """Suppress the recipient of a link, before the next claim."""
        async with self._db.write() as session:
            delivery = await session.get(Delivery, (recipient.broadcast_id, recipient.seq))
            if delivery is not None:  # else the broadcast was erased, and there is nothing left to mail
                hashed = is_hashed(delivery.address)
                entry = Entry(delivery.address, SuppressionReason.UNSUBSCRIBED, hashed=hashed)
                source, now = recipient.broadcast_id, session.now
                await suppress_all(session, recipient.team_id, [entry], source=source, now=now)

    async def subscribe_again(self, recipient: LinkSubject) -> bool:
        """Take back an unsubscribe that is not old; False: there is none.

        AWS's own list stays as it is: nobody is on it for having unsubscribed.
        """
        async with self._db.write() as session:
            change = await next_change(session, recipient.team_id)
            delivery = await session.get(Delivery, (recipient.broadcast_id, recipient.seq))
            found = _of(recipient.team_id, delivery.address).with_for_update() if delivery else None
            row = (await session.exec(found)).first() if found is not None else None
            if row is None or self._standing(row) is not Standing.MAY_COME_BACK:
                return False
            now, why = session.now, {"reason": row.reason}
            await _lift(session, row, change, RECIPIENT, now)
            after = {"by": RECIPIENT}
            audit.record(session, row.team_id, audit.MAILROOM, "suppression.lift", now, row.address, why, after)
        return True

    def _standing(self, row: Suppression | None) -> Standing:
        if row is None or row.reason not in OF_THE_RECIPIENT | {SuppressionReason.ERASED}:
            return Standing.MAILED
        lately = self._db.now() - row.created_at <= BACK_WITHIN
        left = row.reason is SuppressionReason.UNSUBSCRIBED
        return Standing.MAY_COME_BACK if left and lately else Standing.SUPPRESSED

    async def add(self, team: Team, address: str, by: str) -> bool:
        """Suppress an address by hand. False: it was suppressed already."""
        async with self._db.write() as session:
            return (await self.record(session, team, address, by))[1]

    async def record(self, session: Session, team: Team, address: str, by: str) -> tuple[Suppression, bool]:
        """As `add`, in the caller's transaction; return the row, and whether it is new."""
        now, hidden = session.now, await hidden_addresses(session, self._db.people_key, team.id)
        address = hidden.shown(address)
        entry = Entry(address, SuppressionReason.BY_HAND, hashed=is_hashed(address))
        done = await suppress_all(session, team.id, [entry], source=by, now=now)
        new = Recorded.ADDED in done.values()
        if new:
            audit.record(session, team.id, by, "suppression.add", now, address)
        return (await session.exec(_of(team.id, address))).one(), new

    async def lift(self, team: Team, address: str, by: str, consent: Consent | None = None) -> AtAws:
        """Let the address be mailed again.

        Of what recipients said themselves, an unsubscribe is taken back by a consent that is younger, and a complaint
        by nothing.

        Raises:
            BotError: NOT_FOUND, SUPPRESSION_STAYS, CONSENT_TOO_OLD, CONSENT_IN_FUTURE.
        """
        if consent is not None and consent.at > self._db.now():
            raise BotError(SuppressionCode.CONSENT_IN_FUTURE, field="consent_at")
        async with self._db.read() as session:
            row = await _liftable(session, team, address, consent)
        at_aws = await self._lift_at_aws(team, row.address)
        async with self._db.write() as session:
            change = await next_change(session, team.id)
            row = await _liftable(session, team, address, consent, lock=True)
            now, before, after = session.now, {"reason": row.reason}, {"at_aws": str(at_aws)}
            await _lift(session, row, change, by, now)
            if consent is None:
                audit.record(session, team.id, by, "suppression.remove", now, row.address, before, after)
            else:
                after |= {"how": consent.how, "asked_at": consent.at.isoformat()}
                audit.record(session, team.id, by, "suppression.lift", now, row.address, before, after)
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


async def _liftable(
    session: Session, team: Team, address: str, consent: Consent | None, *, lock: bool = False
) -> Suppression:
    found = _of(team.id, address)
    row = require((await session.exec(found.with_for_update() if lock else found)).first(), SuppressionCode.NOT_FOUND)
    if row.reason in STAYS or (row.reason is SuppressionReason.UNSUBSCRIBED and consent is None):
        raise BotError(SuppressionCode.SUPPRESSION_STAYS)
    if row.reason is SuppressionReason.UNSUBSCRIBED and consent is not None and consent.at <= row.created_at:
        raise BotError(SuppressionCode.CONSENT_TOO_OLD, field="consent_at")
    return row


async def _lift(session: Session, row: Suppression, change: int, by: str, now: datetime) -> None:
    """Take a row off the list, and keep that it was on it."""
    kept = row.model_dump(include={"team_id", "address_key", "address", "reason", "word", "source", "created_at"})
    await session.delete(row)
    session.add(LiftedSuppression(**kept, lifted_at=now, lifted_by=by, change=change))
    item = Item(row.address, {"reason": row.reason, "source": by}, row.source)
    await suppressions_changed(session, row.team_id, SuppressionEvent.LIFTED, [item], now)
    await tell_of_token(session, row.team_id, by, now)
