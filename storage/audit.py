"""Who did what to what: one row an effect, written in the transaction that has it."""

from datetime import datetime
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from storage.models import Audit


def record(
    session: AsyncSession,
    team_id: str,
    actor: str,
    action: str,
    *,
    now: datetime,
    subject: str = "",
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    """Add the row. Neither side may hold a secret."""
    session.add(
        Audit(
            team_id=team_id,
            at=now,
            actor=actor,
            action=action,
            subject=subject,
            before=before or {},
            after=after or {},
        )
    )
