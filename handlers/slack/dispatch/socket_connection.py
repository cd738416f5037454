"""The websocket of Socket Mode: opened, asked how it is, and opened again where the SDK has not got it back."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest

from storage import Secret

log = logging.getLogger(__name__)

GIVEN_UP = timedelta(minutes=1)
"""How long the SDK may be without a connection. It comes back by itself within seconds, or it never does: two of its
reconnects that meet leave it with none, and `connect` asks again and again for an address that is good only once
(https://github.com/slackapi/python-slack-sdk/issues/1446, /1110, where closing the client and making another is
advised). Not sooner: apps.connections.open may be called about once a minute (Tier 1)."""


_ACK_SECONDS = 10.0  # Slack waits for three; a machine that is busy with a restart is late
_BETWEEN_LOOKS = 0.02


class _Handler(AsyncSocketModeHandler):
    """Knows what Slack has sent here and has no acknowledgement of yet."""

    def __init__(self, bolt: AsyncApp, app_token: str) -> None:
        super().__init__(bolt, app_token)
        self._unanswered = 0

    async def handle(self, client: SocketModeClient, req: SocketModeRequest) -> None:  # type: ignore[override]  # as its base
        self._unanswered += 1
        try:
            await super().handle(client, req)
        finally:
            self._unanswered -= 1

    async def answered(self) -> None:
        """Return when everything is acknowledged: it cannot be any more once the connection is closed."""
        quiet = 0
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_ACK_SECONDS):
                while True:
                    quiet = 0 if self._unanswered or not self.client.message_queue.empty() else quiet + 1
                    if quiet == 2:  # the SDK takes what came from its queue before it begins with it
                        return
                    await asyncio.sleep(_BETWEEN_LOOKS)


class SocketConnection:
    """Keeps one connection open from `open` to `close`."""

    def __init__(self, bolt: AsyncApp, app_token: Secret, clock: Callable[[], datetime]) -> None:
        self._bolt = bolt
        self._app_token = app_token
        self._clock = clock
        self.handler: _Handler | None = None
        self._lost_at: datetime | None = None

    async def open(self) -> None:
        """Return once there is a connection.

        Raises:
            slack_sdk.errors.SlackApiError: apps.connections.open was refused.
        """
        while True:
            self.handler = _Handler(self._bolt, self._app_token.reveal())
            try:
                async with asyncio.timeout(GIVEN_UP.total_seconds()):
                    await self.handler.connect_async()  # type: ignore[no-untyped-call]  # slack_bolt has no types here
            except TimeoutError:
                log.warning("no connection to Slack within a minute; a new one is tried")
                await self.close()
            else:
                return

    async def close(self) -> None:
        """Close it when what came is acknowledged; requests that are being handled go on."""
        if self.handler is not None:
            await self.handler.answered()
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
