"""What a program is told of a broadcast, read in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import select

from bot.alerts.outbox import Notice, key_of
from bot.broadcast.approval import rules
from bot.broadcast.reporting.progress import Progress, progress_of
from bot.teams.policy import Policy
from bot.teams.token_names import token_names
from storage import Broadcast, BroadcastState, Outbox, Session, Team


@dataclass(frozen=True, slots=True)
class BroadcastFacts:
    """`approvals`: how many people must approve it; `message`: channel and time stamp of what the channel has of it."""

    progress: Progress
    team: Team
    approvals: int
    message: tuple[str, str] | None

    @property
    def broadcast(self) -> Broadcast:
        return self.progress.broadcast


async def facts_of(session: Session, policy: Policy, broadcast_id: str) -> BroadcastFacts | None:
    """Return them; None where there is no such broadcast. Whose it is, is the caller's question."""
    progress = await progress_of(session, broadcast_id)
    if progress is None:
        return None
    said = select(Outbox.channel_id, Outbox.ts).where(Outbox.key == key_of(Notice.BROADCAST, broadcast_id))
    message = (await session.exec(said)).first()
    team = await session.get_one(Team, progress.broadcast.team_id)
    waits = progress.broadcast.state is BroadcastState.AWAITING_APPROVAL
    needed = waits and await rules.is_needed(session, policy, team, progress.broadcast, session.now)
    approvals = rules.approvals_needed(policy, team) if needed else 1
    return BroadcastFacts(progress, team, approvals, message if message and message[1] else None)


async def authors_of(session: Session, broadcasts: Sequence[Broadcast]) -> dict[str, str]:
    """Return the names of the tokens that made some of these, by actor."""
    return await token_names(session, [broadcast.created_by for broadcast in broadcasts])
