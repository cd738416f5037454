"""Whether the same mail went to the same audience just now: pressed twice, or by two people."""

from collections.abc import Sequence
from datetime import timedelta

from sqlmodel import col, select

from bot.broadcast.transitions import WITHOUT_CONTENT
from storage import Audience, AudienceBlock, Broadcast, SendKind, Session

LATELY = timedelta(days=1)


async def sent_ago(session: Session, broadcast: Broadcast, audience: Audience) -> timedelta | None:
    """Return how long ago the first with this subject went to this audience, if that was lately.

    An audience is the same that was saved under the same name, or that begins with the same addresses and has as many.
    """
    others = (
        select(Broadcast, Audience)
        .join(Audience, col(Broadcast.audience_id) == col(Audience.id))
        .where(
            Broadcast.team_id == broadcast.team_id,
            Broadcast.id != broadcast.id,
            Broadcast.kind == SendKind.BROADCAST,
            Broadcast.subject == broadcast.subject,
            col(Broadcast.started_at) >= session.now - LATELY,
        )
        .order_by(col(Broadcast.started_at))
    )
    beginning = await _beginning(session, audience)
    for sent, theirs in (await session.exec(others.options(*WITHOUT_CONTENT))).all():
        is_same = theirs.id == audience.id or bool(audience.name and sent.audience_name == audience.name)
        is_same = is_same or (theirs.size == audience.size and await _beginning(session, theirs) == beginning)
        if is_same and sent.started_at:
            return session.now - sent.started_at
    return None


async def _beginning(session: Session, audience: Audience) -> Sequence[str]:
    block = await session.get(AudienceBlock, (audience.id, 1))
    return block.addresses if block else []
