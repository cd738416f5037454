"""What a person typed into *Connect* or *Reconnect*, kept until AWS accepts it, for a day at most.

Of what was typed into the fields of a key ID and a role only that is kept which has the shape of one: a secret may have
been typed there by mistake.
"""

from datetime import timedelta

from sqlmodel import col, delete

from bot.mailer.connection.credential_input import KEY_ID, ROLE_ARN
from storage import ConnectDraft, Repository

KEPT = timedelta(days=1)


class ConnectDrafts(Repository):
    async def save(self, draft: ConnectDraft) -> None:
        """Keep it in place of what this person typed before."""
        draft.at = self._db.now()
        columns = draft.model_dump()
        async with self._db.write() as session:
            row = session.insert_into(ConnectDraft).values(columns)
            await session.exec(row.on_conflict_do_update(index_elements=["team_id", "user_id"], set_=columns))

    async def get(self, team_id: str, user_id: str, mailer_id: str) -> ConnectDraft | None:
        """Return what this person typed for this mailer (empty: for one that is not connected yet)."""
        async with self._db.read() as session:
            draft = await session.get(ConnectDraft, (team_id, user_id))
        if draft is None or draft.mailer_id != mailer_id or draft.at < self._db.now() - KEPT:
            return None
        return draft

    async def drop(self, team_id: str, user_id: str) -> None:
        """Forget what AWS has taken."""
        async with self._db.write() as session:
            mine = (col(ConnectDraft.team_id) == team_id, col(ConnectDraft.user_id) == user_id)
            await session.exec(delete(ConnectDraft).where(*mine))

    async def forget(self) -> None:
        """Forget what is older than a day."""
        async with self._db.write() as session:
            await session.exec(delete(ConnectDraft).where(col(ConnectDraft.at) < session.now - KEPT))


def key_id(typed: str) -> str:
    """Return what was typed if it looks like the ID of a key, else nothing."""
    return typed if KEY_ID.fullmatch(typed) else ""


def role_arn(typed: str) -> str:
    """Return what was typed if it looks like the ARN of a role, else nothing."""
    return typed if ROLE_ARN.fullmatch(typed) else ""
