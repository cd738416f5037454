"""What the audit says was done, read by tests."""

from sqlmodel import col, select

from storage.database import Database
from storage.models import Audit


async def audits(db: Database, actions: str = "") -> list[Audit]:
    """Return the rows whose action begins with `actions`, in the order they were written."""
    async with db.read() as session:
        return list(
            await session.exec(select(Audit).where(col(Audit.action).startswith(actions)).order_by(col(Audit.id)))
        )
