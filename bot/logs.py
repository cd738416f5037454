"""Logging: for people on a console, or one JSON object a line."""

import logging
import sys

from pythonjsonlogger.json import JsonFormatter

# Their DEBUG lines hold bodies, addresses and key ids (seen with botocore and slack_sdk).
_TALKATIVE = (
    "aiohttp",
    "aiosqlite",
    "alembic",
    "apscheduler",
    "asyncio",
    "botocore",
    "slack_bolt",
    "slack_sdk",
    "urllib3",
)


def configure(level: str, style: str) -> None:
    """Set the root logger up; libraries that would log secrets stay above DEBUG."""
    handler = logging.StreamHandler(sys.stderr)
    line = "%(asctime)s %(levelname)s %(name)s %(message)s"
    handler.setFormatter(JsonFormatter(line) if style == "json" else logging.Formatter(line))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelName(level)))
    # A tick that is still at work is left out once; APScheduler warns of it each time.
    logging.getLogger("apscheduler.scheduler").setLevel(logging.ERROR)
    logging.getLogger("slack_bolt.AsyncApp").addFilter(_is_news)


def _is_news(record: logging.LogRecord) -> bool:
    """Leave out that Bolt sees SLACK_BOT_TOKEN beside the client that already has it."""
    return "`token` will be unused" not in record.getMessage()
