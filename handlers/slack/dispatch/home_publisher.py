"""Publishes the App Home of a person, or the page that says why they may not see it."""

from collections.abc import Awaitable, Callable

from slack_sdk.models.views import View
from slack_sdk.web.async_client import AsyncWebClient

from bot.errors import BotError
from handlers.slack.dispatch.authorization import Authorizer
from handlers.slack.dispatch.interaction import Interaction
from handlers.slack.dispatch.registration import Permission
from handlers.slack.dispatch.responder import unexpected
from handlers.slack.views.blocks import error_message, home

Show = Callable[[Interaction, AsyncWebClient, bool], Awaitable[View]]
"""Told whether the viewer is an owner or admin of the workspace."""
Told = Callable[[str], Awaitable[bool]]


class Publisher:
    """Args: `first_time` tells a delivery of Slack's from a repeated one, `is_gone` a workspace that left."""

    def __init__(self, authorizer: Authorizer, show: Show, first_time: Told, is_gone: Told) -> None:
        self._authorizer = authorizer
        self._show = show
        self._first_time = first_time
        self._is_gone = is_gone

    async def once(self, at: Interaction, client: AsyncWebClient) -> None:
        """Publish, where Slack does not tell of it again; raises as `publish`."""
        try:
            wanted = await self._first_time(at.key) and not await self._is_gone(at.workspace)
        except Exception as error:  # noqa: BLE001 - as in `_view`
            await client.views_publish(user_id=at.user_id, view=home(unexpected(error).blocks))
        else:
            if wanted:
                await self.publish(at, client)

    async def publish(self, at: Interaction, client: AsyncWebClient) -> None:
        """Decide what this person may see, and show it; raises whatever the Slack client raises."""
        await client.views_publish(user_id=at.user_id, view=await self._view(at, client))

    async def _view(self, at: Interaction, client: AsyncWebClient) -> View:
        try:
            at = await self._authorizer.admit(at)
            admin = await self._authorizer.authorize(client, at, None, Permission.SEE)
            return await self._show(at, client, admin)
        except BotError as error:
            return home(error_message(error).blocks)
        except Exception as error:  # noqa: BLE001 - a person gets a reference, the log the trace
            return home(unexpected(error).blocks)
