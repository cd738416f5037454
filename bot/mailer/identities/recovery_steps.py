"""How a recovery is carried out at AWS, from wherever it was left.

Every step looks first, so that it can be done again.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Protocol

from sqlmodel import select

from bot.alerts.outbox import Notice, redraw
from bot.errors import BotError
from bot.mailer.aws_errors import explain
from bot.mailer.aws_states import identity_state_of
from bot.mailer.identities.codes import IdentityCode
from bot.mailer.identities.management import establish
from bot.mailer.identities.recovery_state import Intent, StaleActionError
from bot.mailer.mailers import Mailers
from bot.mailer.monitoring.facts import announce_added, managed_of, new_identity, record_identity
from bot.mailer.monitoring.incident_rules import reconcile_incidents
from bot.ses.errors import ErrorKind, SesError
from bot.ses.facts import IdentityFacts
from bot.ses.operations import Ses
from storage import Broadcast, Database, Identity, IdentityState, Mailer, PollKind, Session, leases

_PASSING = frozenset(
    {
        ErrorKind.THROTTLED,
        ErrorKind.UNAVAILABLE,
        ErrorKind.NOT_SENT,
        ErrorKind.EXPIRED,
        ErrorKind.CLOCK_SKEW,
        ErrorKind.RATE,
    }
)


class Dependents(Protocol):
    """The broadcasts that wait to be sent from an identity."""

    async def of(self, session: Session, identity: Identity) -> Sequence[Broadcast]:
        """Return the scheduled and paused ones for which nothing else speaks, locked for changing."""

    async def move(self, session: Session, broadcasts: Sequence[Broadcast], to: str, *, by: str, now: datetime) -> None:
        """Have them sent from the identity of this name."""

    async def pause(self, session: Session, broadcasts: Sequence[Broadcast], *, now: datetime) -> None:
        """Have them wait for a person."""


class RecoverySteps:
    def __init__(self, db: Database, mailers: Mailers, dependents: Dependents) -> None:
        self._db = db
        self._mailers = mailers
        self._dependents = dependents

    async def carry_out(self, mailer: Mailer, held: Identity) -> Identity:
        """Do what is stored, from wherever it was left; return the identity that now waits."""
        ses = self._mailers.ses(mailer)
        if held.intent == Intent.RETRY:
            return await self._verify_again(ses, mailer, held)
        return await self._put_in_place(ses, mailer, held)

    async def _verify_again(self, ses: Ses, mailer: Mailer, held: Identity) -> Identity:
        async with self._step(held, first=True):
            facts = await ses.find_identity(held.name)
            if facts is not None and has_failed(facts):
                await _delete(ses, held.name)
        async with self._step(held):
            settings = held.intent_detail
            others = settings["configuration_set"]
            default = "" if others == mailer.configuration_set else others  # ours was one, once
            facts, _ = await establish(
                ses, held.name, default, settings["mail_from"], forwarding=settings.get("forwarding", True)
            )
        async with self._db.write() as session:
            mailer = await self._mailers.lock(session, mailer.id)
            row = await _still_held(session, held)
            _let_go(row)
            row.attempt += 1
            row.verified_at = None
            await record_identity(session, row, facts)
            await announce_added(session, row)
            await redraw(session, [row.id], [Notice.IDENTITY_ADDED], session.now)
            await redraw_alerts(session, mailer)
            await leases.schedule(session, PollKind.ACCOUNT, mailer.id, session.now)
        return row

    async def _put_in_place(self, ses: Ses, mailer: Mailer, held: Identity) -> Identity:
        wanted = held.intent_detail
        async with self._step(held, first=True):
            facts, _ = await establish(ses, wanted["name"])
        if wanted["remove"]:
            async with self._step(held):
                await _delete(ses, held.name)
        async with self._db.write() as session:
            waiting = await self._dependents.of(session, held)  # broadcasts are locked before mailers
            mailer = await self._mailers.lock(session, mailer.id)
            old = await _still_held(session, held)
            new = await _in_place_of(session, mailer, old)
            await record_identity(session, new, facts)
            await announce_added(session, new)
            if wanted["move"]:
                await self._dependents.move(session, waiting, new.name, by=wanted["by"], now=session.now)
            else:
                await self._dependents.pause(session, waiting, now=session.now)
            about_new = {"kind": Notice.IDENTITY_REPLACED, "record_id": new.id}
            await redraw(session, [old.id], [Notice.IDENTITY_ADDED], session.now, **about_new)
            if wanted["remove"]:
                await session.delete(old)
            else:
                _let_go(old)
                old.managed, old.forwarding_consent_by = False, ""
                await leases.schedule(session, PollKind.FORWARDING, mailer.id, session.now)
            await redraw_alerts(session, mailer)
            await leases.schedule(session, PollKind.ACCOUNT, mailer.id, session.now)
        return new

    @asynccontextmanager
    async def _step(self, held: Identity, *, first: bool = False) -> AsyncIterator[None]:
        """Do one step at AWS. A first step that fails for good is given up; any other is tried again."""
        try:
            yield
        except SesError as error:
            give_up = first and error.kind not in _PASSING
            await self._put_off(held, give_up=give_up)
            refusal = explain(error, field="identity")
            if give_up:
                raise refusal from error
            raise BotError(
                IdentityCode.UNDER_WAY, refusal.sentence, "What was begun goes on by itself; this channel will see it."
            ) from error

    async def _put_off(self, held: Identity, *, give_up: bool) -> None:
        async with self._db.write() as session:
            mailer = await self._mailers.lock(session, held.mailer_id)
            row = await _still_held(session, held)
            if give_up:
                _let_go(row)
            else:
                row.intent_due_at = session.now + self._mailers.pending_interval
            session.add(row)
            await redraw_alerts(session, mailer)


async def _still_held(session: Session, held: Identity) -> Identity:
    """Return the row for changing it, if it is still ours: each claim has a due time of its own."""
    row = await session.get(Identity, held.id, with_for_update=True)
    if row is None or row.intent_due_at != held.intent_due_at:
        raise StaleActionError(f"{held.name} was taken care of by somebody else meanwhile.")
    return row


async def _in_place_of(session: Session, mailer: Mailer, old: Identity) -> Identity:
    name, by = old.intent_detail["name"], old.intent_detail["by"]
    named = select(Identity).where(Identity.mailer_id == mailer.id, Identity.name == name)
    found = await session.exec(named.with_for_update())
    new = found.first() or new_identity(mailer, name, session.now)
    if not new.managed:
        new.managed, new.adopted, new.added_by = True, old.intent_detail["adopted"], by
    new.replaces = old.name
    return new


async def redraw_alerts(session: Session, mailer: Mailer) -> None:
    """Have the alerts of the mailer drawn as things stand now."""
    await session.flush()
    await reconcile_incidents(session, mailer, await managed_of(session, mailer.id), session.now)


def _let_go(row: Identity) -> None:
    row.intent, row.intent_detail, row.intent_due_at = "", {}, None


def has_failed(facts: IdentityFacts) -> bool:
    return identity_state_of(facts.verification_status, facts.verified_for_sending) is IdentityState.FAILED


async def _delete(ses: Ses, name: str) -> None:
    try:
        await ses.delete_identity(name)
    except SesError as error:
        if error.kind is not ErrorKind.NOT_FOUND:
            raise
