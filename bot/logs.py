"""Logging: for people on a console, or one JSON object a line."""

import logging
import sys

from pythonjsonlogger.json import JsonFormatter

OURS = ("mailroom", "bot", "handlers", "storage")


def configure(level: str, style: str) -> None:
    """Set logging up: `level` is for Mailroom's own lines, everybody else's stay at WARNING or above.

    What libraries log below that holds bodies, addresses and secrets (seen with slack_bolt, slack_sdk and botocore). So
    the root is quiet, and not a list of them: Bolt copies the root's level onto loggers that it makes later.
    """
    handler = logging.StreamHandler(sys.stderr)
    line = "%(asctime)s %(levelname)s %(name)s %(message)s"
    handler.setFormatter(JsonFormatter(line) if style == "json" else logging.Formatter(line))
    handler.addFilter(_is_fit_to_print)
    logging.basicConfig(level=max(logging.WARNING, logging.getLevelName(level)), handlers=[handler], force=True)
    for name in OURS:
        logging.getLogger(name).setLevel(level)
    # A tick that is still at work is left out once; APScheduler warns of it each time.
    logging.getLogger("apscheduler.scheduler").setLevel(logging.ERROR)
    logging.getLogger("slack_bolt.AsyncApp").addFilter(_is_news)


def _is_fit_to_print(record: logging.LogRecord) -> bool:
    """Leave out what a library says below WARNING that has set a level of its own."""
    return record.levelno >= logging.WARNING or record.name.partition(".")[0] in OURS


def _is_news(record: logging.LogRecord) -> bool:
    """Leave out that Bolt sees SLACK_BOT_TOKEN beside the client that already has it.

    Of a connection that fails, which is tried every ten seconds, the line says why; the traceback shows the SDK only.
    """
    if record.exc_info and record.getMessage().startswith("Failed to connect"):
        record.msg, record.exc_info = f"{record.msg} ({type(record.exc_info[1]).__name__})", None
    return "`token` will be unused" not in record.getMessage()
