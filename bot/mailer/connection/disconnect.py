"""Deleting a mailer: what Mailroom set up at AWS, as far as the key still allows, and then what is stored."""

from collections.abc import Callable

from bot.alerts.incidents import close_all
from bot.alerts.outbox import Notice, announce
from bot.mailer.connection.deprovisioning import leave_aws
from bot.mailer.connection.shared_accounts import leave_account
from bot.mailer.mailers import Mailers
from storage import Access, Database, Mailer, PollKind, Team, audit, leases


class Removal:
    """Args: `forget` drops a mailer's credentials from memory."""

    def __init__(self, db: Database, mailers: Mailers, forget: Callable[[str], None]) -> None:
        self._db = db
        self._mailers = mailers
        self._forget = forget

    async def delete(self, team: Team, mailer: Mailer, by: str, *, at_aws: bool) -> list[str]:
        """Remove the mailer, whose broadcasts were cancelled before; suppressions stay.

        Returns what could not be removed at AWS.

        Args:
            team: whose mailer.
            mailer: this one, and no other that the team may have by now.
            by: who asked.
            at_aws: also delete the managed identities there.
        """
        left: list[str] = []
        if mailer.access is Access.OK:
            identities = await self._mailers.identities(mailer)
            left = await leave_aws(self._mailers.open_session(mailer), mailer, identities, with_identities=at_aws)
        async with self._db.write() as session:
            row = await self._mailers.lock(session, mailer.id)
            for kind in set(PollKind) - {PollKind.CHANNEL}:
                await leases.drop(session, kind, row.id)
            await close_all(session, team.id)
            await leave_account(session, row)
            await announce(session, team.id, Notice.DELETED, row.id, now=session.now)
            audit.record(
                session, team.id, by, "mailer.delete", session.now, row.account_id, before={"region": row.region}
            )
            await session.delete(row)
            owner = await session.get_one(Team, team.id, with_for_update=True)
            owner.external_id = None  # another mailer is another connection
            session.add(owner)
        self._forget(mailer.id)
        return left
