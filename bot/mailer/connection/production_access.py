"""Applying for production access: the form AWS asks for, sent once, followed by the monitor until AWS decides."""

import logging
from dataclasses import dataclass
from urllib.parse import urlsplit

from bot.alerts.outbox import Notice, announce
from bot.errors import BotError
from bot.mailer.aws_errors import explain
from bot.mailer.aws_states import production_of
from bot.mailer.connection.codes import ConnectionCode
from bot.mailer.mailers import Mailers
from bot.mailer.monitoring.facts import record_account
from bot.ses.errors import ErrorKind, SesError
from bot.ses.facts import AccountFacts
from bot.ses.operations import Ses
from storage import Database, Mailer, PollKind, Production, Team, audit, leases

log = logging.getLogger(__name__)

WEBSITE_LIMIT = (
    1000  # PutAccountDetails: https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_PutAccountDetails.html
)
USE_CASE_LIMIT = 5000
CONTACTS_LIMIT = 4


_REFUSALS = {
    Production.GRANTED: ConnectionCode.GRANTED,
    Production.IN_REVIEW: ConnectionCode.IN_REVIEW,
    Production.DENIED: ConnectionCode.DENIED,
}


@dataclass(frozen=True, slots=True)
class Application:
    """What AWS wants to know. `mail_type` is MARKETING or TRANSACTIONAL, `language` EN or JA."""

    website: str
    mail_type: str
    language: str
    contacts: tuple[str, ...]
    use_case: str

    def check(self) -> None:
        """Refuse what AWS would refuse, before it is asked.

        Raises:
            BotError: with the field it is about.
        """
        parts = urlsplit(self.website)
        if parts.scheme not in {"http", "https"} or not parts.hostname or "." not in parts.hostname:
            raise BotError(
                ConnectionCode.WEBSITE,
                "This is not a web address.",
                "Give it whole, such as https://example.com.",
                field="website",
            )
        if len(self.website) > WEBSITE_LIMIT:
            raise BotError(
                ConnectionCode.WEBSITE, f"AWS takes at most {WEBSITE_LIMIT} characters here.", field="website"
            )
        if not 1 <= len(self.contacts) <= CONTACTS_LIMIT:
            raise BotError(
                ConnectionCode.CONTACTS,
                f"AWS takes one to {CONTACTS_LIMIT} contact addresses.",
                "Leave some out.",
                field="contacts",
            )
        if not self.use_case or len(self.use_case) > USE_CASE_LIMIT:
            raise BotError(
                ConnectionCode.USE_CASE,
                f"AWS wants to read how you will use email, in at most {USE_CASE_LIMIT:,} characters.",
                "Say whom you mail, how they signed up, and how you handle bounces and unsubscribes.",
                field="use_case",
            )


class ProductionAccess:
    def __init__(self, db: Database, mailers: Mailers) -> None:
        self._db = db
        self._mailers = mailers

    async def may_apply(self, team: Team) -> Mailer:
        """Return the mailer, where an application has a point.

        Raises:
            BotError: no working mailer, or AWS has decided or is about to.
        """
        mailer = await self._mailers.require_access(team)
        if mailer.production in _REFUSALS:
            raise BotError(_REFUSALS[mailer.production])
        return mailer

    async def apply(self, team: Team, application: Application, by: str) -> Mailer:
        """Send the application; AWS opens a review of it, usually answered within a day.

        Raises:
            BotError: the form, or AWS's refusal, in words.
        """
        application.check()
        mailer = await self.may_apply(team)
        facts = await _send(self._mailers.ses(mailer), application)
        async with self._db.write() as session:
            mailer = await self._mailers.lock(session, mailer.id)
            before = mailer.production
            mailer.applied_at = session.now
            if facts is not None:
                await record_account(session, mailer, facts)
            session.add(mailer)
            await announce(
                session, team.id, Notice.APPLIED, mailer.id, now=session.now, episode=str(int(session.now.timestamp()))
            )
            audit.record(
                session,
                team.id,
                by,
                "production.apply",
                session.now,
                mailer.account_id,
                before={"production": before},
                after={"production": mailer.production, "website": application.website},
            )
            await leases.schedule(session, PollKind.ACCOUNT, mailer.id, session.now)
        return mailer


async def _send(ses: Ses, application: Application) -> AccountFacts | None:
    """Send the application; return the account as it is then, where it can be read.

    Where AWS's answer is lost, a review that is open now says that AWS has the application.
    """
    lost = None
    try:
        await ses.apply_for_production(
            website=application.website,
            mail_type=application.mail_type,
            language=application.language,
            contacts=application.contacts,
            use_case=application.use_case,
        )
    except SesError as error:
        if error.kind is ErrorKind.CONFLICT:
            raise BotError(ConnectionCode.CONFLICT) from error
        if error.kind is not ErrorKind.UNAVAILABLE:
            raise explain(error) from error
        lost = error
    facts = await _read_if_it_can_be(ses, once=lost is None)
    if lost and (facts is None or production_of(False, facts.review_status) is not Production.IN_REVIEW):
        raise explain(lost) from lost
    return facts


async def _read_if_it_can_be(ses: Ses, *, once: bool) -> AccountFacts | None:
    try:
        return await ses.account(once=once)
    except SesError as error:
        log.info("the account could not be read after an application: %s", error)
        return None
