"""*See it*, in *Check and send*: a link to the preview page, or, without a public address, the mail as a file."""

from io import BytesIO

from bot.broadcast.broadcasts import Broadcasts
from bot.broadcast.controls import require_version
from bot.broadcast.preview import LINK_LIVES, Previews
from handlers.slack import ids
from handlers.slack.dispatch.registration import Form, Listener, Permission, Request
from handlers.slack.file_transfer import Files, OutgoingFile
from handlers.slack.outbound.direct_file import send_file
from handlers.slack.text import esc
from handlers.slack.views import preview as views
from handlers.slack.views.blocks import Modal, Reply, file_page, text_message
from storage.models import Broadcast
from storage.states import UNSENT


class PreviewFlow:
    def __init__(self, *, broadcasts: Broadcasts, previews: Previews, files: Files) -> None:
        self._broadcasts = broadcasts
        self._previews = previews
        self._files = files

    def listeners(self) -> list[Listener | Form]:
        return [Listener(ids.Button.SEE_IT, Permission.SEND, self.see)]

    async def see(self, request: Request) -> Reply:
        broadcast = await self._broadcasts.get(request.team, request.ref.record_id)
        require_version(broadcast, request.team, request.ref.version, UNSENT)
        if link := self._previews.link(broadcast):
            return Modal(views.preview_link_page(link, LINK_LIVES), above=bool(request.at.view_id))
        sent, what = await self._send_file(request, broadcast), "the first recipient's mail as a file"
        view = file_page(views.TITLE, what, sent=sent, more=": open it in a browser.")
        return Modal(view, above=bool(request.at.view_id))

    async def _send_file(self, request: Request, broadcast: Broadcast) -> bool:
        """Return whether the person has it."""
        preview = await self._previews.of(broadcast)
        upload = OutgoingFile("mail.html", "How the mail looks", BytesIO(preview.mail.html.encode()))
        what = text_message(f":eyes: How “{esc(preview.mail.subject, 200)}” looks to {esc(preview.address)}.")
        return await send_file(self._files, request, what, upload)
