"""Sends a person, in a direct message, all the rows of their upload that were left out."""

import asyncio
from io import BytesIO

from bot.broadcast.audience.rejected_rows import RejectedRows
from bot.wording import count
from handlers.slack.dispatch.registration import Request
from handlers.slack.file_transfer import Files, OutgoingFile
from handlers.slack.outbound.direct_file import send_file
from handlers.slack.views.blocks import text_message


async def send_rejects(files: Files, request: Request, rejects: RejectedRows) -> bool:
    """Return whether the person has them. They are kept nowhere: who does not get them now uploads again."""
    what = text_message(
        f":inbox_tray: {count(rejects.count, 'row')} of your upload were left out; the file names each line and why. "
        "It holds personal data: delete it when you are done."
    )
    content = BytesIO(await asyncio.to_thread(rejects.read))
    return await send_file(files, request, what, OutgoingFile("left-out.csv", "Rows that were left out", content))
