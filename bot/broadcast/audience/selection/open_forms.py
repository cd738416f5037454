"""What somebody selects in a form that is still open.

*Only those where* has a form of its own, on top of the one in which a broadcast is written, and nothing is kept before
*Next*. So it is kept here, for a day, under an id that the form below carries.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import inspect
from sqlalchemy.orm import defer
from sqlmodel import and_, col, delete, select

from bot.broadcast.audience.selection.filter import Filter
from storage import Broadcast, OpenForm, Repository, SendKind, Team

KEPT: Final = timedelta(days=1)
LAST: Final = 20  # broadcasts that are offered
_WITHOUT_CONTENT = [defer(inspect(Broadcast).attrs[name].class_attribute) for name in ("body", "template", "images")]


class OpenForms(Repository):
    async def get(self, team: Team, user_id: str, form_id: str) -> OpenForm | None:
        """Return what this person has chosen in this form; None: nothing yet."""
        async with self._db.read() as session:
            row = await session.get(OpenForm, form_id)
        if row is None or (row.team_id, row.user_id) != (team.id, user_id):
            return None
        return row

    async def begin(
        self,
        team: Team,
        user_id: str,
        form_id: str,
        *,
        where: Filter | None,
        columns: Sequence[str],
        view: Mapping[str, Any],
    ) -> None:
        """Remember a form as it is drawn, with its filter and the columns of its audience; none: they are not known."""
        row = OpenForm(
            id=form_id,
            team_id=team.id,
            user_id=user_id,
            chosen=where.to_json() if where else {},
            columns=list(columns),
            view=dict(view),
            at=self._db.now(),
        )
        values, mine = row.model_dump(), and_(col(OpenForm.team_id) == team.id, col(OpenForm.user_id) == user_id)
        async with self._db.write() as session:
            insert = session.insert_into(OpenForm).values(values)
            await session.exec(insert.on_conflict_do_update(index_elements=["id"], set_=values, where=mine))

    async def choose(self, team: Team, user_id: str, form_id: str, where: Filter | None) -> OpenForm | None:
        """Keep a filter; None: the form is older than a day."""
        async with self._db.write() as session:
            row = await session.get(OpenForm, form_id, with_for_update=True)
            if row is None or (row.team_id, row.user_id) != (team.id, user_id):
                return None
            row.chosen = where.to_json() if where else {}
            session.add(row)
        return row

    async def forget(self) -> None:
        """Forget what is older than a day."""
        async with self._db.write() as session:
            await session.exec(delete(OpenForm).where(col(OpenForm.at) < session.now - KEPT))

    async def broadcasts(self, team: Team, chosen: Sequence[str]) -> list[Broadcast]:
        """Return the last broadcasts that were sent, and those that are chosen, the newest first.

        Those whose recipients are not kept any more are not among them: nobody knows who got them.
        """
        known = (Broadcast.team_id == team.id, col(Broadcast.recipients_gone_at).is_(None))
        sent = (*known, Broadcast.kind == SendKind.BROADCAST, col(Broadcast.started_at).is_not(None))
        newest_first = (col(Broadcast.started_at).desc(), col(Broadcast.id))
        async with self._db.read() as session:
            last = list(await session.exec(select(Broadcast.id).where(*sent).order_by(*newest_first).limit(LAST)))
            these = (*known, col(Broadcast.id).in_([*last, *chosen]))
            found = select(Broadcast).where(*these).order_by(*newest_first).options(*_WITHOUT_CONTENT)
            return list(await session.exec(found))
