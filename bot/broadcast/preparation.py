"""From what a person composed to a draft with its numbers; nothing goes out before a person confirms it."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bot.broadcast.audience.import_limits import ImportLimits
from bot.broadcast.audience.saved import audience_name, check_room, save_as
from bot.broadcast.audience_choice import AudienceChoices, ChosenAudience, store_upload
from bot.broadcast.codes import BroadcastCode
from bot.broadcast.content.codes import ContentCode
from bot.broadcast.content.html_body import SAME_PAGE, is_html
from bot.broadcast.content.look import look_of
from bot.broadcast.content.message import CompiledMessage
from bot.broadcast.controls import AfterChange, BroadcastControls, no_op, require_version
from bot.broadcast.draft import Addresses, Draft, Edited, Prepared, Upload, check_start, compile_draft
from bot.broadcast.draft_store import lock_team, new_draft, put_draft, source_now
from bot.broadcast.open_limits import check_drafts
from bot.broadcast.preflight import Preflight
from bot.broadcast.reporting.numbers import numbers_of
from bot.errors import BotError, require
from storage import Audience, Broadcast, BroadcastState, Database, SendKind, Session, Team

HELD = timedelta(days=1)

AfterPreparing = Callable[[Session, Prepared], Awaitable[None]]
"""Something that is done in the transaction that keeps a draft."""


class Preparation(BroadcastControls):
    def __init__(
        self,
        db: Database,
        preflight: Preflight,
        *,
        undo_seconds: float,
        public_url: str,
        call_bytes: int,
    ) -> None:
        """Without a `public_url` unsubscribing goes by mail; `call_bytes` is what a call to SES may hold."""
        super().__init__(db, preflight, undo_seconds=undo_seconds)
        self._public_url = public_url
        self._call_bytes = call_bytes
        self.imports = ImportLimits()
        self._choices = AudienceChoices(db, self.imports, self._fix)

    async def hold(self, team: Team, by: str, upload: Upload, draft: Draft | None = None) -> Audience:
        """Read an audience and hold it, for a day, for the broadcast that this person is going to write to it.

        `draft`: as far as that is written.

        Raises:
            BotError: about the file.
        """
        async with self.imports.turn(team.id, waits=upload.waits):
            sheet = await asyncio.to_thread(upload.read, draft)
            now = self._db.now()
            return await store_upload(self._db, team, by, upload, sheet, now, held_until=now + HELD)

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
                audience, save_as, saved_audience, send_at, and those of the selection) holds what cannot be sent.
        """
        draft = await self._whole(team, draft, edited)
        broadcast, _ = await self._begun(team, by, draft, start_at, edited)
        name = await self._name(team, save_as)
        async with self._choices.source(team, by, draft, source) as chosen:
            return await self._keep(team, broadcast, chosen, by, edited, name, also)

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
        async with (
            self._choices.source(team, by, draft, source, has_text=False) as chosen,
            self._choices.selected(chosen, by, edited) as audience,
        ):
            return await self._put(team, chosen.of(broadcast, audience), by, edited, also)

    async def audience_of(
        self, team: Team, broadcast_id: str, version: int, states: Collection[BroadcastState] = (BroadcastState.DRAFT,)
    ) -> Audience:
        """Return the audience of a draft, or of what is in one of these states.

        Raises:
            BotError: NOT_FOUND, ALREADY, or AUDIENCE_MISSING.
        """
        broadcast = require_version(await self.get(team, broadcast_id), team, version, states)
        audience_id = require(broadcast.audience_id, BroadcastCode.AUDIENCE_MISSING)
        async with self._db.read() as session:
            return await session.get_one(Audience, audience_id)

    async def read_again(self, team: Team, by: str, edited: Edited, upload: Upload) -> Prepared:
        """Read the file of a draft again with another choice; the draft gets the new audience.

        A name that the audience has goes over to the new one.

        Raises:
            BotError: NOT_FOUND, ALREADY, NotReadyError, or about the file or a field; the draft stays as it was.
        """
        old, broadcast = await self.source_of(team, edited)
        async with self._choices.source(team, old.created_by, Draft.of(broadcast), upload) as chosen:
            return await self._keep(team, broadcast, chosen, by, edited, old.name)

    async def prepared(
        self, team: Team, broadcast_id: str, version: int, states: Collection[BroadcastState] = (BroadcastState.DRAFT,)
    ) -> Prepared:
        """Return a draft that waits to be confirmed, with its numbers as they are now.

        Raises:
            BotError: NOT_FOUND, ALREADY, AUDIENCE_MISSING, or NotReadyError.
        """
        audience = await self.audience_of(team, broadcast_id, version, states)
        return await numbers_of(self._db, self._preflight, team, await self.get(team, broadcast_id), audience)

    async def check(self, team: Team, by: str, edited: Edited) -> Prepared:
        """The same, with its text compiled again: the settings or the audience may be others than they were.

        Raises:
            BotError: NOT_FOUND, ALREADY, AUDIENCE_MISSING, NotReadyError, or a field holds what cannot be sent.
        """
        source, broadcast = await self.source_of(team, edited)
        async with self._choices.source(team, by, Draft.of(broadcast), source) as chosen:
            return await self._keep(team, broadcast, chosen, by, edited, "")

    async def source_of(self, team: Team, edited: Edited) -> tuple[Audience, Broadcast]:
        """Return the audience that was chosen for a draft, a saved one as it is now, and the draft.

        Raises:
            BotError: NOT_FOUND, ALREADY, or AUDIENCE_MISSING.
        """
        await self.audience_of(team, edited.id, edited.version)
        broadcast = await self.get(team, edited.id)
        async with self._db.read() as session:
            return require(await source_now(session, team, broadcast), BroadcastCode.AUDIENCE_MISSING), broadcast

    async def _whole(self, team: Team, draft: Draft, edited: Edited | None) -> Draft:
        """Return a draft with its HTML page, where that is to stay."""
        if draft.body != SAME_PAGE:
            return draft
        kept = (await self.get(team, edited.id)).body if edited else {}
        if not is_html(kept):
            raise BotError(ContentCode.BODY_EMPTY, "Choose an HTML file.", field="html")
        return replace(draft, body=kept)

    async def _begun(
        self,
        team: Team,
        by: str,
        draft: Draft,
        start_at: datetime | None,
        edited: Edited | None,
    ) -> tuple[Broadcast, Addresses]:
        """Check what takes no long file to check, and return a draft without its audience."""
        addresses = Addresses.of(draft)
        start_at = check_start(start_at, self._db.now())
        if edited:
            require_version(await self.get(team, edited.id), team, edited.version, edited.states)
        else:
            async with self._db.read() as session:
                await check_drafts(session, team)
        mailer, _ = await self._preflight.check(team, addresses.sender, SendKind.BROADCAST, 1)
        broadcast = new_draft(mailer, draft, addresses, by, self._db.now())
        broadcast.start_at = start_at
        return broadcast, addresses

    async def _fix(
        self, team: Team, draft: Draft, addresses: Addresses, kind: SendKind, columns: Sequence[str] | None
    ) -> CompiledMessage:
        """Compile the message in a thread: a program may send 100 KB of it, and nobody else waits for that."""
        async with self._db.read() as session:
            look = await look_of(session, team.id)
        way_out, call_bytes = self._public_url, self._call_bytes
        return await asyncio.to_thread(compile_draft, team, look, draft, addresses, kind, columns, way_out, call_bytes)

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
        chosen: ChosenAudience,
        by: str,
        edited: Edited | None,
        name: str,
        also: AfterPreparing = no_op,
    ) -> Prepared:
        source = chosen.source
        broadcast.template = chosen.message.to_json() if chosen.message else {}
        async with self._choices.selected(chosen, by, edited) as audience:
            prepared = await numbers_of(self._db, self._preflight, team, chosen.of(broadcast, audience), audience)
            if prepared.suppressed == audience.size:
                field = "saved_audience" if source.name else "audience"
                raise BotError(BroadcastCode.AUDIENCE_NO_RECIPIENTS, field=field)
            async with self._db.write() as session:
                await lock_team(session, team)
                if name and name != source.name:
                    await save_as(session, team, source, name, source.created_by, session.now)
                broadcast.audience_name, broadcast.audience_revision = source.name, source.revision
                kept = await put_draft(session, team, broadcast, by, edited)
                prepared = replace(prepared, broadcast=kept)
                await also(session, prepared)
        return prepared

    async def _put(
        self, team: Team, broadcast: Broadcast, by: str, edited: Edited | None, also: AfterChange
    ) -> Broadcast:
        async with self._db.write() as session:
            return await put_draft(session, team, broadcast, by, edited, also)
