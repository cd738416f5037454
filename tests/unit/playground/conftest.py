from __future__ import annotations

from collections.abc import AsyncIterator
from math import inf

import pytest
from aiohttp import web

from tests.playground.slack import SlackPlayground

from .slack_app import TinyApp, socket_mode


@pytest.fixture
async def slack() -> AsyncIterator[SlackPlayground]:
    async with SlackPlayground(patience=3.0) as playground:
        playground.api.limits.posts_a_second = inf  # most of its tests are about something else
        yield playground


@pytest.fixture(params=["socket mode", "signed http"])
async def app(request: pytest.FixtureRequest, slack: SlackPlayground) -> AsyncIterator[TinyApp]:
    """The tiny app at work, connected both ways in turn."""
    tiny = TinyApp(slack)
    if request.param == "signed http":
        runner = web.AppRunner(tiny.bolt.web_app("/slack/events"), access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        slack.request_url = f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events"
        yield tiny
        await runner.cleanup()
    else:
        async with socket_mode(slack, tiny):
            yield tiny
