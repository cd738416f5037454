"""Which workspaces installed the app, and the tokens that Slack gave for them.

A token is sealed for its row, and opened here alone. One installation is of a workspace, or of a whole organization
(Enterprise Grid), which then adds the app to workspaces one by one (https://docs.slack.dev/enterprise/organization-ready-apps).
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.exc import IntegrityError
from sqlmodel import and_, col, or_, select, update
from sqlmodel.sql.expression import SelectOfScalar

from bot.teams import reachability
from bot.teams.org_workspaces import Removal, add_workspaces, installed_in, of_organization, removed, take_out
from storage import Database, Installation, KeyRing, OrgWorkspace, Secret
from storage.database_errors import is_unique_violation

RENEWAL = timedelta(seconds=60)
"""How long one process has for renewing a token: longer than a call of Slack's client may take (30 s)."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What Slack gave for one installation (https://docs.slack.dev/reference/methods/oauth.v2.access)."""

    workspace: str  # empty: of the whole organization
    enterprise: str  # empty outside an Enterprise Grid
    bot_user_id: str
    token: Secret
    scopes: str
    installed_by: str
    name: str = ""
    url: str = ""
    refresh_token: Secret | None = None  # with token rotation only, as is when it ends
    expires_at: datetime | None = None
    workspaces: tuple[str, ...] = ()  # of an organization: where it has added the app


@dataclass(frozen=True, slots=True)
class Access:
    """A live installation, with its tokens opened."""

    installation_id: str
    workspace: str  # empty: of the whole organization
    enterprise: str
    bot_user_id: str
    name: str
    url: str
    token: Secret
    refresh_token: Secret | None
    expires_at: datetime | None

    @property
    def is_of_organization(self) -> bool:
        return not self.workspace

    @property
    def place(self) -> str:
        """The workspace, or the organization, for the log."""
        return self.workspace or self.enterprise


class Installations:
    def __init__(self, db: Database, keys: KeyRing) -> None:
        self._db = db
        self._keys = keys

    async def save(self, grant: Grant) -> None:
        """Keep what was given, in the place of what was there, and do all for these workspaces again."""
        try:
            await self._save(grant)
        except IntegrityError as error:
            if not is_unique_violation(error):
                raise
            await self._save(grant)  # somebody else installed it at the same moment

    async def find(self, workspace: str) -> Access | None:
        """Return the live installation that this workspace has, its own before its organization's."""
        return await self._first(installed_in(workspace))

    async def of_organization(self, enterprise: str) -> Access | None:
        """Return the live installation of the whole organization."""
        return await self._first(select(Installation).where(of_organization(enterprise)))

    async def again(self, access: Access) -> Access | None:
        """Return it as it is now, while it is alive."""
        return await self._first(select(Installation).where(Installation.id == access.installation_id))

    async def is_known(self, workspace: str, enterprise: str) -> bool:
        """Tell whether there is, or was, an installation of this workspace or of its organization."""
        async with self._db.read() as session:
            own = and_(col(Installation.slack_team_id) == workspace, col(Installation.slack_team_id) != "")
            known = select(Installation.id).where(or_(own, of_organization(enterprise)))
            return (await session.exec(known.limit(1))).first() is not None

    async def live(self) -> list[Access]:
        """Return every live installation."""
        async with self._db.read() as session:
            rows = await session.exec(
                select(Installation).where(col(Installation.bot_token).is_not(None)).order_by(Installation.id)
            )
            return [self._opened(row) for row in rows]

    async def keep_workspaces(self, organization: Access, workspaces: Collection[str]) -> None:
        """Take over where an organization has added the app, as Slack lists it now."""
        async with self._db.write() as session:
            await add_workspaces(session, organization.installation_id, workspaces)
            gone = select(OrgWorkspace.slack_team_id).where(
                OrgWorkspace.installation_id == organization.installation_id,
                col(OrgWorkspace.slack_team_id).not_in(workspaces),
            )
            for workspace in sorted(await session.exec(gone)):
                await take_out(session, organization.installation_id, workspace)

    async def claim_renewal(self, access: Access) -> bool:
        """Tell whether this process is the one to renew a token: for so long no other is."""
        now = self._db.now()
        claim = (
            update(Installation)
            .where(
                col(Installation.id) == access.installation_id,
                col(Installation.expires_at) == access.expires_at,
                or_(col(Installation.renewal_until).is_(None), col(Installation.renewal_until) <= now),
            )
            .values(renewal_until=now + RENEWAL)
        )
        async with self._db.write() as session:
            return (await session.exec(claim)).rowcount == 1

    async def renewed(self, access: Access, token: Secret, refresh_token: Secret, expires_at: datetime) -> None:
        """Keep the new tokens in the place of those they were had for, unless the app was installed again meanwhile."""
        place = {"team": access.workspace, "record": access.installation_id}
        keep = (
            update(Installation)
            .where(
                col(Installation.id) == access.installation_id,
                col(Installation.expires_at) == access.expires_at,  # another renewal, or installation, has another end
            )
            .values(
                bot_token=self._keys.seal(token.reveal(), **place, field="bot_token"),
                refresh_token=self._keys.seal(refresh_token.reveal(), **place, field="refresh_token"),
                expires_at=expires_at,
                renewal_until=None,
            )
        )
        async with self._db.write() as session:
            await session.exec(keep)

    async def ended(self, access: Access, why: str) -> None:
        """Forget an installation whose tokens Slack does not take any more."""
        async with self._db.write() as session:
            await removed(session, Removal(access.workspace, access.enterprise, why, session.now))

    async def _save(self, grant: Grant) -> None:
        own = col(Installation.slack_team_id) == grant.workspace
        which = own if grant.workspace else of_organization(grant.enterprise)
        async with self._db.write() as session:
            row = (await session.exec(select(Installation).where(which).with_for_update())).first()
            if row is None:
                row = Installation(
                    slack_team_id=grant.workspace, bot_user_id="", installed_by="", installed_at=session.now
                )
            place = {"team": row.slack_team_id, "record": row.id}
            row.enterprise_id, row.bot_user_id, row.scopes = grant.enterprise, grant.bot_user_id, grant.scopes
            row.name, row.url = grant.name, grant.url
            row.installed_by, row.installed_at = grant.installed_by, session.now
            row.bot_token = self._keys.seal(grant.token.reveal(), **place, field="bot_token")
            row.refresh_token = None
            if grant.refresh_token is not None:
                row.refresh_token = self._keys.seal(grant.refresh_token.reveal(), **place, field="refresh_token")
            row.expires_at, row.renewal_until = grant.expires_at, None
            session.add(row)
            await session.flush()
            if grant.workspace:
                await reachability.workspace_back(session, grant.workspace)
            else:
                await add_workspaces(session, row.id, grant.workspaces)

    async def _first(self, rows: SelectOfScalar[Installation]) -> Access | None:
        async with self._db.read() as session:
            row = (await session.exec(rows.where(col(Installation.bot_token).is_not(None)).limit(1))).first()
        return None if row is None else self._opened(row)

    def _opened(self, row: Installation) -> Access:
        place = {"team": row.slack_team_id, "record": row.id}
        renewing = row.refresh_token
        return Access(
            installation_id=row.id,
            workspace=row.slack_team_id,
            enterprise=row.enterprise_id,
            bot_user_id=row.bot_user_id,
            name=row.name,
            url=row.url,
            token=self._keys.open(row.bot_token or b"", **place, field="bot_token"),
            refresh_token=self._keys.open(renewing, **place, field="refresh_token") if renewing else None,
            expires_at=row.expires_at,
        )
