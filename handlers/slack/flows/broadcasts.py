"""`/broadcast`: write it, see the numbers, send it; then pause, resume, cancel."""

from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from slack_sdk.models.views import View

from bot.broadcast.audience.header_detection import Choice
from bot.broadcast.audience.import_summary import ImportSummary
from bot.broadcast.audience.saved import Audiences
from bot.broadcast.audience.selection.selection import NOTHING_SELECTED, Selection
from bot.broadcast.broadcasts import Broadcasts, Draft, Prepared, Upload
from bot.broadcast.content.warnings import changes_in_words
from bot.broadcast.draft import Edited
from bot.broadcast.drafts import Drafts
from bot.errors import BotError, require
from handlers.slack import ids
from handlers.slack.codes import SlackCode
from handlers.slack.content.message_content import content_of
from handlers.slack.dispatch.registration import Form, Handler, Listener, Permission, Request, Subcommand
from handlers.slack.file_transfer import Files
from handlers.slack.flows.compose import (
    READING,
    Composer,
    check_editor,
    chosen_in,
    lost_files,
    to_begin_with,
    typed,
    upload_of,
)
from handlers.slack.flows.confirmations import all_shown, check_ticked
from handlers.slack.mentions import mentions_in
from handlers.slack.outbound.rejected_rows import send_rejects
from handlers.slack.views import compose as views
from handlers.slack.views import confirmations
from handlers.slack.views.blocks import Modal, Reply
from handlers.slack.views.drafts import draft_saved_page as without_audience
from handlers.slack.views.drafts import drafts_hint
from handlers.slack.views.mailer.status_card import not_ready_message
from storage import Audience, Broadcast, Team

Change = Callable[[Team, str, int, str], Awaitable[Broadcast]]


