"""The websocket of Socket Mode: opened, asked how it is, and opened again where the SDK has not got it back."""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp

from storage.sealing import Secret

log = logging.getLogger(__name__)

GIVEN_UP = timedelta(minutes=1)
"""How long the SDK may be without a connection. It comes back by itself within seconds, or it never does: two of its
reconnects that meet leave it with none, and `connect` asks again and again for an address that is good only once
(https://github.com/slackapi/python-slack-sdk/issues/1446, /1110, where closing the client and making another is
advised). Not sooner: apps.connections.open may be called about once a minute (Tier 1)."""


class SocketConnection:
    """Keeps one connection open from `open` to `close`."""

    def __init__(self, bolt: AsyncApp, app_token: Secret, clock: Callable[[], datetime]) -> None:
        self._bolt = bolt
        self._app_token = app_token
        self._clock = clock
        self.handler: AsyncSocketModeHandler | None = None
        self._lost_at: datetime | None = None

    async def open(self) -> None:
        """Return once there is a connection.

        Raises:
            slack_sdk.errors.SlackApiError: apps.connections.open was refused.
        """
        while True:
            self.handler = AsyncSocketModeHandler(self._bolt, self._app_token.reveal())
            try:
                async with asyncio.timeout(GIVEN_UP.total_seconds()):
                    await self.handler.connect_async()  # type: ignore[no-untyped-call]  # slack_bolt has no types here
            except TimeoutError:
                log.warning("no connection to Slack within a minute; a new one is tried")
                await self.close()
            else:
                return

    async def close(self) -> None:
        """Close it; requests that are being handled go on."""
        if self.handler is not None:
            await self.handler.close_async()  # type: ignore[no-untyped-call]  # as above

    async def check(self) -> str:
        """Say what is wrong with it; empty where nothing is."""
        return "" if await self._is_connected() else "Socket Mode is not connected"

    async def watch(self) -> None:
        """Replace it where it has been gone for a minute; called every few seconds.

        Raises:
            slack_sdk.errors.SlackApiError: as `open`; tried again a minute later.
        """
        now = self._clock()
        if await self._is_connected():
            self._lost_at = None
        elif self._lost_at is None:
            self._lost_at = now
        elif now - self._lost_at >= GIVEN_UP:
            log.warning("Socket Mode has not been connected for a minute; a new connection is opened")
            self._lost_at = now
            await self.close()
            await self.open()

    async def _is_connected(self) -> bool:
        return self.handler is not None and bool(await self.handler.client.is_connected())
