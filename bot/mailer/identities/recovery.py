"""Recovery of an identity that failed: verified again under its own name, or replaced by another one.

What is going to be done is stored before anything is taken away at AWS. Every step looks first, so that it can be done
again; what a process that died has left is carried out by `tick`, of whichever process comes first.
"""

import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from bot.alerts.outbox import Notice, redraw
from bot.email_addresses import parse_identity
from bot.errors import BotError
from bot.leased_poller import LeasedPoller
from bot.mailer.aws_errors import explain
from bot.mailer.aws_states import identity_state_of
from bot.mailer.identities.codes import IdentityCode
from bot.mailer.identities.management import establish
from bot.mailer.identities.recovery_state import Intent, ReplacementOptions, StaleActionError, as_seen, used_by_others
from bot.mailer.mailers import Mailers
from bot.mailer.monitoring.facts import announce_added, managed_of, new_identity, record_identity
from bot.mailer.monitoring.incident_rules import reconcile_incidents
from bot.ses.errors import ErrorKind, SesError
from bot.ses.operations import IdentityFacts, Ses
from storage import audit, leases
from storage.database import Database
from storage.models import Broadcast, Identity, Mailer, Team
from storage.states import Access, IdentityState, PollKind

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=5)  # longer than the slowest way through: seven calls of three attempts of 13 s
AT_ONCE = 20
_ACTION: dict[Intent, audit.Action] = {Intent.RETRY: "identity.retry", Intent.REPLACE: "identity.replace"}
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

    async def of(self, session: AsyncSession, identity: Identity) -> Sequence[Broadcast]:
        """Return the scheduled and paused ones for which nothing else speaks, locked for changing."""

    async def move(
        self, session: AsyncSession, broadcasts: Sequence[Broadcast], to: str, *, by: str, now: datetime
    ) -> None:
        """Have them sent from the identity of this name."""

    async def pause(self, session: AsyncSession, broadcasts: Sequence[Broadcast], *, now: datetime) -> None:
        """Have them wait for a person."""


@dataclass(frozen=True, slots=True)
class RetryOutcome:
    """`again`: it was created at AWS once more; else it had recovered meanwhile, and was kept."""

    identity: Identity
    again: bool


