"""What *Check and send* shows on request: *See it*, *Mail me one* and *Show them*. The form above stays as it is."""

import tempfile
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO, cast

from slack_sdk.errors import SlackApiError

from bot.broadcast.broadcasts import Broadcasts
from bot.broadcast.controls import require_version
from bot.broadcast.mail_me_one import MailMeOne
from bot.broadcast.preview import LINK_LIVES, Previews
from bot.broadcast.reporting.missing_values import MissingValues
from bot.email_addresses import parse_addresses
from bot.wording import count
from handlers.slack import ids
from handlers.slack.dispatch.registration import Form, Listener, Permission, Request
from handlers.slack.file_transfer import IN_MEMORY_BYTES, Files, OutgoingFile
from handlers.slack.outbound.direct_file import send_file
from handlers.slack.text import esc
from handlers.slack.views import preview
from handlers.slack.views.blocks import Modal, Reply, file_page, text_message
from handlers.slack.views.compose import test_sent_page
from handlers.slack.views.mail_me_one import mail_me_one_form
from storage import UNSENT, Broadcast


@dataclass(frozen=True, slots=True)
class CheckFlow:
    """What its buttons call."""

    broadcasts: Broadcasts
    previews: Previews
    mails: MailMeOne
    missing: MissingValues
    files: Files

    def listeners(self) -> list[Listener | Form]:
        return [
            Listener(ids.Button.SEE_IT, Permission.SEND, self.see),
            Listener(ids.Button.MAIL_ME_ONE, Permission.SEND, self.choose),
            Form(ids.Form.MAIL_ME_ONE, Permission.SEND, self.mail, "Handing it over…"),
            Listener(ids.Button.SHOW_MISSING, Permission.SEND, self.show_missing),
        ]

    async def see(self, request: Request) -> Reply:
        """Link to the preview page, or, without a public address, send the mail as a file."""
        broadcast = await self.broadcasts.get(request.team, request.ref.record_id)
        require_version(broadcast, request.team, request.ref.version, UNSENT)
        if link := self.previews.link(broadcast):
            return Modal(preview.preview_link_page(link, LINK_LIVES), above=bool(request.at.view_id))
        sent, what = await self._send_mail(request, broadcast), "the first recipient's mail as a file"
        view = file_page(preview.TITLE, what, sent=sent, more=": open it in a browser.")
        return Modal(view, above=bool(request.at.view_id))

    async def choose(self, request: Request) -> Reply:
        offered = await self.mails.offers(request.team, request.ref.record_id, request.ref.version)
        form = mail_me_one_form(request.ref, offered, send_to=await _preset(request))
        return Modal(form, above=bool(request.at.view_id))

    async def mail(self, request: Request) -> Reply:
        ref, values = request.ref, request.values
        draft = request.team, ref.record_id, ref.version
        addresses = parse_addresses(values.text(ids.Input.SEND_TO), field=ids.Input.SEND_TO)
        line = values.text(ids.Input.LINE).strip()
        chosen = values.choice(ids.Input.RECIPIENT)
        seq = await self.mails.seq_of_line(*draft, line) if line else int(chosen) if chosen.isdecimal() else 0
        await self.mails.send(*draft, request.user_id, seq, addresses)
        return Modal(test_sent_page(len(addresses)), otherwise="The test is on its way.")

    async def show_missing(self, request: Request) -> Reply:
        """Send who has no value for a field, in a direct message to whoever asked."""
        with tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES) as spooled:
            file = cast("BinaryIO", spooled)
            written = await self.missing.write(request.team, request.ref.record_id, request.ref.version, file)
            what = text_message(
                f":inbox_tray: {count(written, 'recipient')} of your audience without a value that the message uses; "
                "the file names each line. It holds personal data: delete it when you are done."
            )
            file.seek(0)
            sent = await send_file(
                self.files, request, what, OutgoingFile("missing.csv", "Recipients without a value", file)
            )
        return Modal(file_page("Show them", "them as a CSV", sent=sent), above=bool(request.at.view_id))

    async def _send_mail(self, request: Request, broadcast: Broadcast) -> bool:
        """Return whether the person has it."""
        shown = await self.previews.of(broadcast)
        upload = OutgoingFile("mail.html", "How the mail looks", BytesIO(shown.mail.html.encode()))
        what = text_message(f":eyes: How “{esc(shown.mail.subject, 200)}” looks to {esc(shown.address)}.")
        return await send_file(self.files, request, what, upload)


async def _preset(request: Request) -> str:
    """Return the person's own address where Slack lets the app see it, else where the team's tests go."""
    try:
        user = (await request.client.users_info(user=request.user_id))["user"]
    except SlackApiError:
        user = {}
    return str((user.get("profile") or {}).get("email") or "") or ", ".join(request.team.tests_go_to)
