"""AWS's own mails about bounces and complaints: off while SES's events tell the same, on again when they do not.

Of an identity that Mailroom created, that is for Mailroom to decide. Other programs may live on the mails of one that
was adopted, so it takes a person's yes. What was on before is on again when the identity is left.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

from bot.errors import BotError
from bot.mailer.identities.codes import IdentityCode
from bot.mailer.mailers import Mailers
from bot.mailer.monitoring.feedback_route import events_arrive
from bot.ses.errors import ErrorKind, SesError
from bot.ses.operations import FEEDBACK_FORWARDING, Ses
from storage import SENDABLE, Access, Database, Identity, IdentityState, Mailer, PollKind, Team, audit, leases

log = logging.getLogger(__name__)

_LATER: Final = timedelta(minutes=10)
_BETWEEN_CALLS = 1.0  # seconds: AWS allows about one such call a second


def needs_consent(mailer: Mailer, row: Identity) -> bool:
    """Whether a person has to say if the mails of an adopted identity may be switched off."""
    return (
        row.managed
        and row.adopted
        and row.feedback_forwarding
        and not (row.forwarding_disabled or row.forwarding_consent_by or row.intent)
        and row.state in SENDABLE
        and events_arrive(mailer)
        and FEEDBACK_FORWARDING not in mailer.missing_optional
    )


def _is_unwanted(mailer: Mailer, row: Identity) -> bool:
    is_for_us = row.managed and (not row.adopted or bool(row.forwarding_consent_by))
    return is_for_us and events_arrive(mailer)


def _is_due(mailer: Mailer, row: Identity) -> bool:
    """Whether AWS has to be told. Where it was off already, somebody may have switched it on since."""
    if row.intent or row.state is IdentityState.GONE:
        return False
    if _is_unwanted(mailer, row):
        return row.state in SENDABLE and (row.feedback_forwarding or not row.forwarding_disabled)
    return row.forwarding_disabled


class _OvertakenError(Exception):
    """The row changed while AWS was asked; that change has already asked for another run."""


class FeedbackForwarding:
    """A job (periodic_jobs.py): when events begin or cease to come, when an identity is verified, and once a day."""

    def __init__(
        self,
        db: Database,
        mailers: Mailers,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._db = db
        self._mailers = mailers
        self._sleep = sleep

    async def consent(self, team: Team, identity_id: str, by: str) -> Identity:
        """Let the mails of an adopted identity be switched off.

        Raises:
            BotError: NO_MAILER or ACCESS_LOST; NOTHING_TO_DECIDE.
        """
        mailer = await self._mailers.require_access(team)
        async with self._db.write() as session:
            mailer = await self._mailers.lock(session, mailer.id)
            row = await session.get(Identity, identity_id, with_for_update=True)
            if row is None or row.team_id != team.id or not needs_consent(mailer, row):
                raise BotError(
                    IdentityCode.NOTHING_TO_DECIDE,
                )
            row.forwarding_consent_by = by
            session.add(row)
            audit.record(session, team.id, by, "identity.forwarding_consent", session.now, row.name)
            await leases.schedule(session, PollKind.FORWARDING, mailer.id, session.now)
        return row

    async def __call__(self, claim: leases.Claim, mailer: Mailer) -> None:
        again = None
        try:
            if mailer.access is not Access.OK:
                again = _LATER
            elif FEEDBACK_FORWARDING not in mailer.missing_optional:
                await self._bring_all_in_line(claim, mailer)
        except _OvertakenError:
            return
        except SesError as error:
            log.info("feedback forwarding of mailer %s: %s %s", mailer.id, error.kind, error.code)
            if error.kind is ErrorKind.MISSING_ACTION:
                await self._miss(mailer, error)
            elif error.kind is not ErrorKind.BAD_REQUEST:
                again = _LATER
        async with self._db.write() as session:
            if again is None:  # the walk through every permission has it done again, in a day
                await leases.end(session, claim)
            else:
                await leases.finish(session, claim, session.now + again)

    async def _bring_all_in_line(self, claim: leases.Claim, mailer: Mailer) -> None:
        ses = self._mailers.ses(mailer)
        for row in await self._mailers.identities(mailer):
            if _is_due(mailer, row) or needs_consent(mailer, row):
                await self._bring_in_line(claim, ses, mailer, row)
                await self._sleep(_BETWEEN_CALLS)

    async def _bring_in_line(self, claim: leases.Claim, ses: Ses, mailer: Mailer, row: Identity) -> None:
        """Switch one off or on, or see whether there is anything to ask a person about.

        That Mailroom is at it is stored first: what it began, it must be able to undo.
        """
        enabled = not _is_unwanted(mailer, row)
        if not row.forwarding_disabled:
            facts = await ses.find_identity(row.name)
            if facts is None:
                return
            if not facts.feedback_forwarding:
                await self._store(claim, row, enabled=False, by_us=False)
                return
        if needs_consent(mailer, row):
            return
        await self._store(claim, row, enabled=True, by_us=True)
        try:
            await ses.set_feedback_forwarding(row.name, enabled=enabled)
        except SesError as error:
            if not (row.forwarding_disabled or error.maybe_accepted):
                await self._store(claim, row, enabled=True, by_us=False)
            if error.kind is ErrorKind.NOT_FOUND:
                return
            raise
        await self._store(claim, row, enabled=enabled, by_us=not enabled, done=True)

    async def _store(
        self, claim: leases.Claim, seen: Identity, *, enabled: bool, by_us: bool, done: bool = False
    ) -> None:
        async with self._db.write() as session:
            mailer = await session.get(Mailer, seen.mailer_id, with_for_update=True)
            row = await session.get(Identity, seen.id, with_for_update=True)
            if (
                mailer is None
                or row is None
                or row.intent
                or not await leases.finish(session, claim, session.now + leases.LONGEST_POLL)
            ):
                raise _OvertakenError
            row.feedback_forwarding, row.forwarding_disabled = enabled, by_us
            session.add(row)
            if done:
                action: audit.Action = "identity.forwarding_on" if enabled else "identity.forwarding_off"
                audit.record(session, row.team_id, audit.MAILROOM, action, session.now, row.name)

    async def _miss(self, mailer: Mailer, error: SesError) -> None:
        """Write down that the policy lacks the action, for the card; it is no loss of access."""
        if error.action.lower() != FEEDBACK_FORWARDING.lower():
            return
        async with self._db.write() as session:
            row = await session.get(Mailer, mailer.id, with_for_update=True)
            if row is not None and FEEDBACK_FORWARDING not in row.missing_optional:
                row.missing_optional = [*row.missing_optional, FEEDBACK_FORWARDING]
                session.add(row)
