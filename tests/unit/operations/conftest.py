"""`/metrics` of a Mailroom that is well and has nothing to do, on an empty database."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from bot import unknown_answers
from bot.metrics import measure
from handlers.http.health import Health
from handlers.http.loop_lag import LoopLag
from handlers.http.metrics import MetricsPage
from storage.database import Database
from tests.databases import Clock


async def well() -> str:
    return ""


@pytest.fixture
async def metrics_address(db: Database, clock: Clock) -> AsyncIterator[str]:
    """host:port of a listener that has /metrics, as Mailroom makes it."""
    unknown_answers.answers.met("ses", "GetAccount", "brand_new")  # of a counter without labels there is nothing yet

    def seconds() -> float:
        return clock().timestamp()

    page = MetricsPage(
        lambda: measure(db, clock()),
        health=Health(dict.fromkeys(("database", "scheduler", "slack"), well), {}, seconds),
        loop_lag=LoopLag(),
        version="1.2.3",
        clock=seconds,
    )
    app = web.Application()
    app.router.add_get("/metrics", page.show)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield "{}:{}".format(*runner.addresses[0][:2])
    await runner.cleanup()
