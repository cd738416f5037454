"""Drafts: edited, by two people too, discarded, made of a broadcast that was; `/broadcast drafts`."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from slack_sdk.models.views import View

from bot.broadcast.audience.codes import SELECTION_CODES
from bot.broadcast.audience.selection.selection import Selection
from bot.broadcast.broadcasts import Broadcasts, Draft
from bot.broadcast.content.html_body import SAME_PAGE, is_html
from bot.broadcast.controls import require_version
from bot.broadcast.draft import Edited
from bot.broadcast.drafts import Drafts
from bot.errors import BotError
from handlers.slack import ids
from handlers.slack.dispatch.registration import Form, Listener, Permission, Request, Subcommand
from handlers.slack.flows.broadcasts import BroadcastFlow
from handlers.slack.flows.compose import (
    READING,
    Composer,
    check_editor,
    chosen_in,
    kept_images,
    lost_files,
    named,
    typed,
)
from handlers.slack.views import drafts as views
from handlers.slack.views.blocks import Modal, Reply
from handlers.slack.views.compose import BROADCAST_TITLE, Recipients
from handlers.slack.views.confirmations import CHECK_TITLE
from storage import Broadcast, BroadcastState


class DraftFlow:
    def __init__(
        self,
        *,
        composer: Composer,
        composing: BroadcastFlow,
        broadcasts: Broadcasts,
        drafts: Drafts,
        clock: Callable[[], datetime],
    ) -> None:
        self._composer = composer
        self._composing = composing
        self._broadcasts = broadcasts
        self._drafts = drafts
        self._clock = clock

    def words(self) -> list[Subcommand]:
        return [Subcommand("drafts", "what you have written and not sent", Permission.SEND, self.page)]

    def listeners(self) -> list[Listener | Form]:
        send = Permission.SEND
        return [
            Listener(ids.Button.EDIT, send, self.edit, opens=BROADCAST_TITLE),
            Listener(ids.Button.BACK, send, self.edit, opens=BROADCAST_TITLE),
            Listener(ids.Button.CHECK_DRAFT, send, self.check, opens=CHECK_TITLE),
            Listener(ids.Button.DISCARD, send, self.discard),
            Listener(ids.Button.CHANGE_AUDIENCE, send, self.change_audience),
            Listener(ids.Button.TAKE_THEIRS, send, self.check),
            Listener(ids.Button.USE_AGAIN, send, self.use_again, opens=BROADCAST_TITLE),
            Listener(ids.Input.CONTENT, send, self.choose_content),
            Listener(ids.Button.NEW_CANVAS, send, self.new_canvas),
            Form(ids.Form.EDIT_BROADCAST, send, self.save, READING, self.redraw),
        ]

    async def page(self, request: Request) -> Reply:
        drafts = self._drafts
        found = await drafts.of(request.team, request.user_id, views.SHOWN)
        names = await drafts.tokens_of(draft for draft, _ in found)
        return views.drafts_message(found, await drafts.count(request.team, request.user_id), names)

    async def edit(self, request: Request) -> Reply:
        """Open the form with a draft as it is now; a scheduled broadcast becomes a draft first."""
        broadcast = await self._broadcasts.get(request.team, request.ref.record_id)
        if broadcast.state is not BroadcastState.DRAFT:
            broadcast = await self._broadcasts.undo(
                request.team, request.ref.record_id, request.ref.version, request.user_id, action="broadcast.edit"
            )
        check_editor(request, broadcast)
        return Modal(await self._form(request, broadcast))

    async def change_audience(self, request: Request) -> Reply:
        """Draw the form so that another audience can be chosen; what is typed stays."""
        draft = await self._draft(request)
        return Modal(await self._form(request, draft, typed(request.values), chosen_in(request), ref=request.ref))

    async def choose_content(self, request: Request) -> Reply:
        """Draw the form, of a new broadcast or of a draft, with the field of another content; what is typed stays."""
        return Modal(await self._with_content(request, typed(request.values)))

    async def new_canvas(self, request: Request) -> Reply:
        """Make a canvas, and draw the form with the link to it."""
        content = typed(request.values)
        body = {**content.body, "canvas": await self._composer.new_canvas(request)}
        return Modal(await self._with_content(request, replace(content, body=body)))

    async def _with_content(self, request: Request, content: Draft) -> View:
        if not request.ref.version:
            return await self._composing.form(request, content=content)
        return await self._again(request, await self._draft(request), content=content)

    async def save(self, request: Request) -> Reply:
        """Save over the draft, unless somebody has changed it since the form was opened."""
        draft = await self._draft(request)
        if draft.version != request.ref.version:
            return Modal(await self._changed(request, draft))
        edited = Edited(draft.id, draft.version)
        return await self._composing.next(request, edited, kept=await self._drafts.audience(request.team, draft))

    async def redraw(self, request: Request, notice: str) -> View:
        draft = await self._draft(request)
        return await self._again(request, draft, f"{notice}{lost_files(request.values)}")

    async def _again(self, request: Request, draft: Broadcast, notice: str = "", content: Draft | None = None) -> View:
        """Draw the form of a draft again, with what is typed."""
        chosen = await self._chosen(request, draft)
        return await self._form(
            request, draft, content or typed(request.values), chosen, notice=notice, ref=request.ref
        )

    async def check(self, request: Request) -> Reply:
        """Show a draft to be confirmed."""
        draft = await self._draft(request)
        require_version(draft, request.team, request.ref.version, {BroadcastState.DRAFT})
        if draft.audience_id is None:
            return Modal(views.draft_saved_page(draft))
        edited = Edited(draft.id, draft.version)
        try:
            prepared = await self._broadcasts.check(request.team, request.user_id, edited)
        except BotError as error:
            if error.code not in SELECTION_CODES or not draft.selection:
                raise
            return Modal(views.nobody_selected_page(draft, error), otherwise=error.text)
        return await self._composing.confirmation(request, prepared)

    async def discard(self, request: Request) -> Reply:
        if not request.is_admin:
            check_editor(request, await self._broadcasts.get(request.team, request.ref.record_id))
        draft = await self._broadcasts.discard(
            request.team, request.ref.record_id, request.ref.version, request.user_id
        )
        return views.discarded_message(draft)

    async def use_again(self, request: Request) -> Reply:
        copied = await self._drafts.copy(request.team, request.ref.record_id, request.user_id)
        return Modal(await self._form(request, copied.draft, notice=views.used_again_notice(copied)))

    async def _draft(self, request: Request) -> Broadcast:
        """Return the draft that a form or a button is about, for a person who may change it.

        Raises:
            BotError: NOT_FOUND, ALREADY, or NOT_ALLOWED.
        """
        draft = await self._broadcasts.get(request.team, request.ref.record_id)
        require_version(draft, request.team, draft.version, {BroadcastState.DRAFT})
        check_editor(request, draft)
        return draft

    async def _changed(self, request: Request, draft: Broadcast) -> View:
        """Draw the form again, as it was filled, with what the other one changed: sent again, it is saved over that."""
        changes = await self._drafts.changes_since(draft, request.ref.version)
        ref = ids.Ref(request.team.id, draft.id, draft.version)
        chosen, notice = await self._chosen(request, draft), lost_files(request.values).strip()
        view = await self._form(request, draft, await named(request), chosen, notice=notice)
        view.blocks = [*views.changed_meanwhile_blocks(draft, changes, ref), *(view.blocks or [])]
        return view

    async def _chosen(self, request: Request, draft: Broadcast) -> Recipients:
        """Return what is chosen in the form, with the audience of the draft where nobody is choosing another."""
        choosing = ids.Input.AUDIENCE in request.values
        return replace(chosen_in(request), held=None if choosing else await self._drafts.audience(request.team, draft))

    async def _form(
        self,
        request: Request,
        draft: Broadcast,
        content: Draft | None = None,
        chosen: Recipients | None = None,
        *,
        notice: str = "",
        ref: ids.Ref | None = None,
    ) -> View:
        if chosen is None:
            audience = await self._drafts.audience(request.team, draft)
            past = draft.start_at is not None and draft.start_at <= self._clock()
            at = int(draft.start_at.timestamp()) if draft.start_at and not past else None
            chosen = Recipients(held=audience, send_at=at)
            late = "The time chosen for it is past: choose another, or none to send now. " if past else ""
            lost = await self._composer.lost(request, Selection.from_json(draft.selection))
            notice = notice or f"{late}{lost}".strip()
        ref = ref or ids.Ref(request.team.id, draft.id, draft.version)
        content = content or Draft.of(draft)
        if content.body == SAME_PAGE and is_html(draft.body):
            content = replace(content, body=draft.body)
        selection = Selection.from_json(draft.selection)
        content = replace(content, images=kept_images(request, draft.images), selection=selection)
        return await self._composer.form(request, content, chosen, notice=notice, edits=ref)
