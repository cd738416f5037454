"""Brings somebody, in a direct message, all the rows of their upload that were left out."""

import asyncio
import logging
from io import BytesIO

from aiohttp import ClientError
from slack_sdk.errors import SlackApiError

from bot.broadcast.audience.rejected_rows import RejectedRows
from bot.wording import count
from handlers.slack.dispatch.registration import Call
from handlers.slack.file_transfer import Files, Upload
from handlers.slack.views.blocks import text_message

log = logging.getLogger(__name__)


async def send_rejects(files: Files, call: Call, rejects: RejectedRows) -> bool:
    """Return whether the person has them. They are kept nowhere: who does not get them now uploads again."""
    what = text_message(
        f":inbox_tray: {count(rejects.count, 'row')} of your upload were left out; the file names each line and why. "
        "It holds personal data: delete it when you are done."
    )
    content = BytesIO(await asyncio.to_thread(rejects.read))
    try:
        posted = await call.client.chat_postMessage(channel=call.at.user_id, **what.payload())
        upload = Upload("left-out.csv", "Rows that were left out", content)
        await files.upload(call.client, upload, str(posted["channel"]), None)
    except (SlackApiError, ClientError, TimeoutError, OSError) as error:
        log.warning("the list of rows that were left out was not delivered: %s", error)
        return False
    return True
