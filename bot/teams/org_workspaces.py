"""What follows for workspaces from the end of an installation, and from what their organization decides."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement
from sqlmodel import and_, col, delete, or_, select
from sqlmodel.sql.expression import SelectOfScalar

from bot.teams import reachability
from storage import Installation, OrgWorkspace, Session


@dataclass(frozen=True, slots=True)
class Removal:
    """That the app is gone, by Slack's word."""

    workspace: str  # empty: from the whole organization
    enterprise: str
    why: str  # one of slack_codes.WORKSPACE_GONE
    at: datetime  # in whole seconds, as Slack's events have it


def installed_in(workspace: str) -> SelectOfScalar[Installation]:
    """Select the installations that reach a workspace, its own before its organization's."""
    through = select(OrgWorkspace.installation_id).where(OrgWorkspace.slack_team_id == workspace)
    own = and_(col(Installation.slack_team_id) == workspace, col(Installation.slack_team_id) != "")
    found = or_(own, col(Installation.id).in_(through))
    return select(Installation).where(found).order_by(col(Installation.slack_team_id).desc())


def of_organization(enterprise: str) -> ColumnElement[bool]:
    """Tell the installation of a whole organization from all others."""
    ours = col(Installation.enterprise_id) == enterprise
    return and_(col(Installation.slack_team_id) == "", ours, col(Installation.enterprise_id) != "")


async def removed(session: Session, removal: Removal) -> None:
    """Forget the tokens, and do nothing more for the workspaces that no other installation reaches.

    What Slack tells of an installation that was followed by another one is late, and no news.
    """
    own = col(Installation.slack_team_id) == removal.workspace
    which = own if removal.workspace else of_organization(removal.enterprise)
    row = (await session.exec(select(Installation).where(which).with_for_update())).first()
    if row is not None and row.installed_at.replace(microsecond=0) > removal.at:
        return
    workspaces = {removal.workspace} if removal.workspace else set()
    if row is not None:
        row.bot_token, row.refresh_token, row.expires_at = None, None, None
        session.add(row)
        await session.flush()
        workspaces |= {*await session.exec(_workspaces_of(row.id))}
        await session.exec(delete(OrgWorkspace).where(col(OrgWorkspace.installation_id) == row.id))
    for workspace in sorted(workspaces):
        await _unless_reached(session, workspace, removal.why)


async def workspaces_added(session: Session, enterprise: str, workspaces: Collection[str]) -> None:
    """An organization has added the app to these: https://docs.slack.dev/reference/events/team_access_granted."""
    if organization := await _organization(session, enterprise):
        await add_workspaces(session, organization.id, workspaces)


async def workspaces_taken(session: Session, enterprise: str, workspaces: Collection[str]) -> None:
    """An organization has taken it out of these: https://docs.slack.dev/reference/events/team_access_revoked."""
    if organization := await _organization(session, enterprise):
        for workspace in sorted(workspaces):
            await take_out(session, organization.id, workspace)


async def add_workspaces(session: Session, installation_id: str, workspaces: Collection[str]) -> None:
    """Let an organization's installation reach these workspaces, and do all for them again."""
    for workspace in sorted(workspaces):
        row = session.insert_into(OrgWorkspace).values(slack_team_id=workspace, installation_id=installation_id)
        moved = row.on_conflict_do_update(index_elements=["slack_team_id"], set_={"installation_id": installation_id})
        await session.exec(moved)
        await reachability.workspace_back(session, workspace)


async def take_out(session: Session, installation_id: str, workspace: str) -> None:
    """Let an organization's installation reach a workspace no more."""
    of_it = and_(col(OrgWorkspace.slack_team_id) == workspace, col(OrgWorkspace.installation_id) == installation_id)
    if (await session.exec(delete(OrgWorkspace).where(of_it))).rowcount:
        await _unless_reached(session, workspace, "app_uninstalled")


async def _unless_reached(session: Session, workspace: str, why: str) -> None:
    live = installed_in(workspace).where(col(Installation.bot_token).is_not(None))
    if (await session.exec(live.limit(1))).first() is None:
        await reachability.workspace_gone(session, workspace, why, now=session.now)


async def _organization(session: Session, enterprise: str) -> Installation | None:
    found = select(Installation).where(of_organization(enterprise)).with_for_update()
    return (await session.exec(found)).first()


def _workspaces_of(installation_id: str) -> SelectOfScalar[str]:
    return select(OrgWorkspace.slack_team_id).where(OrgWorkspace.installation_id == installation_id)
