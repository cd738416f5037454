"""Connecting a team to its AWS account: checked first, stored only when every required permission is there.

At most one mailer a team is a database constraint; the loser of a race has its set-up at AWS removed again.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.exc import IntegrityError

from bot.alerts.outbox import Notice, announce
from bot.errors import BotError
from bot.mailer.connection.codes import ConnectionCode
from bot.mailer.connection.credential_input import (
    AlreadyConnectedError,
    CredentialInput,
    explain_rejection,
    open_role,
    require_passed,
)
from bot.mailer.connection.shared_accounts import share_account
from bot.mailer.credential_store import CredentialStore
from bot.mailer.mailers import Mailers
from bot.mailer.monitoring.facts import apply_account, apply_report, next_walk, record_listing
from bot.mailer.monitoring.feedback_health import schedule_probe
from bot.mailer.monitoring.incident_rules import reconcile_incidents
from bot.ses import permission_check
from bot.ses.assume_role import OpenRoleError
from bot.ses.client import AwsSession, SesClients
from bot.ses.credentials import AwsRole
from bot.ses.deprovisioning import deprovision
from bot.ses.errors import ASSUME_ROLE, SesError
from bot.ses.facts import AccountFacts, ListedIdentity
from bot.ses.operations import Ses
from bot.ses.permission_check import AccessReport, ActionCheck, OnAction, Outcome
from bot.ses.provisioning import Provisioned
from storage import Database, Mailer, PollKind, Session, Team, audit, leases, new_id
from storage.database_errors import is_unique_violation

Check = Callable[[], Awaitable[AccessReport]]


@dataclass(frozen=True, slots=True)
class _Checked:
    """Credentials that passed, and what AWS says of the account they belong to."""

    typed: CredentialInput
    report: AccessReport
    set_up: Provisioned
    account: AccountFacts
    listed: list[ListedIdentity]


class Connections:
    """Args: `forget` drops a mailer's credentials from memory."""

    def __init__(
        self,
        db: Database,
        mailers: Mailers,
        credential_store: CredentialStore,
        clients: SesClients,
        forget: Callable[[str], None],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._db = db
        self._mailers = mailers
        self._credential_store = credential_store
        self._clients = clients
        self._forget = forget
        self._sleep = sleep

    async def require_free(self, team: Team) -> None:
        """Refuse a second mailer.

        Raises:
            AlreadyConnectedError: C1.
        """
        if (mailer := await self._mailers.get(team)) is not None:
            raise AlreadyConnectedError(mailer)

    async def connect(
        self, team: Team, typed: CredentialInput, by: str, on_action: OnAction
    ) -> tuple[Mailer, AccessReport]:
        """Check the credentials action by action; if every required one is allowed, store them and tell the channel.

        Raises:
            AlreadyConnectedError: C1, also where somebody else was faster.
            AccessRefusedError: a required action is missing.
            BotError: wrong credentials, a root key, AWS out of reach.
        """
        await self.require_free(team)
        mailer_id, connection = new_id(), secrets.token_hex(8)
        session = self._clients.sign_in(mailer_id, 1, typed.credentials, typed.region, connection)
        try:

            def run() -> Awaitable[AccessReport]:
                return permission_check.check(
                    session, connection, on_action=on_action, sleep=self._sleep, monotonic=self._seconds
                )

            checked = await self._check(session, typed, run, on_action)
            mailer = self._new(team, mailer_id, connection, checked, by)
            try:
                await self._store(mailer, checked, by)
            except IntegrityError as error:
                if not is_unique_violation(error):
                    raise
                await deprovision(session, checked.set_up, made_now=True)
                await self.require_free(team)
                raise
        except BaseException:
            self._forget(mailer_id)
            raise
        return mailer, checked.report

    async def reconnect(
        self, team: Team, typed: CredentialInput, by: str, on_action: OnAction
    ) -> tuple[Mailer, AccessReport]:
        """Give the mailer new credentials for the same account and region; everything else stays.

        Raises:
            BotError: as `connect`; OTHER_ACCOUNT or OTHER_REGION, which would be a new mailer.
        """
        mailer = await self._mailers.require(team)
        if typed.region != mailer.region:
            raise BotError(
                ConnectionCode.OTHER_REGION,
                f"This mailer is in {mailer.region}, and reconnecting keeps it there.",
                "For another region delete the mailer and connect again.",
                field="region",
            )
        trial = new_id()
        session = self._clients.sign_in(trial, 1, typed.credentials, typed.region, mailer.connection)

        def run() -> Awaitable[AccessReport]:
            return permission_check.recheck(
                session,
                mailer.connection,
                account_id=mailer.account_id,
                new_key=True,
                on_action=on_action,
                sleep=self._sleep,
                monotonic=self._seconds,
            )

        try:
            checked = await self._check(session, typed, run, on_action, account_id=mailer.account_id)
        finally:
            self._forget(trial)
        now = self._db.now()
        async with self._db.write() as writing:
            row = await self._mailers.lock(writing, mailer.id)
            row.version += 1
            row.credentials = self._credential_store.seal(typed.credentials, team_id=team.id, mailer_id=row.id)
            row.sign_in = typed.credentials.kind
            row.credentials_at, row.connected_by = now, by
            await self._take(writing, row, checked, now)
            await announce(writing, team.id, Notice.RECONNECTED, row.id, now=now, episode=str(row.version))
            audit.record(
                writing,
                team.id,
                by,
                "mailer.reconnect",
                now,
                row.account_id,
                before={"principal": mailer.principal_arn},
                after={"principal": row.principal_arn},
            )
        self._forget(row.id)
        return row, checked.report

    def _seconds(self) -> float:
        return self._db.now().timestamp()

    async def _check(
        self, session: AwsSession, typed: CredentialInput, run: Check, on_action: OnAction, account_id: str = ""
    ) -> _Checked:
        ses = Ses(session)
        try:
            proven = await self._prove(session, on_action)
            report = await run()
            report = replace(report, steps=(*proven, *report.steps))
            set_up = require_passed(report, account_id)
            account, listed = await asyncio.gather(ses.account(), ses.identities())
        except SesError as error:
            raise explain_rejection(error) from error
        except OpenRoleError as error:
            raise open_role() from error
        return _Checked(typed, report, set_up, account, listed)

    async def _prove(self, session: AwsSession, on_action: OnAction) -> tuple[ActionCheck, ...]:
        """Check first that the role admits this team only."""
        if not isinstance(session.credentials, AwsRole):
            return ()
        await session.prove(self._sleep)
        step = ActionCheck(ASSUME_ROLE, required=True, outcome=Outcome.OK)
        on_action(step)
        return (step,)

    def _new(self, team: Team, mailer_id: str, connection: str, checked: _Checked, by: str) -> Mailer:
        now = self._db.now()
        return Mailer(
            id=mailer_id,
            team_id=team.id,
            connection=connection,
            account_id=checked.report.account_id,
            region=checked.typed.region,
            principal_arn=checked.report.principal_arn,
            credentials=self._credential_store.seal(checked.typed.credentials, team_id=team.id, mailer_id=mailer_id),
            sign_in=checked.typed.credentials.kind,
            credentials_at=now,
            connected_by=by,
            connected_at=now,
            configuration_set=checked.set_up.configuration_set,
            topic_arn=checked.set_up.topic_arn,
            access_since=now,
            access_checked_at=now,
            checked_at=now,
        )

    async def _store(self, mailer: Mailer, checked: _Checked, by: str) -> None:
        now = mailer.connected_at
        async with self._db.write() as session:
            session.add(mailer)
            await session.flush()
            await self._take(session, mailer, checked, now)
            await share_account(session, mailer, now)
            await announce(session, mailer.team_id, Notice.CONNECTED, mailer.id, now=now)
            audit.record(
                session,
                mailer.team_id,
                by,
                "mailer.connect",
                now,
                mailer.account_id,
                after={"region": mailer.region, "principal": mailer.principal_arn},
            )

    async def _take(self, session: Session, mailer: Mailer, checked: _Checked, now: datetime) -> None:
        apply_report(mailer, checked.report, checked.set_up, now, self._mailers.endpoint_of(mailer.connection))
        apply_account(mailer, checked.account, now)
        mailer.unanswered_since = None
        session.add(mailer)
        managed = await record_listing(session, mailer, checked.listed, now)
        await reconcile_incidents(session, mailer, managed, now, told=True)
        await leases.schedule(session, PollKind.ACCOUNT, mailer.id, now)
        await leases.schedule(session, PollKind.ACCESS_CHECK, mailer.id, now + next_walk(checked.set_up), postpone=True)
        await schedule_probe(session, mailer, now)
        for kind in (PollKind.FEEDBACK, PollKind.SUPPRESSIONS, PollKind.FORWARDING):
            await leases.schedule(session, kind, mailer.id, now)
