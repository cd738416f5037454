"""The websocket of Socket Mode is closed when what came by it has its acknowledgement, which has no other way."""

import asyncio
from datetime import UTC, datetime

from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from handlers.slack.dispatch.socket_connection import SocketConnection
from storage.sealing import Secret
from tests.playground.slack import SlackPlayground

PATIENCE = 60  # seconds


async def test_what_came_before_the_close_is_acknowledged() -> None:
    began, go_on = asyncio.Event(), asyncio.Event()
    async with SlackPlayground(ack_seconds=PATIENCE / 4) as slack, asyncio.timeout(PATIENCE):
        bolt = AsyncApp(client=AsyncWebClient(slack.bot_token, base_url=slack.api_url))

        @bolt.command("/slow")
        async def slow(ack: AsyncAck) -> None:
            began.set()
            await go_on.wait()
            await ack("Done")

        socket = SocketConnection(bolt, Secret(slack.app_token), lambda: datetime.now(UTC))
        await socket.open()
        await slack.connected()
        ada = slack.person("Ada")
        channel = slack.channel("news", people=[ada])
        typing = asyncio.create_task(ada.types(channel, "/slow"))
        await began.wait()

        closing = asyncio.create_task(socket.close())
        await asyncio.sleep(0)
        go_on.set()
        await asyncio.gather(closing, typing)

        assert ada.reads(channel) == ["Done"]
        assert await socket.check() == "Socket Mode is not connected"
