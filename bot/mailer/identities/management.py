"""Sender identities: added or adopted, looked up in DNS and at AWS, listed."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlmodel import select

from bot.email_addresses import parse_identity
from bot.errors import BotError, require
from bot.mailer.aws_errors import explain
from bot.mailer.identities.codes import IdentityCode
from bot.mailer.identities.dns_lookup import Lookup
from bot.mailer.identities.dns_records import RecordCheck, look_up
from bot.mailer.identity_records import records_of
from bot.mailer.mailers import Mailers
from bot.mailer.monitoring.facts import announce_added, new_identity, record_identity
from bot.ses.errors import ErrorKind, SesError
from bot.ses.facts import IdentityFacts
from bot.ses.operations import Ses
from bot.ses.provisioning import PREFIX
from storage import Database, Identity, IdentityKind, Mailer, PollKind, Session, Team, audit, leases

MAIL_FROM_LABEL = "bounce"  # `mail` is often in use, and nothing can stand beside a CNAME


@dataclass(frozen=True, slots=True)
class Checked:
    """An identity as AWS sees it now, and its DNS records as the world sees them."""

    identity: Identity
    mailer: Mailer
    findings: Sequence[RecordCheck]


class Identities:
    def __init__(self, db: Database, mailers: Mailers, lookup: Lookup) -> None:
        self._db = db
        self._mailers = mailers
        self._lookup = lookup

    async def add(self, team: Team, typed: str, by: str) -> Identity:
        """Create the identity at AWS, or adopt it where it is there already, and have the channel told.

        Raises:
            BotError: the name cannot be one, it is here already, or AWS refuses it.
        """
        name = parse_identity(typed)
        mailer = await self._mailers.require_access(team)
        async with self._db.read() as session:
            await _unmanaged(session, mailer, name)
        ses = self._mailers.ses(mailer)
        try:
            facts, created = await establish(ses, name)
        except SesError as error:
            raise explain(error, field="identity") from error
        async with self._db.write() as session:
            mailer = await self._mailers.lock(session, mailer.id)  # a look at AWS may be storing the same name
            row = await _unmanaged(session, mailer, name, lock=True) or new_identity(mailer, name, session.now)
            await record_identity(session, row, facts)
            row.managed, row.adopted, row.added_by = True, not created, by
            await announce_added(session, row)
            audit.record(session, team.id, by, "identity.add", session.now, name, after={"adopted": not created})
            await leases.schedule(session, PollKind.ACCOUNT, mailer.id, session.now + self._mailers.pending_interval)
            await leases.schedule(session, PollKind.SENDER_RULES, mailer.id, session.now)
        return row

    async def check(self, team: Team, identity_id: str) -> Checked:
        """Read the identity at AWS and its records in DNS, now."""
        mailer = await self._mailers.require_access(team)
        row = await self.get(team, identity_id)
        facts, findings = await asyncio.gather(
            self._read(mailer, row.name),
            look_up(records_of(row, mailer.region), self._lookup),
        )
        async with self._db.write() as session:
            await self._mailers.lock(session, mailer.id)
            row = await session.get_one(Identity, row.id, with_for_update=True)
            await record_identity(session, row, facts)
        return Checked(row, mailer, findings)

    async def get(self, team: Team, identity_id: str) -> Identity:
        """Return an identity of this team.

        Raises:
            BotError: NOT_FOUND, the same for a missing one and one of another team.
        """
        async with self._db.read() as session:
            found = await session.exec(select(Identity).where(Identity.id == identity_id, Identity.team_id == team.id))
            return require(found.first(), IdentityCode.NOT_FOUND)

    async def _read(self, mailer: Mailer, name: str) -> IdentityFacts | None:
        try:
            return await self._mailers.ses(mailer).find_identity(name)
        except SesError as error:
            raise explain(error) from error


async def _unmanaged(session: Session, mailer: Mailer, name: str, *, lock: bool = False) -> Identity | None:
    """Return the identity if AWS lists it and this channel has not added it. Raises BotError EXISTS where it has."""
    named = select(Identity).where(Identity.mailer_id == mailer.id, Identity.name == name)
    row = (await session.exec(named.with_for_update() if lock else named)).first()
    if row is not None and row.managed:
        sentence = f"{name} is already an identity of this channel."
        raise BotError(IdentityCode.EXISTS, sentence, "Type /mailer to see how it stands.", field="identity")
    return row


async def establish(
    ses: Ses, name: str, configuration_set: str = "", mail_from: str = "", *, forwarding: bool = True
) -> tuple[IdentityFacts, bool]:
    """Create the identity at AWS, or take it as it is where it is there; give a domain a MAIL FROM where it has none.

    `configuration_set` is the default that another program gave it before; without `forwarding` somebody had switched
    off AWS's mails about bounces and complaints. Returns what AWS then says of it, and whether it was created.
    """
    created = await _create(ses, name, configuration_set)
    facts = await ses.new_identity(name)  # where it is there, somebody else may have made it a moment ago
    if not created and await is_dead(ses, facts.configuration_set):  # no program's mail leaves it but ours
        await ses.clear_configuration_set(name)
    if facts.kind is IdentityKind.DOMAIN and not facts.mail_from_domain:
        await ses.set_mail_from(name, mail_from or f"{MAIL_FROM_LABEL}.{name}")
        facts = await ses.identity(name)
    if facts.feedback_forwarding and not forwarding:
        facts = await _without_forwarding(ses, facts)
    return facts, created


async def _without_forwarding(ses: Ses, facts: IdentityFacts) -> IdentityFacts:
    """Switch it off where the policy allows that: it is an optional action, and what needs it must not fail."""
    try:
        await ses.set_feedback_forwarding(facts.name, enabled=False)
    except SesError as error:
        if error.kind not in {ErrorKind.MISSING_ACTION, ErrorKind.BAD_REQUEST}:
            raise
        return facts
    return replace(facts, feedback_forwarding=False)


async def _create(ses: Ses, name: str, configuration_set: str) -> bool:
    """Create it; without its default configuration set where that is gone. Returns whether it was not there."""
    try:
        await ses.create_identity(name, configuration_set)
    except SesError as error:
        if error.kind is ErrorKind.NOT_FOUND and configuration_set:
            return await _create(ses, name, "")
        if error.kind is not ErrorKind.EXISTS:
            raise
        return False
    return True


async def is_dead(ses: Ses, configuration_set: str) -> bool:
    """Whether it is one that a mailer made and took away again."""
    return configuration_set.startswith(PREFIX) and not await ses.has_configuration_set(configuration_set)