class IdentityRecovery(LeasedPoller[tuple[Identity, Mailer]]):
    def __init__(self, db: Database, clock: Callable[[], datetime], mailers: Mailers, dependents: Dependents) -> None:
        super().__init__(db, clock, at_once=AT_ONCE)
        self._mailers = mailers
        self._dependents = dependents

    async def retry(self, team: Team, identity_id: str, version: int, by: str) -> RetryOutcome:
        """Delete the identity at AWS and create it again with its settings, unless it has recovered meanwhile.

        Raises:
            StaleActionError: it is no longer as the person saw it.
            BotError: NOT_FOUND, no working mailer, or AWS's refusal. UNDER_WAY: it goes on by itself.
        """
        mailer = await self._mailers.require_access(team)
        row = await self._as_seen(team, identity_id, version)
        ses = self._mailers.ses(mailer)
        try:
            facts = await ses.find_identity(row.name)
            default = await _default_set(ses, facts)
        except SesError as error:
            raise explain(error) from error
        if facts is not None and not _failed(facts):
            return RetryOutcome(await self._keep(team, mailer, row, facts), again=False)
        detail = {
            "by": by,
            "configuration_set": default,
            "mail_from": facts.mail_from_domain if facts else row.mail_from_domain,
            "forwarding": row.forwarding_disabled or (facts or row).feedback_forwarding,
        }
        held = await self._begin(team, mailer, row, Intent.RETRY, detail)
        return RetryOutcome(await self._carry_out(mailer, held), again=True)

    async def replaceable(self, team: Team, identity_id: str, version: int) -> ReplacementOptions:
        """Return what the form has to ask.

        Raises:
            StaleActionError, BotError: as `retry`.
        """
        mailer = await self._mailers.require_access(team)
        row = await self._as_seen(team, identity_id, version)
        async with self._db.write() as session:  # it locks what it counts
            waiting = len(await self._dependents.of(session, row))
            return ReplacementOptions(row, await used_by_others(session, team, mailer, row.name), waiting)

    async def replace(
        self, team: Team, identity_id: str, version: int, typed: str, by: str, *, move: bool, remove: bool | None
    ) -> Identity:
        """Add another identity in the place of this one, then remove this one; return the new one.

        With `move` the waiting broadcasts are sent from the new one, else they wait for a person. `remove` is whether
        the old one goes at AWS, too; None: nobody was asked, since nobody else seemed to use it.

        Raises:
            StaleActionError, BotError: as `retry`; with the field `identity` about the new name.
        """
        name = parse_identity(typed).name
        mailer = await self._mailers.require_access(team)
        old = await self.replaceable(team, identity_id, version)
        if name == old.identity.name:
            raise BotError(
                IdentityCode.SAME_NAME,
                f"{name} is the one to be replaced.",
                "To verify it again, retry it.",
                field="identity",
            )
        if remove is None and old.asks:
            raise BotError(
                IdentityCode.ASK_FIRST,
                f"Another channel began to use {old.identity.name} just now.",
                "Open the form again.",
            )
        try:
            there = await self._mailers.ses(mailer).find_identity(name)
        except SesError as error:
            raise explain(error, field="identity") from error
        detail = {"by": by, "name": name, "adopted": there is not None, "move": move, "remove": remove is not False}
        held = await self._begin(team, mailer, old.identity, Intent.REPLACE, detail)
        return await self._carry_out(mailer, held)

    async def _claim(self, limit: int) -> Sequence[tuple[Identity, Mailer]]:
        """Claim what was begun and left: by a process that died, or because AWS did not answer."""
        now = self._clock()
        due = (
            select(Identity, Mailer)
            .join(Mailer)
            .where(col(Identity.intent_due_at) <= now, Mailer.access != Access.LOST)
            .order_by(col(Identity.intent_due_at))
            .limit(limit)
            .with_for_update(of=Identity, skip_locked=True)
        )
        async with self._db.write() as session:
            left = (await session.exec(due)).all()
            for row, _ in left:
                row.intent_due_at = now + LEASE
                session.add(row)
        return left

    async def _work(self, claimed: tuple[Identity, Mailer]) -> None:
        row, mailer = claimed
        try:
            await self._carry_out(mailer, row)
        except BotError as error:
            log.info("what was begun for an identity is not finished: %s", error.code)

    async def _as_seen(self, team: Team, identity_id: str, version: int) -> Identity:
        async with self._db.read() as session:
            return await as_seen(session, team, await session.get(Identity, identity_id), version)

    async def _keep(self, team: Team, mailer: Mailer, row: Identity, facts: IdentityFacts) -> Identity:
        async with self._db.write() as session:
            await self._mailers.lock(session, mailer.id)
            kept = await session.get(Identity, row.id, with_for_update=True)
            kept = await as_seen(session, team, kept, row.version)
            await record_identity(session, kept, facts, self._clock())
        return kept

    async def _begin(
        self, team: Team, mailer: Mailer, seen: Identity, intent: Intent, detail: dict[str, Any]
    ) -> Identity:
        """Store what is going to be done, if the identity is still as the person saw it, and hold it."""
        now = self._clock()
        async with self._db.write() as session:
            mailer = await self._mailers.lock(session, mailer.id)
            found = await session.get(Identity, seen.id, with_for_update=True)
            row = await as_seen(session, team, found, seen.version)
            row.intent, row.intent_detail, row.intent_due_at = intent, detail, now + LEASE
            session.add(row)
            await _tell(session, mailer, now)
            after = {key: value for key, value in detail.items() if key in {"name", "move", "remove"}}
            before = {"state": row.state}
            audit.record(
                session,
                team.id,
                detail["by"],
                _ACTION[intent],
                now=now,
                subject=row.name,
                before=before,
                after=after,
            )
        return row

    async def _carry_out(self, mailer: Mailer, held: Identity) -> Identity:
        """Do what is stored, from wherever it was left; return the identity that now waits."""
        ses = self._mailers.ses(mailer)
        if held.intent == Intent.RETRY:
            return await self._verify_again(ses, mailer, held)
        return await self._put_in_place(ses, mailer, held)

    async def _verify_again(self, ses: Ses, mailer: Mailer, held: Identity) -> Identity:
        async with self._step(held, first=True):
            facts = await ses.find_identity(held.name)
            if facts is not None and _failed(facts):
                await _delete(ses, held.name)
        async with self._step(held):
            settings = held.intent_detail
            others = settings["configuration_set"]
            default = "" if others == mailer.configuration_set else others  # ours was one, once
            facts, _ = await establish(
                ses, held.name, default, settings["mail_from"], forwarding=settings.get("forwarding", True)
            )
        now = self._clock()
        async with self._db.write() as session:
            mailer = await self._mailers.lock(session, mailer.id)
            row = await _still_held(session, held)
            _let_go(row)
            row.attempt += 1
            row.verified_at = None
            await record_identity(session, row, facts, now)
            await announce_added(session, row, now)
            await redraw(session, [row.id], [Notice.IDENTITY_ADDED], now)
            await _tell(session, mailer, now)
            await leases.schedule(session, PollKind.ACCOUNT, mailer.id, now)
        return row

    async def _put_in_place(self, ses: Ses, mailer: Mailer, held: Identity) -> Identity:
        wanted = held.intent_detail
        async with self._step(held, first=True):
            facts, _ = await establish(ses, wanted["name"])
        if wanted["remove"]:
            async with self._step(held):
                await _delete(ses, held.name)
        now = self._clock()
        async with self._db.write() as session:
            waiting = await self._dependents.of(session, held)  # broadcasts are locked before mailers
            mailer = await self._mailers.lock(session, mailer.id)
            old = await _still_held(session, held)
            new = await _in_place_of(session, mailer, old, now)
            await record_identity(session, new, facts, now)
            await announce_added(session, new, now)
            if wanted["move"]:
                await self._dependents.move(session, waiting, new.name, by=wanted["by"], now=now)
            else:
                await self._dependents.pause(session, waiting, now=now)
            about_new = {"kind": Notice.IDENTITY_REPLACED, "record_id": new.id}
            await redraw(session, [old.id], [Notice.IDENTITY_ADDED], now, **about_new)
            if wanted["remove"]:
                await session.delete(old)
            else:
                _let_go(old)
                old.managed, old.forwarding_consent_by = False, ""
                await leases.schedule(session, PollKind.FORWARDING, mailer.id, now)
            await _tell(session, mailer, now)
            await leases.schedule(session, PollKind.ACCOUNT, mailer.id, now)
        return new

    @asynccontextmanager
    async def _step(self, held: Identity, *, first: bool = False) -> AsyncIterator[None]:
        """Do one step at AWS. What a first step cannot do for good is given up; all else goes on by itself."""
        try:
            yield
        except SesError as error:
            give_up = first and error.trouble not in _PASSING
            await self._put_off(held, give_up=give_up)
            refusal = explain(error, field="identity")
            if give_up:
                raise refusal from error
            raise BotError(
                IdentityCode.UNDER_WAY, refusal.sentence, "What was begun goes on by itself; this channel will see it."
            ) from error

    async def _put_off(self, held: Identity, *, give_up: bool) -> None:
        now = self._clock()
        async with self._db.write() as session:
            mailer = await self._mailers.lock(session, held.mailer_id)
            row = await _still_held(session, held)
            if give_up:
                _let_go(row)
            else:
                row.intent_due_at = now + self._mailers.pending_interval
            session.add(row)
            await _tell(session, mailer, now)


