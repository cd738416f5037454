"""What reaches the log: Mailroom's own lines from the level that was asked for, of libraries warnings and errors."""

import asyncio
import logging
from collections.abc import Iterator

import pytest
from slack_bolt.logger import get_bolt_app_logger
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.web.async_client import AsyncWebClient

from bot.logs import OURS, configure
from tests.playground.slack import SlackPlayground

LIBRARIES = (
    "aiohttp",
    "alembic",
    "asyncio",
    "botocore.endpoint",
    "slack_bolt.AsyncApp",
    "slack_sdk",
    "sqlalchemy.engine",
)
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    names = [None, *OURS, *LIBRARIES, "apscheduler.scheduler", "of a library"]
    before = [(name, logging.getLogger(name).level, [*logging.getLogger(name).filters]) for name in names]
    handlers = [*logging.root.handlers]
    yield
    logging.root.handlers[:] = handlers
    for name, level, filters in before:
        logging.getLogger(name).setLevel(level)
        logging.getLogger(name).filters[:] = filters


@pytest.mark.parametrize("style", ["console", "json"])
@pytest.mark.parametrize("level", LEVELS)
def test_no_library_logs_below_warning(level: str, style: str, capsys: pytest.CaptureFixture[str]) -> None:
    configure(level, style)
    for name in LIBRARIES:
        logging.getLogger(name).info("canary")
    get_bolt_app_logger("slack_bolt").debug("canary")  # which takes the root's level
    loud = logging.getLogger("of a library")
    loud.setLevel(logging.DEBUG)  # as one that is switched on by itself
    loud.debug("canary")
    loud.error("it burns")

    written = capsys.readouterr().err

    assert "canary" not in written
    assert "it burns" in written


@pytest.mark.parametrize("level", LEVELS)
def test_mailrooms_own_lines_are_printed_from_the_level_that_was_asked_for(
    level: str, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(level, "console")
    for name in ("mailroom", "bot.scheduler", "handlers.slack.outbound.notifier", "storage.database"):
        for each in LEVELS:
            logging.getLogger(name).log(logging.getLevelName(each), "a line at %s", each)

    written = capsys.readouterr().err

    assert {each for each in LEVELS if f"a line at {each}" in written} == set(LEVELS[LEVELS.index(level) :])
    assert written.count(f"a line at {level}") == 4


async def test_a_connection_that_is_refused_is_two_lines_each_time(capsys: pytest.CaptureFixture[str]) -> None:
    configure("INFO", "console")
    async with SlackPlayground() as slack:
        client = SocketModeClient(
            app_token="xapp-wrong",
            web_client=AsyncWebClient(base_url=slack.api_url),
            logger=logging.getLogger("slack_bolt.AsyncApp"),  # as Bolt gives it
            ping_interval=0,
        )
        connecting = asyncio.create_task(client.connect())  # type: ignore[no-untyped-call]
        await slack.settled(lambda: len(slack.calls_of("apps.connections.open")) > 1)
        connecting.cancel()
        await client.close()  # type: ignore[no-untyped-call]

    written = capsys.readouterr().err

    assert "invalid_auth'}); Retrying... (SlackApiError)" in written
    assert "Traceback" not in written