class BroadcastFlow:
    def __init__(
        self,
        *,
        composer: Composer,
        broadcasts: Broadcasts,
        drafts: Drafts,
        audiences: Audiences,
        files: Files,
        clock: Callable[[], datetime],
        undo_seconds: float,
        one_click: bool,
    ) -> None:
        """`one_click`: recipients can unsubscribe by a link."""
        self._composer = composer
        self._broadcasts = broadcasts
        self._drafts = drafts
        self._audiences = audiences
        self._files = files
        self._clock = clock
        self._undo_seconds = undo_seconds
        self._one_click = one_click

    def words(self) -> list[Subcommand]:
        return [Subcommand("", "write to an audience", Permission.SEND, self.open, opens=views.BROADCAST_TITLE)]

    def listeners(self) -> list[Listener | Form]:
        send = Permission.SEND
        broadcasts = self._broadcasts
        go_on = partial(broadcasts.resume, admin=True)
        return [
            Listener(ids.Button.NEW_BROADCAST, send, self.open, opens=views.BROADCAST_TITLE),
            Listener(ids.Shortcut.WRITE_BROADCAST, send, self.open, opens=views.BROADCAST_TITLE),
            Listener(ids.Button.WRITE_TO_AUDIENCE, send, self.write_to, opens=views.BROADCAST_TITLE),
            Listener(ids.Button.CHOOSE_ANOTHER, send, self.choose_another),
            Form(ids.Form.NEW_BROADCAST, send, self.prepare, READING, self.redraw),
            Listener(ids.Input.ADDRESS_COLUMN, send, self.read_again, waiting=READING),
            Listener(ids.Input.LEAVE_OUT, send, self.read_again, waiting=READING),
            Form(ids.Form.CONFIRM_BROADCAST, send, self.confirm, "One moment…"),
            Listener(ids.Button.UNDO, send, self._changing(broadcasts.undo)),
            Listener(ids.Button.PAUSE, send, self._changing(broadcasts.pause)),
            Listener(ids.Button.RESUME, send, self._changing(broadcasts.resume)),
            Listener(ids.Button.GO_ON, Permission.ADMINISTER, self._changing(go_on)),
            Listener(ids.Button.CANCEL, send, self._changing(broadcasts.cancel)),
        ]

    async def open(self, request: Request) -> Reply:
        """Open the form; from the menu of a message with what that says."""
        overview = await self._composer.fresh_overview(request)
        if not overview.answer.allowed:
            return not_ready_message(overview)
        said = content_of(request.at.message)
        draft = await to_begin_with(request, replace(await self._composer.starting_point(request), body=said.body))
        became = {"mention": mentions_in(said.body) - mentions_in(draft.body)}
        notice = f"In the message {changes_in_words(became)}. " if became["mention"] else ""
        if said.left_out:
            notice += f"A mail cannot have all of this message. Left out: {said.left_out}."
        view = await self._composer.form(request, draft, views.Recipients(images=said.images), notice=notice)
        if number := await self._drafts.count(request.team, request.user_id):
            view.blocks = [drafts_hint(number), *(view.blocks or [])]
        return Modal(view)

    async def write_to(self, request: Request) -> Reply:
        """Open the form for an audience, where the person closed the waiting view while it was read."""
        overview = await self._composer.fresh_overview(request)
        if not overview.answer.allowed:
            return not_ready_message(overview)
        draft, held = await self._composer.starting_point(request), await self._held(request)
        return Modal(
            await self._composer.form(
                request,
                draft,
                views.Recipients(held=held),
                notice="" if held else BotError(SlackCode.AUDIENCE_GONE).text,
            )
        )

    async def choose_another(self, request: Request) -> Reply:
        """Draw the form without the audience that it holds; what is typed stays."""
        return Modal(await self._composer.form(request, typed(request.values), chosen_in(request)))

    async def redraw(self, request: Request, notice: str) -> View:
        return await self.form(request, f"{notice}{lost_files(request.values)}")

    async def form(self, request: Request, notice: str = "", content: Draft | None = None) -> View:
        """Draw the form again, with what is typed, or another content."""
        chosen = replace(chosen_in(request), held=await self._held(request))
        return await self._composer.form(request, content or typed(request.values), chosen, notice=notice)

    async def _again(self, request: Request, held: Audience, notice: str) -> View:
        """Draw the form again with the file that was chosen in it, which Slack does not keep."""
        return await self._composer.form(
            request, typed(request.values), replace(chosen_in(request), held=held), notice=notice
        )

    async def _held(self, request: Request) -> Audience | None:
        return await self._audiences.held(request.team, request.ref.record_id, request.user_id)

    async def prepare(self, request: Request) -> Reply:
        if request.ref.record_id:
            return await self._ask(request, require(await self._held(request), SlackCode.AUDIENCE_GONE))
        return await self.next(request)

    async def next(self, request: Request, edited: Edited | None = None, *, kept: Audience | None = None) -> Reply:
        """Have what was typed prepared, and show it to be confirmed; `kept` is the audience where none is chosen."""
        files, saved_id = request.values.files(ids.Input.AUDIENCE), request.values.choice(ids.Input.SAVED_AUDIENCE)
        if files and saved_id:
            raise BotError(SlackCode.TWO_AUDIENCES, field=ids.Input.SAVED_AUDIENCE)
        if saved_id:
            return await self._ask(request, await self._audiences.chosen(request.team, saved_id), edited)
        if files:
            csv = await self._files.uploaded(request.client, str(files[0]["id"]), request.user_id)
            with closing(upload_of(request, csv)) as upload:
                return await self._ask(request, upload, edited)
        return await self._ask(request, kept, edited) if kept else await self._save(request, edited)

    async def _save(self, request: Request, edited: Edited | None) -> Reply:
        """Keep it as a draft that lacks an audience."""
        draft, by = await self._typed(request, edited), request.user_id
        saved = await self._broadcasts.save(request.team, by, draft, _start_at(request), edited)
        return Modal(without_audience(saved))

    async def _typed(self, request: Request, edited: Edited | None) -> Draft:
        if edited is None:
            draft, before = await self._composer.to_send(request), NOTHING_SELECTED
        else:
            broadcast = await self._broadcasts.get(request.team, edited.id)
            draft = await self._composer.to_send(request, broadcast.images)
            before = Selection.from_json(broadcast.selection)
        return replace(draft, selection=await self._composer.selections.chosen(request, before))

    async def _ask(self, request: Request, source: Upload | Audience, edited: Edited | None = None) -> Reply:
        """Have it prepared, and show it to be confirmed."""
        draft = await self._typed(request, edited)
        by, save_as = request.user_id, request.values.text(ids.Input.SAVE_AS)
        if request.values.choice(ids.Input.SAVED_AUDIENCE):
            save_as = ""  # it has a name
        held: Audience | None = None
        if isinstance(source, Upload) and draft.selection.where and edited is None:
            held = await self._broadcasts.hold(request.team, by, source, draft)  # should the filter not fit its columns
        try:
            prepared = await self._broadcasts.prepare(
                request.team, by, draft, held or source, _start_at(request), save_as=save_as, edited=edited
            )
        except BotError as error:
            if held is None or not error.field.startswith("where"):
                raise
            return Modal(await self._again(request, held, error.text))
        return await self.confirmation(request, prepared, source if isinstance(source, Upload) else None)

    async def read_again(self, request: Request) -> Reply:
        """Read the file of a draft with another choice; where that fails it says why, and the draft stays."""
        ref, broadcasts = request.ref, self._broadcasts
        check_editor(request, await broadcasts.get(request.team, ref.record_id))
        try:
            edited = Edited(ref.record_id, ref.version)
            audience, _ = await broadcasts.source_of(request.team, edited)
            wanted = _wanted(request, ImportSummary.from_json(audience.import_summary))
            by, channel = audience.created_by, request.team.channel_id
            file = await self._files.again(request.client, audience.file_id, by, channel)
            with closing(upload_of(request, file, wanted)) as upload:
                prepared = await broadcasts.read_again(request.team, request.user_id, edited, upload)
                return await self.confirmation(request, prepared, upload)
        except BotError as error:
            broadcast = await broadcasts.get(request.team, ref.record_id)
            return Modal(confirmations.not_read_again_page(broadcast, error), otherwise=error.text)

    async def confirmation(self, request: Request, prepared: Prepared, upload: Upload | None = None) -> Modal:
        """Show a draft to be confirmed; the rows of its upload that do not fit in come in a direct message."""
        sent = False
        if upload and upload.rejects.count > confirmations.REJECTED_SHOWN:
            sent = await send_rejects(self._files, request, upload.rejects)
        ref = ids.Ref(request.team.id, prepared.broadcast.id, prepared.broadcast.version)
        view = confirmations.confirmation_form(prepared, ref, one_click=self._one_click, list_sent=sent)
        return Modal(view, otherwise=confirmations.draft_waits_message(prepared, ref))

    async def confirm(self, request: Request) -> Reply:
        ref, prepared = request.ref, await self.checked(request)
        if prepared.needs_approval or not all_shown(request.values, prepared.readiness.confirmations):
            return await self.confirmation(request, prepared)
        check_ticked(request.values, prepared.readiness.confirmations)
        broadcast = await self._broadcasts.confirm(request.team, ref.record_id, ref.version, request.user_id)
        seconds = (broadcast.start_at - self._clock()).total_seconds() if broadcast.start_at else 0.0
        scheduled = seconds > self._undo_seconds
        return Modal(
            confirmations.confirmed_page(seconds, scheduled=scheduled), otherwise="The broadcast is on its way."
        )

    async def checked(self, request: Request) -> Prepared:
        """Return a draft with its numbers as they are now, for somebody who has seen how its file was read."""
        check_editor(request, await self._broadcasts.get(request.team, request.ref.record_id))
        prepared = await self._broadcasts.prepared(request.team, request.ref.record_id, request.ref.version)
        summary = prepared.summary
        if _wanted(request, summary) != Choice(summary.choice, summary.marked.kept, can_ask=True):
            raise BotError(
                SlackCode.STILL_READING,
                field=ids.Input.ADDRESS_COLUMN if summary.candidates else ids.Input.LEAVE_OUT,
            )
        return prepared

    def _changing(self, change: Change) -> Handler:
        """Return a handler that changes the broadcast; its live message shows the effect."""

        async def handler(request: Request) -> Reply:
            await change(request.team, request.ref.record_id, request.ref.version, request.user_id)
            return None

        return handler


def _wanted(request: Request, summary: ImportSummary) -> Choice:
    """Return how a file is to be read, by what is chosen in *Check and send*, where it was read like this."""
    column = request.values.choice(ids.Input.ADDRESS_COLUMN) or summary.choice
    asked = ids.Input.LEAVE_OUT in request.values
    keep_marked = not request.values.ticked(ids.Input.LEAVE_OUT) if asked else summary.marked.kept
    return Choice(column, keep_marked, can_ask=True)


def _start_at(request: Request) -> datetime | None:
    at = request.values.time(ids.Input.SEND_AT)
    return datetime.fromtimestamp(at, UTC) if at else None