async def _still_held(session: AsyncSession, held: Identity) -> Identity:
    """Return the row for changing it, if it is still ours: each claim has a due time of its own."""
    row = await session.get(Identity, held.id, with_for_update=True)
    if row is None or row.intent_due_at != held.intent_due_at:
        raise StaleActionError(f"{held.name} was taken care of by somebody else meanwhile.")
    return row


async def _in_place_of(session: AsyncSession, mailer: Mailer, old: Identity, now: datetime) -> Identity:
    name, by = old.intent_detail["name"], old.intent_detail["by"]
    named = select(Identity).where(Identity.mailer_id == mailer.id, Identity.name == name)
    found = await session.exec(named.with_for_update())
    new = found.first() or new_identity(mailer, name, now)
    if not new.managed:
        new.managed, new.adopted, new.added_by = True, old.intent_detail["adopted"], by
    new.replaces = old.name
    return new


async def _tell(session: AsyncSession, mailer: Mailer, now: datetime) -> None:
    """Have the alerts of the mailer drawn as things stand now."""
    await session.flush()
    await reconcile_incidents(session, mailer, await managed_of(session, mailer.id), now)


def _let_go(row: Identity) -> None:
    row.intent, row.intent_detail, row.intent_due_at = "", {}, None


def _failed(facts: IdentityFacts) -> bool:
    return identity_state_of(facts.verification_status, facts.verified_for_sending) is IdentityState.FAILED


async def _default_set(ses: Ses, facts: IdentityFacts | None) -> str:
    """Return the default configuration set of an identity, where it has one that is there."""
    name = facts.configuration_set if facts else ""
    return name if name and await ses.has_configuration_set(name) else ""


async def _delete(ses: Ses, name: str) -> None:
    try:
        await ses.delete_identity(name)
    except SesError as error:
        if error.trouble is not ErrorKind.NOT_FOUND:
            raise
