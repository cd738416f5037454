"""Recovery of an identity that failed: verified again under its own name, or replaced by another one.

What is going to be done is stored before anything is taken away at AWS. Every step looks first, so that it can be done
again; what a process that died has left is carried out by `tick`, of whichever process comes first.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlmodel import col, select

from bot.email_addresses import parse_identity
from bot.errors import BotError
from bot.leased_poller import LeasedPoller
from bot.mailer.aws_errors import explain
from bot.mailer.identities.codes import IdentityCode
from bot.mailer.identities.recovery_state import Intent, ReplacementOptions, as_seen, used_by_others
from bot.mailer.identities.recovery_steps import Dependents, RecoverySteps, has_failed, redraw_alerts
from bot.mailer.mailers import Mailers
from bot.mailer.monitoring.facts import record_identity
from bot.ses.errors import SesError
from bot.ses.facts import IdentityFacts
from bot.ses.operations import Ses
from storage import Access, Database, Identity, Mailer, Team, audit

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=5)  # longer than the slowest way through: seven calls of three attempts of 13 s
AT_ONCE = 20
_ACTION: dict[Intent, audit.Action] = {Intent.RETRY: "identity.retry", Intent.REPLACE: "identity.replace"}


@dataclass(frozen=True, slots=True)
class RetryOutcome:
    """`again`: it was created again at AWS; otherwise it had recovered and was kept."""

    identity: Identity
    again: bool


class IdentityRecovery(LeasedPoller[tuple[Identity, Mailer]]):
    def __init__(self, db: Database, mailers: Mailers, dependents: Dependents) -> None:
        super().__init__(db, at_once=AT_ONCE)
        self._mailers = mailers
        self._dependents = dependents
        self._steps = RecoverySteps(db, mailers, dependents)

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
        if facts is not None and not has_failed(facts):
            return RetryOutcome(await self._keep(team, mailer, row, facts), again=False)
        detail = {
            "by": by,
            "configuration_set": default,
            "mail_from": facts.mail_from_domain if facts else row.mail_from_domain,
            "forwarding": row.forwarding_disabled or (facts or row).feedback_forwarding,
        }
        held = await self._begin(team, mailer, row, Intent.RETRY, detail)
        return RetryOutcome(await self._steps.carry_out(mailer, held), again=True)

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
        the old one goes at AWS, too; None: not asked, since no other channel seemed to use it.

        Raises:
            StaleActionError, BotError: as `retry`; with the field `identity` about the new name.
        """
        name = parse_identity(typed)
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
        return await self._steps.carry_out(mailer, held)

    async def _claim(self, limit: int) -> Sequence[tuple[Identity, Mailer]]:
        """Claim what was begun and left: by a process that died, or because AWS did not answer."""
        now = self._db.now()
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
            await self._steps.carry_out(mailer, row)
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
            await record_identity(session, kept, facts)
        return kept

    async def _begin(
        self, team: Team, mailer: Mailer, seen: Identity, intent: Intent, detail: dict[str, Any]
    ) -> Identity:
        """Store what is going to be done, if the identity is still as the person saw it, and hold it."""
        async with self._db.write() as session:
            mailer = await self._mailers.lock(session, mailer.id)
            found = await session.get(Identity, seen.id, with_for_update=True)
            row = await as_seen(session, team, found, seen.version)
            row.intent, row.intent_detail, row.intent_due_at = intent, detail, session.now + LEASE
            session.add(row)
            await redraw_alerts(session, mailer)
            after = {key: value for key, value in detail.items() if key in {"name", "move", "remove"}}
            before = {"state": row.state}
            audit.record(
                session, team.id, detail["by"], _ACTION[intent], session.now, row.name, before=before, after=after
            )
        return row


async def _default_set(ses: Ses, facts: IdentityFacts | None) -> str:
    """Return the default configuration set of an identity, where it has one that is there."""
    name = facts.configuration_set if facts else ""
    return name if name and await ses.has_configuration_set(name) else ""
