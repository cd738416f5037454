"""The audience that somebody chose for a draft: read, where it is a file, and narrowed to who is selected of it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from bot.broadcast.audience.csv_reader import CsvAudience
from bot.broadcast.audience.import_limits import ImportLimits
from bot.broadcast.audience.import_summary import ImportSummary
from bot.broadcast.audience.selection.resolution import Resolved, Selections, address_column
from bot.broadcast.audience.store import Progress, forget_audience, no_progress, store_audience
from bot.broadcast.content.message import CompiledMessage
from bot.broadcast.draft import Addresses, Draft, Edited, Upload
from storage import Audience, Broadcast, Database, SendKind, Team

Compile = Callable[[Team, Draft, Addresses, SendKind, Sequence[str] | None], Awaitable[CompiledMessage]]
"""Compiles a draft for an audience with these columns."""


@dataclass(frozen=True, slots=True)
class ChosenAudience:
    """An audience, what is selected of it, and the message as it is compiled for that; None: it says nothing yet."""

    source: Audience
    resolved: Resolved
    message: CompiledMessage | None
    progress: Progress = no_progress

    def of(self, broadcast: Broadcast, audience: Audience) -> Broadcast:
        """Have a broadcast go to this audience, which was selected from the one that was chosen, or is that."""
        broadcast.audience_id, broadcast.size = audience.id, audience.size
        broadcast.audience_name, broadcast.audience_revision = self.source.name, self.source.revision
        broadcast.source_id = self.source.id if audience.id != self.source.id else None
        return broadcast


async def store_upload(
    db: Database,
    team: Team,
    by: str,
    upload: Upload,
    sheet: CsvAudience,
    now: datetime,
    *,
    held_until: datetime | None = None,
) -> Audience:
    """Store the rows of an upload, whose header is read, as they are read.

    Raises:
        BotError: about the file.
    """
    audience = Audience(
        team_id=team.id,
        columns=list(sheet.columns),
        file_name=upload.name,
        file_id=upload.file_id,
        held_until=held_until,
        created_by=by,
        created_at=now,
    )
    await store_audience(
        db, audience, sheet.rows, upload.rejects.add, upload.progress, lambda: ImportSummary.of(sheet).to_json()
    )
    return audience


class AudienceChoices:
    def __init__(self, db: Database, imports: ImportLimits, compile_for: Compile) -> None:
        self._db = db
        self._imports = imports
        self._compile_for = compile_for
        self._selections = Selections(db)

    @asynccontextmanager
    async def source(
        self, team: Team, owner: str, draft: Draft, source: Upload | Audience, *, has_text: bool = True
    ) -> AsyncIterator[ChosenAudience]:
        """Read an audience, unless it was before, and compile the message for what is selected of it.

        If the body fails, what was read is forgotten.

        Raises:
            BotError: about the file, the message, or what is selected.
        """
        if isinstance(source, Audience):
            of_source = source.columns, address_column(source)
            yield ChosenAudience(source, *await self._resolved(team, draft, *of_source, has_text=has_text))
            return
        async with self._imports.turn(team.id, waits=source.waits):
            sheet = await asyncio.to_thread(source.read, draft)
            resolved, message = await self._resolved(
                team, draft, sheet.columns, sheet.address_column, has_text=has_text
            )
            audience = await store_upload(self._db, team, owner, source, sheet, self._db.now())
        try:
            yield ChosenAudience(audience, resolved, message, source.progress)
        except BaseException:
            await forget_audience(self._db, audience.id)
            raise

    async def _resolved(
        self, team: Team, draft: Draft, columns: Sequence[str], addresses: str, *, has_text: bool
    ) -> tuple[Resolved, CompiledMessage | None]:
        resolved = await self._selections.resolve(team, draft.selection, columns, addresses)
        if not has_text:
            return resolved, None
        sender, shown = Addresses.of(draft), resolved.columns(columns)
        return resolved, await self._compile_for(team, draft, sender, SendKind.BROADCAST, shown)

    @asynccontextmanager
    async def selected(self, chosen: ChosenAudience, by: str, edited: Edited | None) -> AsyncIterator[Audience]:
        """Yield whom it goes to, which a draft may have already; what was selected is forgotten if the body fails.

        Raises:
            BotError: AUDIENCE_NO_RECIPIENTS.
        """
        now: Audience | None = None
        if edited:
            async with self._db.read() as session:
                broadcast = await session.get(Broadcast, edited.id)
                if broadcast and broadcast.audience_id:
                    now = await session.get(Audience, broadcast.audience_id)
        async with self._selections.selected(chosen.source, chosen.resolved, by, now, chosen.progress) as audience:
            yield audience
