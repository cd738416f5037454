"""What is done about a broadcast once it is out: leave or send again, resend, the list; `/broadcast list`."""

from typing import Final

from bot.broadcast.reporting.history import Reports
from bot.broadcast.resend import Resends, What
from handlers.slack import ids
from handlers.slack.dispatch.registration import Form, Handler, Listener, Permission, Request, Subcommand
from handlers.slack.views import reports as views
from handlers.slack.views.blocks import Modal, Reply
from handlers.slack.views.broadcast_message import progress_message
from storage import DeliveryState

_FAILED: Final = DeliveryState.FAILED
_IN_DOUBT: Final = DeliveryState.IN_DOUBT


class ReportFlow:
    def __init__(self, *, reports: Reports, resends: Resends) -> None:
        self._reports = reports
        self._resends = resends

    def words(self) -> list[Subcommand]:
        return [Subcommand("list", "the last broadcasts, and what can be done about them", Permission.SEE, self.page)]

    def listeners(self) -> list[Listener | Form]:
        send = Permission.SEND
        again, failed = self._sending(_IN_DOUBT, views.AGAIN_TITLE), self._sending(_FAILED, views.RESEND_TITLE)
        return [
            Listener(ids.Button.LEAVE, send, self.leave),
            Listener(ids.Button.SEND_AGAIN, send, self.ask_about_doubts, opens=views.AGAIN_TITLE),
            Listener(ids.Button.RESEND_FAILED, send, self.ask_about_failed, opens=views.RESEND_TITLE),
            Form(ids.Form.SEND_AGAIN, send, again, "One moment…"),
            Form(ids.Form.RESEND_FAILED, send, failed, "One moment…"),
            Listener(ids.Button.GET_LIST, send, self.get_list),
            Listener(ids.Button.SHOW, Permission.SEE, self.show),
            Listener(ids.Button.NEWER, Permission.SEE, self.page),
            Listener(ids.Button.OLDER, Permission.SEE, self.page),
        ]

    async def leave(self, request: Request) -> Reply:
        await self._resends.leave(request.team, request.ref.record_id, request.ref.version, request.user_id)
        return None

    async def ask_about_doubts(self, request: Request) -> Reply:
        resend = await self._resends.look(request.team, request.ref.record_id, request.ref.version, _IN_DOUBT)
        return Modal(views.send_again_form(request.ref, resend))

    async def ask_about_failed(self, request: Request) -> Reply:
        resend = await self._resends.look(request.team, request.ref.record_id, request.ref.version, _FAILED)
        return Modal(views.resend_form(request.ref, resend))

    def _sending(self, what: What, title: str) -> Handler:
        async def handler(request: Request) -> Reply:
            await self._resends.send(request.team, request.ref.record_id, request.ref.version, what, request.user_id)
            return Modal(views.resending_page(title), otherwise="It goes on: the channel shows how it goes.")

        return handler

    async def get_list(self, request: Request) -> Reply:
        await self._reports.ask_for_list(request.team, request.ref.record_id, request.user_id)
        return views.export_requested_message()

    async def show(self, request: Request) -> Reply:
        return progress_message(await self._reports.one(request.team, request.ref.record_id))

    async def page(self, request: Request) -> Reply:
        """Answer the command with the newest, and a click with the page it asks for, in the place of the one before."""
        shown = await self._reports.page(request.team, request.ref.version)
        return views.broadcasts_message(request.team.id, shown, replaces=request.at.kind == "click")
