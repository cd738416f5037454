"""Finding a team's mailer, opening its way to AWS, and putting AWS's refusals into words."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from bot.alerts.incidents import open_incidents
from bot.errors import BotError
from bot.mailer.credential_store import CredentialStore
from bot.ses import permission_check
from bot.ses.client import AwsSession
from bot.ses.errors import ASSUME_ROLE, ErrorKind, SesError
from bot.ses.operations import Ses
from bot.ses.permission_check import AccessReport
from storage.database import Database
from storage.models import Identity, Incident, Mailer, Team
from storage.states import Access

_SENTENCES = {
    ErrorKind.ACCESS: ("AWS no longer accepts the credentials.", "A team admin can reconnect with /mailer reconnect."),
    ErrorKind.MISSING_ACTION: ("The policy in AWS does not allow {action}.", "Add it in IAM, then try again."),
    ErrorKind.PRINCIPAL: ("Mailroom's own AWS credentials do not work.", "Whoever runs Mailroom must mend them."),
    ErrorKind.THROTTLED: ("AWS is asking us to slow down.", "Please try again in a minute."),
    ErrorKind.UNAVAILABLE: ("AWS did not answer.", "Please try again in a minute."),
    ErrorKind.NOT_SENT: ("AWS could not be reached.", "Please try again in a minute."),
    ErrorKind.LIMIT: ("The AWS account has reached a limit of its own: {text}", "Free some, or ask AWS for more."),
    ErrorKind.BAD_REQUEST: ("AWS does not take this: {text}", "Please correct it and try again."),
    ErrorKind.NOT_FOUND: ("AWS no longer has this.", "Type /mailer to see how things stand."),
}
_ROLE_LOST = (
    "The role no longer lets Mailroom in.",
    "A team admin can mend its trust policy in AWS, or reconnect with /mailer reconnect.",
)


def access_lost(action: str) -> tuple[str, str]:
    """Say what a loss of access means, and what mends it, by the action that AWS refused (`Mailer.access_action`)."""
    return _ROLE_LOST if action == ASSUME_ROLE else _SENTENCES[ErrorKind.ACCESS]


class Mailers:
    """Reads mailers. Which team asks is always part of the question."""

    def __init__(
        self,
        db: Database,
        clock: Callable[[], datetime],
        credential_store: CredentialStore,
        *,
        pending_seconds: float,
        public_url: str = "",
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._sleep = sleep
        self._public_url = public_url.rstrip("/")
        self._db = db
        self._clock = clock
        self._credential_store = credential_store
        self.pending_interval = timedelta(seconds=pending_seconds)

    async def of(self, team: Team) -> Mailer | None:
        async with self._db.read() as session:
            return (await session.exec(select(Mailer).where(Mailer.team_id == team.id))).first()

    async def identities(self, mailer: Mailer) -> list[Identity]:
        """Return every identity of the account, managed ones first."""
        async with self._db.read() as session:
            rows = await session.exec(select(Identity).where(Identity.mailer_id == mailer.id).order_by(Identity.name))
            return sorted(rows, key=lambda row: not row.managed)

    async def incidents(self, team: Team) -> list[Incident]:
        """Return what is wrong, the most basic first."""
        async with self._db.read() as session:
            return await open_incidents(session, team.id)

    async def required(self, team: Team) -> Mailer:
        """Return the team's mailer, whatever state it is in.

        Raises:
            BotError: NO_MAILER.
        """
        mailer = await self.of(team)
        if mailer is None:
            raise BotError(
                "NO_MAILER", "This channel has no Amazon SES account connected.", "Start with /mailer connect."
            )
        return mailer

    async def as_seen(self, team: Team, mailer_id: str, version: int) -> Mailer:
        """Return the mailer that a form was opened for.

        Raises:
            BotError: NO_MAILER; CHANGED where it was deleted or reconnected since.
        """
        mailer = await self.required(team)
        if (mailer.id, mailer.version) != (mailer_id, version):
            raise BotError(
                "CHANGED",
                "The mailer was deleted or reconnected while this form was open, so nothing was done.",
                "Type /mailer to see how it stands now.",
            )
        return mailer

    async def working(self, team: Team) -> Mailer:
        """Return the team's mailer, if its credentials may still do their work.

        Raises:
            BotError: NO_MAILER or ACCESS_LOST.
        """
        mailer = await self.required(team)
        if mailer.access is Access.LOST:
            raise BotError("ACCESS_LOST", *access_lost(mailer.access_action))
        return mailer

    async def lock(self, session: AsyncSession, mailer_id: str) -> Mailer:
        """Return the mailer for changing it within this transaction.

        Raises:
            BotError: NO_MAILER where it was deleted meanwhile.
        """
        mailer = await session.get(Mailer, mailer_id, with_for_update=True)
        if mailer is None:
            raise BotError("NO_MAILER", "The mailer was deleted meanwhile, so nothing was done.")
        return mailer

    def session(self, mailer: Mailer) -> AwsSession:
        return self._credential_store.session(mailer)

    def ses(self, mailer: Mailer, *, renewed: bool = False) -> Ses:
        """Return this mailer's SES; `renewed` to ask a role again whether it still lets Mailroom in."""
        return Ses(self._renewed(mailer) if renewed else self._credential_store.session(mailer))

    async def recheck(self, mailer: Mailer) -> AccessReport:
        """Walk through every permission of the stored credentials, and mend what is set up at AWS.

        Raises:
            SesError: nothing can be said.
        """
        return await permission_check.recheck(
            self._renewed(mailer),
            mailer.connection,
            account_id=mailer.account_id,
            endpoint=self.endpoint_of(mailer.connection),
            sleep=self._sleep,
        )

    def endpoint_of(self, connection: str) -> str:
        """Return the address at which SNS reaches us; empty where there is none."""
        return f"{self._public_url}/sns/{connection}" if self._public_url else ""

    def _renewed(self, mailer: Mailer) -> AwsSession:
        session = self._credential_store.session(mailer)
        session.renew()  # that a role's trust was changed shows in a new session only
        return session

    @staticmethod
    def explain(error: SesError, *, field: str = "") -> BotError:
        """Put what AWS said into a sentence and a next step."""
        sentence, step = _SENTENCES.get(
            error.trouble, ("AWS refused this: {text}", "Please try again; the AWS console shows more.")
        )
        if error.trouble is ErrorKind.ACCESS:
            sentence, step = access_lost(error.action)
        return BotError(
            f"AWS_{error.trouble.value.upper()}",
            sentence.format(action=error.action or "this", text=error.text or error.code),
            step,
            field=field,
        )
