"""Addresses a team never mails again. They stay when the mailer goes.

AWS has a list of its own, of addresses that bounced or complained. What is lifted here is lifted there too, or the next
mail to it would be kept back and suppress it again.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import ColumnElement, case
from sqlmodel import SQLModel, select
from sqlmodel.ext.asyncio.session import AsyncSession
from sqlmodel.sql.expression import SelectOfScalar

from bot.email_addresses import address_key
from bot.errors import BotError
from bot.mailer.mailers import Mailers
from bot.ses.errors import ErrorKind, SesError
from bot.signed_tokens import Key
from bot.suppression.codes import SuppressionCode
from bot.suppression.unsubscribe_links import LinkSubject, read_token
from storage import audit
from storage.database import Database, insert_into
from storage.models import Delivery, Suppression, Team, new_id
from storage.states import SuppressionReason

log = logging.getLogger(__name__)

STRENGTH: Final = {
    SuppressionReason.BY_HAND: 1,
    SuppressionReason.BOUNCE: 2,
    SuppressionReason.UNSUBSCRIBED: 3,
    SuppressionReason.COMPLAINT: 4,
}
"""A stronger reason takes the place of a weaker one, however it comes."""

_table = SQLModel.metadata.tables["suppression"]


class AtAws(StrEnum):
    """What happened to an address on AWS's own list when it was lifted here."""

    LIFTED = "lifted"
    NOT_ALLOWED = "not_allowed"  # it may still be on it
    NOT_LISTED = "not_listed"


async def suppress(
    session: AsyncSession, team_id: str, address: str, reason: SuppressionReason, *, source: str, now: datetime
) -> bool:
    """Record the address. False: it was there already, for this reason or a stronger one."""
    return bool(await suppress_all(session, team_id, [(address, reason)], source=source, now=now))


async def suppress_all(
    session: AsyncSession,
    team_id: str,
    addresses: Sequence[tuple[str, SuppressionReason]],
    *,
    source: str,
    now: datetime,
) -> int:
    """Record up to 1,000 addresses, each with its reason; return how many are new or have a stronger reason now."""
    rows = {
        address_key(address): {
            "id": new_id(),
            "team_id": team_id,
            "address": address,
            "address_key": address_key(address),
            "reason": reason,
            "source": source,
            "created_at": now,
        }
        for address, reason in sorted(addresses, key=lambda each: STRENGTH[each[1]])
    }
    if not rows:
        return 0
    ordered = [rows[key] for key in sorted(rows)]  # one order for all writers, against deadlocks
    insert = insert_into(session, Suppression).values(ordered)
    stronger = insert.on_conflict_do_update(
        index_elements=["team_id", "address_key"],
        set_={name: insert.excluded[name] for name in ("reason", "source", "created_at")},
        where=_strength(insert.excluded.reason) > _strength(_table.c.reason),
    )
    result = await session.exec(stronger, execution_options={"synchronize_session": False})
    return result.rowcount


def _strength(reason: ColumnElement[str]) -> ColumnElement[int]:
    return case(dict(STRENGTH), value=reason, else_=0)


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
        new = await suppress(session, team.id, address, SuppressionReason.BY_HAND, source=by, now=now)
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
            row = await _liftable(session, team, address, lock=True)
            await session.delete(row)
            audit.record(
                session,
                team.id,
                by,
                "suppression.remove",
                self._clock(),
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
    if row.reason in {SuppressionReason.UNSUBSCRIBED, SuppressionReason.COMPLAINT}:
        raise BotError(SuppressionCode.SUPPRESSION_STAYS)
    return row
