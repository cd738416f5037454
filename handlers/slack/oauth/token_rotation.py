"""Tokens that end after twelve hours, and are had anew with another that works once.

https://docs.slack.dev/authentication/using-token-rotation. Which process does it the database says; the others go on
with the token that is there, and wait for the new one only where that has ended.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from slack_sdk.errors import SlackApiError

from bot.settings import Settings
from bot.teams.installations import RENEWAL, Access, Installations
from handlers.slack.api_errors import FAILURES, code_of
from handlers.slack.web_client import web_client
from handlers.slack.workspaces import refusal
from storage import Secret

log = logging.getLogger(__name__)

EARLY = timedelta(hours=2)
"""How long before its end a token is renewed: Slack may have trouble for a while, and so may we."""

_LOOK_SECONDS = 0.2
_LOOKS = 10  # within the three seconds that Slack waits
_FOR_EVER = frozenset({"invalid_refresh_token", "invalid_grant", "token_revoked", "account_inactive"})


class TokenRotation:
    def __init__(
        self,
        settings: Settings,
        installations: Installations,
        clock: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._settings = settings
        self._installations = installations
        self._clock = clock
        self._sleep = sleep

    async def tick(self) -> None:
        """Renew what ends soon."""
        for access in await self._installations.live():
            if access.expires_at is not None and access.expires_at - self._clock() <= EARLY:
                try:
                    await self.renew(access)
                except FAILURES as error:  # it is tried again until its end, and then
                    log.warning("the token of %s could not be renewed: %s", access.place, code_of(error))

    async def current(self, access: Access) -> Access | None:
        """Return it with a token that has not ended; None where there will be none any more.

        Raises:
            SlackApiError: `token_expired`, while another process is having the new one.
        """
        if access.expires_at is None or access.expires_at > self._clock():
            return access
        await self.renew(access)
        for _ in range(_LOOKS):
            known = await self._installations.again(access)
            if known is None or known.expires_at is None or known.expires_at > self._clock():
                return known
            await self._sleep(_LOOK_SECONDS)
        raise refusal("token_expired")

    async def renew(self, access: Access) -> None:
        """Have a new token, unless another process does. Raises whatever the Slack client raises."""
        if access.refresh_token is None or not await self._installations.claim_renewal(access):
            return
        client = web_client(self._settings, Secret(""))
        try:
            async with asyncio.timeout(RENEWAL.total_seconds() / 2):
                answer = await client.oauth_v2_access(
                    client_id=self._settings.slack_client_id,
                    client_secret=self._settings.slack_client_secret.reveal(),
                    grant_type="refresh_token",
                    refresh_token=access.refresh_token.reveal(),
                )
        except SlackApiError as error:
            if code_of(error) not in _FOR_EVER or (access.expires_at and access.expires_at > self._clock()):
                raise
            log.warning("the token of %s has ended and Slack renews it no more: install the app again", access.place)
            await self._installations.ended(access, "token_revoked")
            return
        ends = self._clock() + timedelta(seconds=int(answer["expires_in"]))
        tokens = Secret(str(answer["access_token"])), Secret(str(answer["refresh_token"]))
        await self._installations.renewed(access, *tokens, ends)
