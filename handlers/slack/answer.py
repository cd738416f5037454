"""Brings a reply to the person: a message only they see, a modal that opens, a modal that changes."""

import contextlib
import logging
import secrets
from collections.abc import Sequence

from slack_sdk.errors import SlackApiError
from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from bot.teams import Teams
from handlers.slack.interaction import Interaction
from handlers.slack.views.common import Message, Modal, Reply, page, said

log = logging.getLogger(__name__)

_TOO_LATE = said(":hourglass: Slack gave us too little time to open the form. Please try again.")


def unexpected(error: Exception) -> Message:
    """Give the person a reference to what the log has in full."""
    reference = secrets.token_hex(4)
    log.error("unexpected error, reference %s", reference, exc_info=error)
    return said(
        f":warning: Something went wrong on our side (reference `{reference}`). "
        "Please try again; if it stays, give the reference to whoever runs Mailroom."
    )


class Answers:
    def __init__(self, client: AsyncWebClient, at: Interaction, teams: Teams) -> None:
        self._client = client
        self._at = at
        self._teams = teams

    async def open(self, reply: Reply) -> str:
        """Show a reply to a command or to a click outside a modal; return the id of the view that opened, if any."""
        if isinstance(reply, Message) and self._at.at_home:
            reply = Modal(self.as_view(reply, "Mailroom"))
        if isinstance(reply, Message):
            await self._whisper(reply)
        elif isinstance(reply, Modal):
            try:
                opened = await self._client.views_open(trigger_id=self._at.trigger_id, view=reply.view)
                return str(opened["view"]["id"])
            except SlackApiError as error:
                if error.response.get("error") not in {"expired_trigger_id", "exchanged_trigger_id"}:
                    raise
                await self._whisper(_TOO_LATE)
        return ""

    async def update(self, reply: Reply, *, view_id: str, view_hash: str = "", title: str = "Mailroom") -> None:
        """Turn an open modal into the reply; somebody who has closed it gets a message only they see."""
        if reply is None:
            return
        view = reply.view if isinstance(reply, Modal) else self.as_view(reply, title)
        try:
            await self._client.views_update(view_id=view_id, view=view, hash=view_hash or None)
        except SlackApiError as error:
            code = error.response.get("error")
            if code == "hash_conflict":  # somebody has drawn it again since: theirs is newer
                return
            if code not in {"not_found", "view_not_found"}:
                raise
            await self._whisper(said(reply.otherwise) if isinstance(reply, Modal) else reply)

    @staticmethod
    async def redraw(client: AsyncWebClient, view_id: str, view: View) -> None:
        """Draw a modal again while its answer is still being worked out; whoever closed it misses nothing."""
        with contextlib.suppress(SlackApiError):
            await client.views_update(view_id=view_id, view=view)

    @staticmethod
    def as_view(message: Message, title: str) -> View:
        blocks: Sequence[Block] = message.blocks
        return page(title, blocks)

    async def _whisper(self, message: Message) -> None:
        if not message.text:
            return
        if self._at.response_url:
            webhook = AsyncWebhookClient(self._at.response_url)
            await webhook.send(response_type="ephemeral", replace_original=False, **message.payload())
            return
        team = await self._teams.get(self._at.ref.team_id, self._at.workspace)
        await self._client.chat_postEphemeral(channel=team.channel_id, user=self._at.user_id, **message.payload())
