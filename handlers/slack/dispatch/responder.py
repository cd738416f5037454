"""Brings a reply to the person: a message only they see, a modal that opens, a modal that changes."""

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from slack_sdk.errors import SlackApiError
from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse
from slack_sdk.webhook.async_client import AsyncWebhookClient

from bot.teams.directory import Teams
from handlers.slack.api_errors import FAILURES, code_of
from handlers.slack.dispatch.interaction import Body, Interaction
from handlers.slack.views.blocks import Message, Modal, Reply, page, text_message, waiting_page
from handlers.slack.views.rich_text import in_plain_text

log = logging.getLogger(__name__)

_BETWEEN_LOOKS = 3.0  # seconds between two updates of a waiting view
_LOOKS, _LOOK_SECONDS = 30, 0.1  # Slack waits for an acknowledgement for 3 s
_TOO_LATE = text_message(":hourglass: Slack gave us too little time to open the form. Please try again.")


def unexpected(error: Exception) -> Message:
    """Give the person a reference to what the log has in full."""
    reference = secrets.token_hex(4)
    log.error("unexpected error, reference %s", reference, exc_info=error)
    return text_message(
        f":warning: Something went wrong on our side (reference `{reference}`). "
        "Please try again; if it stays, give the reference to the operator of Mailroom."
    )


async def whisper(response_url: str, message: Message) -> None:
    """Say it to one person, in answer to what they did."""
    webhook = AsyncWebhookClient(response_url)
    await webhook.send(response_type="ephemeral", replace_original=message.replaces, **message.payload())


class ProgressView:
    """The view that stands in for an answer: once it is shown, long work can say in it how far it is.

    Slack sets no end to how long an open modal may be updated; a closed one is simply not updated.
    """

    def __init__(self, client: AsyncWebClient, view_id: str = "", title: str = "") -> None:
        self._client = client
        self._view_id = view_id
        self.title = title
        self._next = 0.0
        self.shown = False

    async def begin(self, view: View, seen: str) -> None:
        """Return when the view that was given with the acknowledgement is shown, and know that it is.

        What is drawn before that would be overwritten by it, and the form would wait for ever. Slack does not say when
        it has come, but refuses to draw over a view that is no longer the one with this hash.

        Args:
            view: the same view; where the acknowledgement is still on its way, it is drawn from here.
            seen: the hash of the view that was submitted.
        """
        with contextlib.suppress(*FAILURES):
            for _ in range(_LOOKS):
                answer = await self._client.views_update(view_id=self._view_id, view=view, hash=seen)
                seen = answer["view"]["hash"]
                await asyncio.sleep(_LOOK_SECONDS)
        self.shown = True

    def at(self, view_id: str) -> None:
        """Know that it is shown, as this view."""
        self._view_id, self.shown = view_id, True

    async def tell(self, text: str) -> None:
        """Show how far it is, at most every few seconds."""
        if self.shown and time.monotonic() >= self._next:
            self._next = time.monotonic() + _BETWEEN_LOOKS
            await self.draw(waiting_page(self.title, text))

    async def draw(self, view: View) -> None:
        """Draw it again; does nothing once it is closed."""
        with contextlib.suppress(*FAILURES):
            await self._client.views_update(view_id=self._view_id, view=view)


class Responder:
    def __init__(self, client: AsyncWebClient, at: Interaction, teams: Teams) -> None:
        self._client = client
        self._at = at
        self._teams = teams

    async def open(self, reply: Reply) -> str:
        """Show a reply to a command or to a click outside a modal; return the id of the view that opened, if any."""
        if isinstance(reply, Message) and self._at.at_home:
            reply = Modal(self.as_view(reply, "Mailroom"))
        if isinstance(reply, Message):
            await self._send_ephemeral(reply)
        elif isinstance(reply, Modal):
            try:
                show = self._client.views_push if reply.above else self._client.views_open
                opened = await _shown(partial(show, trigger_id=self._at.trigger_id), reply.view)
                return str(opened["view"]["id"])
            except SlackApiError as error:
                if code_of(error) not in {"expired_trigger_id", "exchanged_trigger_id"}:
                    raise
                await self._send_ephemeral(_TOO_LATE)
        return ""

    async def click(self, reply: Reply, view: Body) -> None:
        """Answer a click in a modal: in its place, or above a form, in which what is typed is not to be lost."""
        if isinstance(reply, Message) and view.get("submit"):
            reply = Modal(self.as_view(reply, str(view["title"]["text"])), above=True)
        if isinstance(reply, Modal) and reply.above:
            await self.open(reply)
        else:
            await self.update(reply, view_id=self._at.view_id, view_hash=self._at.view_hash)

    async def update(self, reply: Reply, *, view_id: str, view_hash: str = "", title: str = "Mailroom") -> None:
        """Turn an open modal into the reply; a person who has closed it gets a message only they see."""
        if reply is None:
            return
        view = reply.view if isinstance(reply, Modal) else self.as_view(reply, title)
        try:
            await _shown(partial(self._client.views_update, view_id=view_id, hash=view_hash or None), view)
        except SlackApiError as error:
            code = code_of(error)
            if code == "hash_conflict":  # it was drawn again since: that is newer
                return
            if code not in {"not_found", "view_not_found"}:
                raise
            await self._send_ephemeral(reply.for_the_absent if isinstance(reply, Modal) else reply)

    @staticmethod
    def as_view(message: Message, title: str) -> View:
        blocks: Sequence[Block] = message.blocks
        return page(title, blocks)

    async def _send_ephemeral(self, message: Message) -> None:
        if not message.text:
            return
        if self._at.response_url:
            await whisper(self._at.response_url, message)
            return
        team = await self._teams.get(self._at.ref.team_id, self._at.workspace)
        await self._client.chat_postEphemeral(channel=team.channel_id, user=self._at.user_id, **message.payload())


async def _shown(show: Callable[..., Awaitable[AsyncSlackResponse]], view: View) -> AsyncSlackResponse:
    """Show a view; where Slack refuses it, and it begins with what somebody wrote, with the plain text of that."""
    try:
        return await show(view=view)
    except SlackApiError as error:
        plainer = in_plain_text(view) if code_of(error) == "invalid_arguments" else None
        if plainer is None:
            raise
        log.warning("Slack did not take the formatting of a message: %r", error.response.get("response_metadata"))
        return await show(view=plainer)
