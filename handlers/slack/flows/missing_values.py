"""*Show them*, in *Check and send*: who has no value for a field, in a direct message to whoever asked."""

import tempfile
from typing import BinaryIO, cast

from bot.broadcast.reporting.missing_values import MissingValues
from bot.wording import count
from handlers.slack import ids
from handlers.slack.dispatch.registration import Form, Listener, Permission, Request
from handlers.slack.file_transfer import IN_MEMORY_BYTES, Files, OutgoingFile
from handlers.slack.outbound.direct_file import send_file
from handlers.slack.views.blocks import Modal, Reply, file_page, text_message


class MissingValuesFlow:
    def __init__(self, missing: MissingValues, files: Files) -> None:
        self._missing = missing
        self._files = files

    def listeners(self) -> list[Listener | Form]:
        return [Listener(ids.Button.SHOW_MISSING, Permission.SEND, self.show)]

    async def show(self, request: Request) -> Reply:
        with tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES) as spooled:
            file = cast("BinaryIO", spooled)
            written = await self._missing.write(request.team, request.ref.record_id, request.ref.version, file)
            what = text_message(
                f":inbox_tray: {count(written, 'recipient')} of your audience without a value that the message uses; "
                "the file names each line. It holds personal data: delete it when you are done."
            )
            file.seek(0)
            sent = await send_file(
                self._files, request, what, OutgoingFile("missing.csv", "Recipients without a value", file)
            )
        return Modal(file_page("Show them", "them as a CSV", sent=sent), above=bool(request.at.view_id))
