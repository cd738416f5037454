"""`/broadcast`: write it, see the numbers, send it; then pause, resume, cancel."""

from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from slack_sdk.models.views import View

from bot.broadcast.broadcasts import Prepared, Upload
from bot.errors import BotError
from handlers.slack import ids
from handlers.slack.dispatch.authorization import Permission
from handlers.slack.dispatch.listeners import Call, Form, Handler, Listeners, Word
from handlers.slack.flows.compose import body_of, fresh_overview, hint, starting_point, to_send, typed
from handlers.slack.outbound.rejected_rows import send_rejects
from handlers.slack.services import Services
from handlers.slack.text import count
from handlers.slack.views import compose as views
from handlers.slack.views.blocks import Modal, Reply
from handlers.slack.views.reports import draft_cancelled
from handlers.slack.views.status_card import not_ready
from storage.models import Audience, Broadcast, Team

Change = Callable[[Team, str, int, str], Awaitable[Broadcast]]


class BroadcastFlow:
    def __init__(self, services: Services) -> None:
        self._services = services

    def words(self) -> list[Word]:
        return [Word("", "write to an audience", Permission.SEND, self.open, opens=views.BROADCAST_TITLE)]

    def register(self, listeners: Listeners) -> None:
        send = Permission.SEND
        broadcasts = self._services.broadcasts
        listeners.button(ids.Button.NEW_BROADCAST, send, self.open, opens=views.BROADCAST_TITLE)
        listeners.shortcut(ids.Shortcut.WRITE_BROADCAST, send, self.open, opens=views.BROADCAST_TITLE)
        listeners.button(ids.Button.CHECK_DRAFT, send, self.check, opens="Check and send")
        listeners.form(Form(ids.Form.NEW_BROADCAST, send, self.prepare, "Reading the audience…", self.redraw))
        listeners.form(Form(ids.Form.CONFIRM_BROADCAST, send, self.confirm, "One moment…"))
        listeners.button(ids.Button.UNDO, send, self._changing(broadcasts.undo))
        listeners.button(ids.Button.PAUSE, send, self._changing(broadcasts.pause))
        listeners.button(ids.Button.RESUME, send, self._changing(broadcasts.resume))
        go_on = partial(broadcasts.resume, admin=True)
        listeners.button(ids.Button.GO_ON, Permission.ADMINISTER, self._changing(go_on))
        listeners.button(ids.Button.CANCEL, send, self._changing(broadcasts.cancel))

    async def open(self, call: Call) -> Reply:
        """Open the form; from the menu of a message with what that says."""
        overview = await fresh_overview(self._services, call)
        if not overview.answer.allowed:
            return not_ready(overview)
        draft = replace(await starting_point(self._services, call), body=body_of(call.at.message))
        saved = await self._services.audiences.saved(call.team)
        return Modal(views.write_broadcast_form(ids.Ref(call.team.id), draft, hint=hint(overview), saved=saved))

    async def redraw(self, call: Call, notice: str) -> View:
        overview = await self._services.overviews.of(call.team)
        values = call.at.values
        chosen = views.Recipients(
            saved_id=values.choice(ids.Input.SAVED_AUDIENCE),
            save_as=values.text(ids.Input.SAVE_AS),
            send_at=values.time(ids.Input.SEND_AT),
        )
        lost = " Choose the file again: Slack does not keep it." if values.files(ids.Input.AUDIENCE) else ""
        return views.write_broadcast_form(
            call.at.ref,
            typed(values),
            hint=hint(overview),
            saved=await self._services.audiences.saved(call.team),
            chosen=chosen,
            notice=f"{notice}{lost}",
        )

    async def prepare(self, call: Call) -> Reply:
        values = call.at.values
        files, saved_id = values.files(ids.Input.AUDIENCE), values.choice(ids.Input.SAVED_AUDIENCE)
        if files and saved_id:
            raise BotError(
                "TWO_AUDIENCES", "Choose a CSV or a saved audience, not both.", field=ids.Input.SAVED_AUDIENCE
            )
        if saved_id:
            return await self._ask(call, await self._services.audiences.get(call.team, saved_id))
        if not files:
            raise BotError(
                "AUDIENCE_EMPTY", "Choose a CSV with a column of addresses, or a saved audience.", field="audience"
            )
        csv = await self._services.files.uploaded(call.client, str(files[0]["id"]), call.at.user_id)
        with closing(Upload(csv, values.text(ids.Input.SAVE_AS), partial(_tell, call))) as upload:
            return await self._ask(call, upload)

    async def _ask(self, call: Call, source: Upload | Audience) -> Reply:
        """Have it prepared, and show it to be confirmed."""
        at = call.at.values.time(ids.Input.SEND_AT)
        start_at = datetime.fromtimestamp(at, UTC) if at else None
        draft = await to_send(call)
        prepared = await self._services.broadcasts.prepare(call.team, call.at.user_id, draft, source, start_at)
        sent = False
        if isinstance(source, Upload) and source.rejects.count > views.REJECTED_SHOWN:
            sent = await send_rejects(self._services.files, call, source.rejects)
        ref = ids.Ref(call.team.id, prepared.broadcast.id, prepared.broadcast.version)
        return Modal(self._confirmation(prepared, ref, list_sent=sent), otherwise=views.draft_waits(prepared, ref))

    async def check(self, call: Call) -> Reply:
        """Show what waits to be confirmed to somebody who closed the form meanwhile."""
        prepared = await self._services.broadcasts.prepared(call.team, call.at.ref.record_id, call.at.ref.version)
        return Modal(self._confirmation(prepared, call.at.ref))

    def _confirmation(self, prepared: Prepared, ref: ids.Ref, *, list_sent: bool = False) -> View:
        return views.confirmation(prepared, ref, one_click=bool(self._services.public_url), list_sent=list_sent)

    async def confirm(self, call: Call) -> Reply:
        ref = call.at.ref
        broadcast = await self._services.broadcasts.confirm(call.team, ref.record_id, ref.version, call.at.user_id)
        seconds = (broadcast.start_at - self._services.clock()).total_seconds() if broadcast.start_at else 0.0
        scheduled = seconds > self._services.undo_seconds
        return Modal(views.confirmed(seconds, scheduled=scheduled), otherwise="The broadcast is on its way.")

    def _changing(self, change: Change) -> Handler:
        """Return a handler that changes the broadcast; its live message shows the effect, and a draft has none."""

        async def handler(call: Call) -> Reply:
            changed = await change(call.team, call.at.ref.record_id, call.at.ref.version, call.at.user_id)
            return None if changed.confirmed_by else draft_cancelled(changed)

        return handler


async def _tell(call: Call, rows: int) -> None:
    await call.waiting.tell(f"Reading the audience… {count(rows, 'row')} so far.")
