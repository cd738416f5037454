"""A file for one person, in a direct message: a channel has guests."""

import logging

from aiohttp import ClientError
from slack_sdk.errors import SlackApiError

from handlers.slack.dispatch.registration import Request
from handlers.slack.file_transfer import Files, OutgoingFile
from handlers.slack.views.blocks import Message

log = logging.getLogger(__name__)


async def send_file(files: Files, request: Request, what: Message, upload: OutgoingFile) -> bool:
    """Say what it is, then bring it; return whether the person has it."""
    try:
        posted = await request.client.chat_postMessage(channel=request.user_id, **what.payload())
        await files.upload(request.client, upload, str(posted["channel"]), None)
    except (SlackApiError, ClientError, TimeoutError, OSError) as error:
        log.warning("a file for one person was not delivered: %s: %s", upload.name, error)
        return False
    return True
