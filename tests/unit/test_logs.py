"""What reaches the log: Mailroom's own lines from the level that was asked for, of libraries warnings and errors."""

import logging
from collections.abc import Iterator

import pytest
from slack_bolt.logger import get_bolt_app_logger

from bot.logs import OURS, configure

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
