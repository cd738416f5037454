"""`/broadcast`: write it, see the numbers, send it; then pause, resume, cancel."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial

from slack_sdk.models.views import View

from bot.errors import BotError
from handlers.slack import ids
from handlers.slack.compose import fresh_overview, hint, starting_point, typed
from handlers.slack.guard import Permission
from handlers.slack.listen import Call, Form, Handler, Listeners, Word
from handlers.slack.services import Services
from handlers.slack.views import send as views
from handlers.slack.views.common import Modal, Reply
from handlers.slack.views.status import not_ready
from storage.models import Broadcast, Team

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
        listeners.form(Form(ids.Form.NEW_BROADCAST, send, self.prepare, "Reading the audience…", self.redraw))
        listeners.form(Form(ids.Form.CONFIRM_BROADCAST, send, self.confirm, "One moment…"))
        listeners.button(ids.Button.UNDO, send, self._changing(broadcasts.undo))
        listeners.button(ids.Button.PAUSE, send, self._changing(broadcasts.pause))
        listeners.button(ids.Button.RESUME, send, self._changing(broadcasts.resume))
        go_on = partial(broadcasts.resume, admin=True)
        listeners.button(ids.Button.GO_ON, Permission.ADMINISTER, self._changing(go_on))
        listeners.button(ids.Button.CANCEL, send, self._changing(broadcasts.cancel))

    async def open(self, call: Call) -> Reply:
        overview = await fresh_overview(self._services, call)
        if not overview.answer.allowed:
            return not_ready(overview)
        draft = await starting_point(self._services, call)
        return Modal(views.write_broadcast_form(ids.Ref(call.team.id), draft, hint=hint(overview)))

    async def redraw(self, call: Call, notice: str) -> View:
        overview = await self._services.overviews.of(call.team)
        return views.write_broadcast_form(
            call.at.ref,
            typed(call.at.values),
            hint=hint(overview),
            send_at=call.at.values.time(ids.Input.SEND_AT),
            notice=f"{notice} Choose the file again: Slack does not keep it.",
        )

    async def prepare(self, call: Call) -> Reply:
        values = call.at.values
        files = values.files(ids.Input.AUDIENCE)
        if not files:
            raise BotError("AUDIENCE_EMPTY", "Choose a CSV with a column of addresses.", field=ids.Input.AUDIENCE)
        at = values.time(ids.Input.SEND_AT)
        start_at = datetime.fromtimestamp(at, UTC) if at else None
        with await self._services.files.fetch(call.client, str(files[0]["id"])) as csv:
            prepared = await self._services.broadcasts.prepare(call.team, call.at.user_id, typed(values), csv, start_at)
        ref = ids.Ref(call.team.id, prepared.broadcast.id, prepared.broadcast.version)
        return Modal(
            views.confirmation(prepared, ref, one_click=bool(self._services.public_url)),
            otherwise="The audience was read, but the form was closed before you confirmed, so nothing is sent.",
        )

    async def confirm(self, call: Call) -> Reply:
        ref = call.at.ref
        broadcast = await self._services.broadcasts.confirm(call.team, ref.record_id, ref.version, call.at.user_id)
        seconds = (broadcast.start_at - self._services.clock()).total_seconds() if broadcast.start_at else 0.0
        scheduled = seconds > self._services.undo_seconds
        return Modal(views.confirmed(seconds, scheduled=scheduled), otherwise="The broadcast is on its way.")

    def _changing(self, change: Change) -> Handler:
        """Return a handler that changes the broadcast; the live message in the channel shows the effect."""

        async def handler(call: Call) -> Reply:
            await change(call.team, call.at.ref.record_id, call.at.ref.version, call.at.user_id)
            return None

        return handler
