"""From what a person composed to a draft with its numbers; nothing goes out before a person confirms it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta

from sqlmodel.ext.asyncio.session import AsyncSession

from bot.broadcast.audience.csv_reader import CsvAudience
from bot.broadcast.audience.import_limits import ImportLimits
from bot.broadcast.audience.import_summary import ImportSummary
from bot.broadcast.audience.saved import audience_name, check_room, save_as
from bot.broadcast.audience.store import forget_audience, store_audience
from bot.broadcast.codes import BroadcastCode
from bot.broadcast.content.codes import ContentCode
from bot.broadcast.content.html_body import SAME_PAGE, is_html
from bot.broadcast.content.look import look_of
from bot.broadcast.content.message import CompiledMessage
from bot.broadcast.controls import AfterChange, BroadcastControls, no_op, require_version
from bot.broadcast.draft import Addresses, Draft, Edited, Prepared, Upload, check_start, compile_draft
from bot.broadcast.draft_store import lock_team, new_draft, put_draft
from bot.broadcast.open_limits import check_drafts
from bot.broadcast.preflight import Preflight
from bot.broadcast.reporting.numbers import Numbers
from bot.errors import BotError
from storage.database import Database
from storage.models import Audience, Broadcast, Team
from storage.states import BroadcastState, SendKind

HELD = timedelta(days=1)

AfterPreparing = Callable[[AsyncSession, Prepared], Awaitable[None]]
"""Something that is done in the transaction that keeps a draft."""


class Preparation(BroadcastControls):
    def __init__(
        self,
        db: Database,
        clock: Callable[[], datetime],
        preflight: Preflight,
        *,
        undo_seconds: float,
        public_url: str,
        call_bytes: int,
    ) -> None:
        """Without a `public_url` unsubscribing goes by mail; `call_bytes` is what a call to SES may hold."""
        super().__init__(db, clock, preflight, undo_seconds=undo_seconds)
        self._public_url = public_url
        self._call_bytes = call_bytes
        self.imports = ImportLimits()
        self._numbers = Numbers(db, clock, preflight)

    async def hold(self, team: Team, by: str, upload: Upload) -> Audience:
        """Read an audience and hold it, for a day, for the broadcast that this person is going to write to it.

        Raises:
            BotError: about the file.
        """
        async with self.imports.turn(team.id, waits=upload.waits):
            sheet = await asyncio.to_thread(upload.read)
            return await self._store(team, by, upload, sheet, held_until=self._clock() + HELD)

    async def prepare(
        self,
        team: Team,
        by: str,
        draft: Draft,
        source: Upload | Audience,
        start_at: datetime | None,
        *,
        save_as: str = "",
        edited: Edited | None = None,
        also: AfterPreparing = no_op,
    ) -> Prepared:
        """Read the audience, unless it was before, and fix the message, as a new draft or in the place of one.

        `save_as`: the name to keep the audience under; none: it gets no other than it has.

        Raises:
            BotError: NOT_FOUND, ALREADY, NotReadyError, or a field (from, reply_to, subject, preheader, message,
                audience, save_as, saved_audience, send_at) holds what cannot be sent.
        """
        draft = await self._whole(team, draft, edited)
        broadcast, addresses = await self._begun(team, by, draft, start_at, edited)
        name = await self._name(team, save_as)
        if isinstance(source, Audience):
            fixed = await self._fix(team, draft, addresses, SendKind.BROADCAST, source.columns)
            return await self._keep(team, broadcast, source, fixed, by, edited, name, also)
        async with self._reading(team, by, draft, source) as (audience, fixed):
            return await self._keep(team, broadcast, audience, fixed, by, edited, name, also)

    async def save(
        self,
        team: Team,
        by: str,
        draft: Draft,
        start_at: datetime | None,
        edited: Edited | None = None,
        *,
        also: AfterChange = no_op,
    ) -> Broadcast:
        """Keep a draft that has no audience yet. Raises as `prepare`."""
        draft = await self._whole(team, draft, edited)
        broadcast, addresses = await self._begun(team, by, draft, start_at, edited)
        fixed = await self._fix(team, draft, addresses, SendKind.BROADCAST, None)
        broadcast.template = fixed.to_json()
        return await self._put(team, broadcast, by, edited, also)

    async def save_without_text(
        self,
        team: Team,
        by: str,
        draft: Draft,
        source: Upload | Audience | None,
        start_at: datetime | None,
        edited: Edited | None = None,
        *,
        also: AfterChange = no_op,
    ) -> Broadcast:
        """The same of one that says nothing yet."""
        broadcast, _ = await self._begun(team, by, draft, start_at, edited)
        if source is None:
            return await self._put(team, broadcast, by, edited, also)
        if isinstance(source, Audience):
            return await self._put(team, _to(broadcast, source), by, edited, also)
        async with self.imports.turn(team.id, waits=source.waits):
            audience = await self._store(team, by, source, await asyncio.to_thread(source.read, draft))
        async with self._unless_kept(audience):
            return await self._put(team, _to(broadcast, audience), by, edited, also)

    async def audience_of(
        self, team: Team, broadcast_id: str, version: int, states: Collection[BroadcastState] = (BroadcastState.DRAFT,)
    ) -> Audience:
        """Return the audience of a draft, or of what is in one of these states.

        Raises:
            BotError: NOT_FOUND, ALREADY, or AUDIENCE_MISSING.
        """
        broadcast = require_version(await self.get(team, broadcast_id), team, version, states)
        if broadcast.audience_id is None:
            raise BotError(BroadcastCode.AUDIENCE_MISSING)
        async with self._db.read() as session:
            return await session.get_one(Audience, broadcast.audience_id)

    async def read_again(self, team: Team, by: str, edited: Edited, upload: Upload) -> Prepared:
        """Read the file of a draft again with another choice; the draft gets the new audience.

        A name that the audience has goes over to the new one.

        Raises:
            BotError: NOT_FOUND, ALREADY, NotReadyError, or about the file or a field; the draft stays as it was.
        """
        old = await self.audience_of(team, edited.id, edited.version)
        broadcast = await self.get(team, edited.id)
        async with self._reading(team, old.created_by, Draft.of(broadcast), upload) as (audience, fixed):
            return await self._keep(team, broadcast, audience, fixed, by, edited, old.name)

    async def prepared(
        self, team: Team, broadcast_id: str, version: int, states: Collection[BroadcastState] = (BroadcastState.DRAFT,)
    ) -> Prepared:
        """Return a draft that waits to be confirmed, with its numbers as they are now.

        Raises:
            BotError: NOT_FOUND, ALREADY, AUDIENCE_MISSING, or NotReadyError.
        """
        audience = await self.audience_of(team, broadcast_id, version, states)
        return await self._numbers.of(team, await self.get(team, broadcast_id), audience)

    async def check(self, team: Team, by: str, edited: Edited) -> Prepared:
        """The same, with its text compiled again: the settings or the audience may be others than they were.

        Raises:
            BotError: NOT_FOUND, ALREADY, AUDIENCE_MISSING, NotReadyError, or a field holds what cannot be sent.
        """
        audience = await self.audience_of(team, edited.id, edited.version)
        broadcast = await self.get(team, edited.id)
        draft = Draft.of(broadcast)
        fixed = await self._fix(team, draft, Addresses.of(draft), SendKind.BROADCAST, audience.columns)
        return await self._keep(team, broadcast, audience, fixed, by, edited, "")

    async def _whole(self, team: Team, draft: Draft, edited: Edited | None) -> Draft:
        """Return a draft with its HTML page, where that is to stay."""
        if draft.body != SAME_PAGE:
            return draft
        kept = (await self.get(team, edited.id)).body if edited else {}
        if not is_html(kept):
            raise BotError(ContentCode.BODY_EMPTY, "Choose an HTML file.", field="html")
        return replace(draft, body=kept)

    async def _begun(
        self, team: Team, by: str, draft: Draft, start_at: datetime | None, edited: Edited | None
    ) -> tuple[Broadcast, Addresses]:
        """Check what takes no long file to check, and return a draft without its audience."""
        addresses = Addresses.of(draft)
        start_at = check_start(start_at, self._clock())
        if edited:
            require_version(await self.get(team, edited.id), team, edited.version, edited.states)
        else:
            async with self._db.read() as session:
                await check_drafts(session, team)
        mailer, _ = await self._preflight.check(team, addresses.sender, SendKind.BROADCAST, 1)
        broadcast = new_draft(mailer, draft, addresses, by, self._clock())
        broadcast.start_at = start_at
        return broadcast, addresses

    @asynccontextmanager
    async def _reading(
        self, team: Team, owner: str, draft: Draft, upload: Upload
    ) -> AsyncIterator[tuple[Audience, CompiledMessage]]:
        """Read an audience, and compile the message for its columns; if the body fails, the audience is forgotten."""
        async with self.imports.turn(team.id, waits=upload.waits):
            sheet = await asyncio.to_thread(upload.read, draft)
            fixed = await self._fix(team, draft, Addresses.of(draft), SendKind.BROADCAST, sheet.columns)
            audience = await self._store(team, owner, upload, sheet)
        async with self._unless_kept(audience):
            yield audience, fixed

    @asynccontextmanager
    async def _unless_kept(self, audience: Audience) -> AsyncIterator[None]:
        try:
            yield
        except BaseException:
            await forget_audience(self._db, audience.id)
            raise

    async def _fix(
        self, team: Team, draft: Draft, addresses: Addresses, kind: SendKind, columns: Sequence[str] | None
    ) -> CompiledMessage:
        """Compile the message in a thread: a program may send 100 KB of it, and nobody else waits for that."""
        async with self._db.read() as session:
            look = await look_of(session, team.id)
        way_out, call_bytes = self._public_url, self._call_bytes
        return await asyncio.to_thread(compile_draft, team, look, draft, addresses, kind, columns, way_out, call_bytes)

    async def _store(
        self, team: Team, by: str, upload: Upload, sheet: CsvAudience, held_until: datetime | None = None
    ) -> Audience:
        audience = Audience(
            team_id=team.id,
            columns=list(sheet.columns),
            file_name=upload.name,
            file_id=upload.file_id,
            held_until=held_until,
            created_by=by,
            created_at=self._clock(),
        )
        await store_audience(
            self._db, audience, sheet, upload.rejects.add, upload.progress, lambda: ImportSummary.of(sheet).to_json()
        )
        return audience

    async def _name(self, team: Team, typed: str) -> str:
        """Return the name to save under, known to be free or to be handed over."""
        if name := audience_name(typed):
            async with self._db.read() as session:
                await check_room(session, team, name)
        return name

    async def _keep(
        self,
        team: Team,
        broadcast: Broadcast,
        audience: Audience,
        fixed: CompiledMessage,
        by: str,
        edited: Edited | None,
        name: str,
        also: AfterPreparing = no_op,
    ) -> Prepared:
        broadcast.template = fixed.to_json()
        prepared = await self._numbers.of(team, _to(broadcast, audience), audience)
        if prepared.suppressed == audience.size:
            field = "saved_audience" if audience.name else "audience"
            raise BotError(BroadcastCode.AUDIENCE_NO_RECIPIENTS, field=field)
        async with self._db.write() as session:
            await lock_team(session, team)
            if name and name != audience.name:
                await save_as(session, team, audience, name, audience.created_by, self._clock())
            broadcast.audience_name, broadcast.audience_revision = audience.name, audience.revision
            kept = await put_draft(session, team, broadcast, by, edited, self._clock())
            prepared = replace(prepared, broadcast=kept)
            await also(session, prepared)
        return prepared

    async def _put(
        self, team: Team, broadcast: Broadcast, by: str, edited: Edited | None, also: AfterChange
    ) -> Broadcast:
        async with self._db.write() as session:
            return await put_draft(session, team, broadcast, by, edited, self._clock(), also)


def _to(broadcast: Broadcast, audience: Audience) -> Broadcast:
    broadcast.audience_id, broadcast.size = audience.id, audience.size
    broadcast.audience_name, broadcast.audience_revision = audience.name, audience.revision
    return broadcast
