"""Optimistic-lock check before a failed identity is retried or replaced."""

from dataclasses import dataclass
from enum import StrEnum

from sqlmodel import col, select

from bot.errors import BotError
from bot.mailer.identities.codes import IdentityCode
from storage import FAILING, Audit, Identity, IdentityState, Mailer, Session, Team


class Intent(StrEnum):
    """What is under way for an identity."""

    RETRY = "retry"
    REPLACE = "replace"


_UNDER_WAY = {
    Intent.RETRY: "{name} is being verified again already, so nothing more was done.",
    Intent.REPLACE: "{name} is being replaced already, so nothing more was done.",
}


class StaleActionError(BotError):
    """Somebody was faster. `by` is who, where that is known."""

    def __init__(self, sentence: str, by: str = "", next_step: str = "") -> None:
        super().__init__(IdentityCode.STALE_ACTION, sentence, next_step)
        self.by = by


@dataclass(frozen=True, slots=True)
class ReplacementOptions:
    """What a person should know before replacing an identity: who else uses it, and what waits to be sent from it."""

    identity: Identity
    used_by_others: bool  # another channel of this workspace has it, too
    waiting: int  # broadcasts

    @property
    def asks(self) -> bool:
        """Whether a person has to say if the old one goes at AWS."""
        return self.identity.state is not IdentityState.GONE and (self.used_by_others or self.identity.adopted)


async def as_seen(session: Session, team: Team, row: Identity | None, version: int) -> Identity:
    """Return the identity if it is as the person saw it: failing, and with no recovery under way."""
    if row is None or row.team_id != team.id or not row.managed:
        raise BotError(IdentityCode.NOT_FOUND)
    if row.intent:
        raise StaleActionError(_UNDER_WAY[Intent(row.intent)].format(name=row.name), row.intent_detail["by"])
    if row.state not in FAILING:
        by = await _who_retried(session, row) if row.attempt > 1 else ""
        raise StaleActionError(f"{row.name} is {row.state.replace('_', ' ')} by now, so nothing was done.", by)
    if row.version != version:
        raise StaleActionError(
            f"Things have changed for {row.name} since this message was drawn, so nothing was done.",
            next_step="Use the buttons of /mailer.",
        )
    return row


async def _who_retried(session: Session, row: Identity) -> str:
    actions = select(Audit.actor).where(
        Audit.team_id == row.team_id, Audit.subject == row.name, Audit.action == f"identity.{Intent.RETRY}"
    )
    return (await session.exec(actions.order_by(col(Audit.id).desc()).limit(1))).first() or ""


async def used_by_others(session: Session, team: Team, mailer: Mailer, name: str) -> bool:
    """Whether another team of the workspace looks after the same identity; of other workspaces nothing is said."""
    others = (
        select(Identity.id)
        .join(Mailer)
        .join(Team, col(Team.id) == Mailer.team_id)
        .where(
            Identity.name == name,
            col(Identity.managed).is_(True),
            Mailer.account_id == mailer.account_id,
            Mailer.region == mailer.region,
            Team.slack_team_id == team.slack_team_id,
            Team.id != team.id,
        )
    )
    return (await session.exec(others.limit(1))).first() is not None
