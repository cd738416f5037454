"""How all mailers are, as states only: for the operator's channel, and the App Home of workspace admins."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from sqlalchemy import ColumnElement
from sqlmodel import col, select

from storage import Access, Identity, IdentityState, Mailer, Production, Sending, Session, Team


class FleetState(Enum):
    """How a mailer is, in words. What is most basic comes first, and alone counts."""

    ACCESS_LOST = "access lost"
    PAUSED = "paused by AWS"
    NO_SENDER = "without a verified sender"
    SANDBOX = "in the sandbox"
    PROBATION = "under review by AWS"
    READY = "ready"


@dataclass(frozen=True, slots=True)
class FleetMember:
    """A team with its mailer's state."""

    team: Team
    state: FleetState


async def fleet(session: Session, workspace: str = "") -> Sequence[FleetMember]:
    """Return every team that has a mailer, of one workspace where one is named, by the names of their channels."""
    verified = select(Identity.mailer_id).where(Identity.state == IdentityState.VERIFIED).distinct()
    senders = set(await session.exec(verified))
    where: list[ColumnElement[bool]] = [col(Team.slack_team_id) == workspace] if workspace else []
    pairs = select(Team, Mailer).join(Mailer, col(Mailer.team_id) == Team.id).where(*where)
    rows = await session.exec(pairs.order_by(Team.name, Team.id))
    return [FleetMember(team, fleet_state_of(mailer, has_sender=mailer.id in senders)) for team, mailer in rows]


def fleet_state_of(mailer: Mailer, *, has_sender: bool) -> FleetState:
    if mailer.access is Access.LOST:
        return FleetState.ACCESS_LOST
    if mailer.sending in {Sending.PAUSED, Sending.SHUT_DOWN}:
        return FleetState.PAUSED
    if not has_sender:
        return FleetState.NO_SENDER
    if mailer.production is not Production.GRANTED:
        return FleetState.SANDBOX
    return FleetState.PROBATION if mailer.sending is Sending.PROBATION else FleetState.READY
