"""What a team is offered for signing in by a role: Mailroom's account, and an ExternalId that is the team's alone."""

from bot.errors import require
from bot.mailer.connection.codes import ConnectionCode
from bot.ses.assume_role import new_external_id
from bot.ses.client import SesClients
from bot.ses.cloudformation import RoleOffer
from storage import Database, Team


class RoleOffers:
    def __init__(self, db: Database, clients: SesClients, template_url: str) -> None:
        self._db = db
        self._clients = clients
        self._template_url = template_url

    async def offer(self, team: Team) -> RoleOffer | None:
        """Return what the team's role has to hold on to; None where Mailroom has no principal of its own.

        The ExternalId is made at the first time and stays the same until the mailer is deleted.
        """
        account_id = await self._clients.own_account()
        if account_id is None:
            return None
        return RoleOffer(account_id, team.external_id or await self._external_id(team.id), self._template_url)

    async def require(self, team: Team) -> RoleOffer:
        """As `offer`.

        Raises:
            BotError: NO_PRINCIPAL.
        """
        return require(await self.offer(team), ConnectionCode.NO_PRINCIPAL)

    async def _external_id(self, team_id: str) -> str:
        async with self._db.write() as session:
            team = await session.get_one(Team, team_id, with_for_update=True)
            team.external_id = team.external_id or new_external_id()
            session.add(team)
            return team.external_id
