"""Broadcasts as a team looks back on them: the last ones, page by page, one of them, the list of its recipients."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlmodel import col, func, select

from bot.alerts.outbox import Notice, key_of
from bot.broadcast.codes import BroadcastCode
from bot.broadcast.drafts import is_discarded, is_draft
from bot.broadcast.reporting.progress import Progress, progress_of
from bot.errors import BotError
from storage import Broadcast, Outbox, Repository, SendKind, Team, audit

PAGE: Final = 5


@dataclass(frozen=True, slots=True)
class ReportPage:
    """Some of a team's broadcasts, the newest first. `number` counts from 0; there is at least one page."""

    items: Sequence[Progress]
    number: int
    pages: int


class Reports(Repository):
    async def page(self, team: Team, number: int) -> ReportPage:
        """Return the page with this number, or the last one where there are fewer; drafts and tests are in none."""
        ours = (Broadcast.team_id == team.id, Broadcast.kind == SendKind.BROADCAST, ~is_draft, ~is_discarded)
        newest_first = (col(Broadcast.created_at).desc(), col(Broadcast.id))
        async with self._db.read() as session:
            total = (await session.exec(select(func.count()).select_from(Broadcast).where(*ours))).one()
            pages = max(1, -(-total // PAGE))
            number = min(max(number, 0), pages - 1)
            page = select(Broadcast.id).where(*ours).order_by(*newest_first).limit(PAGE).offset(number * PAGE)
            ids = (await session.exec(page)).all()
            items = [await progress_of(session, each) for each in ids]
        return ReportPage([item for item in items if item], number, pages)

    async def one(self, team: Team, broadcast_id: str) -> Progress:
        """Raises BotError NOT_FOUND, the same for one that is missing and one of another team."""
        async with self._db.read() as session:
            found = await progress_of(session, broadcast_id)
        if found is None or found.broadcast.team_id != team.id:
            raise BotError(BroadcastCode.NOT_FOUND)
        return found

    async def ask_for_list(self, team: Team, broadcast_id: str, by: str) -> Broadcast:
        """Have the list of recipients brought to this person; asked for again before it is there, it comes once.

        Raises:
            BotError: NOT_FOUND.
        """
        broadcast = (await self.one(team, broadcast_id)).broadcast
        key = key_of(Notice.LIST, broadcast.id, by)
        async with self._db.write() as session:
            await session.get(Broadcast, broadcast.id, with_for_update=True)  # of two clicks one comes second
            row = (await session.exec(select(Outbox).where(Outbox.key == key).with_for_update())).first()
            if row is not None and row.due_at is not None:
                return broadcast
            row = row or Outbox(
                team_id=team.id,
                key=key,
                kind=Notice.LIST,
                record_id=broadcast.id,
                user_id=by,
                is_file=True,
                wanted=0,
                created_at=session.now,
            )
            row.wanted, row.due_at, row.ts = row.wanted + 1, session.now, ""
            session.add(row)
            audit.record(session, team.id, by, "broadcast.list", session.now, broadcast.id)
        return broadcast
