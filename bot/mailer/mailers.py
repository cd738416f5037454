"""Finding a team's mailer, and opening its way to AWS."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from sqlmodel import select

from bot.alerts.incidents import open_incidents
from bot.errors import BotError, require
from bot.mailer.aws_errors import access_lost
from bot.mailer.codes import MailerCode
from bot.mailer.credential_store import CredentialStore
from bot.ses import permission_check
from bot.ses.client import AwsSession
from bot.ses.operations import Ses
from bot.ses.permission_check import AccessReport
from storage import Access, Database, Identity, Incident, Mailer, Session, Team


class Mailers:
    """Reads mailers. Which team asks is always part of the question."""

    def __init__(
        self,
        db: Database,
        credential_store: CredentialStore,
        *,
        pending_seconds: float,
        public_url: str = "",
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._sleep = sleep
        self._public_url = public_url.rstrip("/")
        self._db = db
        self._credential_store = credential_store
        self.pending_interval = timedelta(seconds=pending_seconds)

    async def get(self, team: Team) -> Mailer | None:
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

    async def require(self, team: Team) -> Mailer:
        """Return the team's mailer, whatever state it is in.

        Raises:
            BotError: NO_MAILER.
        """
        return require(
            await self.get(team),
            MailerCode.NO_MAILER,
            "This channel has no Amazon SES account connected.",
            "Start with /mailer connect.",
        )

    async def require_version(self, team: Team, mailer_id: str, version: int) -> Mailer:
        """Return the mailer that a form was opened for.

        Raises:
            BotError: NO_MAILER; CHANGED where it was deleted or reconnected since.
        """
        mailer = await self.require(team)
        if (mailer.id, mailer.version) != (mailer_id, version):
            raise BotError(
                MailerCode.CHANGED,
            )
        return mailer

    async def require_access(self, team: Team) -> Mailer:
        """Return the team's mailer, if its credentials may still do their work.

        Raises:
            BotError: NO_MAILER or ACCESS_LOST.
        """
        mailer = await self.require(team)
        if mailer.access is Access.LOST:
            raise BotError(MailerCode.ACCESS_LOST, *access_lost(mailer.access_action))
        return mailer

    async def lock(self, session: Session, mailer_id: str) -> Mailer:
        """Return the mailer for changing it within this transaction.

        Raises:
            BotError: NO_MAILER where it was deleted meanwhile.
        """
        mailer = await session.get(Mailer, mailer_id, with_for_update=True)
        return require(mailer, MailerCode.NO_MAILER, "The mailer was deleted meanwhile, so nothing was done.")

    def open_session(self, mailer: Mailer) -> AwsSession:
        return self._credential_store.open_session(mailer)

    def ses(self, mailer: Mailer, *, renewed: bool = False) -> Ses:
        """Return this mailer's SES; `renewed` to ask a role again whether it still lets Mailroom in."""
        return Ses(self._renewed(mailer) if renewed else self._credential_store.open_session(mailer))

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
        session = self._credential_store.open_session(mailer)
        session.renew()  # that a role's trust was changed shows in a new session only
        return session
