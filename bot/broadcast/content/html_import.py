"""An HTML file that a person uploads, made fit for a mail in a process of its own."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from bot.broadcast.content.codes import ContentCode
from bot.broadcast.content.html_body import HTML
from bot.errors import BotError

FILE_LIMIT: Final = 2_000_000  # bytes; what is left of it once its styles are inlined has a limit of its own


def file_too_large() -> BotError:
    return BotError(
        ContentCode.HTML_TOO_LARGE,
        f"The HTML file is larger than {FILE_LIMIT / 1e6:.0f} MB.",
        "Take out what is not text: pictures inside it, and style rules that nothing uses.",
        field="html",
    )


SECONDS: Final = 20
_PROGRAM: Final = "bot.broadcast.content.html_sanitizer"
_ROOT: Final = Path(__file__).parents[3]


async def import_html(data: bytes, name: str = "") -> dict[str, Any]:
    """Return the body of a mail: `{"type": "html", "name": …, "html": …, "removed": {what: how many}}`.

    `name` is the file's, shown to people who edit the mail.

    Raises:
        BotError: HTML_TOO_LARGE, HTML_UNREADABLE, BODY_EMPTY.
    """
    if len(data) > FILE_LIMIT:
        raise file_too_large()
    made = await asyncio.to_thread(_sanitized, data)
    if made["html"] is None:
        raise BotError(
            ContentCode.HTML_UNREADABLE,
            "The HTML file is in an encoding that it does not name: save it as UTF-8.",
            field="html",
        )
    if not made["html"]:
        raise BotError(ContentCode.BODY_EMPTY, "Nothing in the HTML file can go into a mail.", field="html")
    return {"type": HTML, "name": name, **made}


def _sanitized(data: bytes) -> Mapping[str, Any]:
    """Have the parsers run with limits and without our environment: what crashes them costs nobody else anything."""
    command = [sys.executable, "-m", _PROGRAM]
    try:
        ran = subprocess.run(command, input=data, capture_output=True, timeout=SECONDS, cwd=_ROOT, env={}, check=True)  # noqa: S603
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        raise BotError(
            ContentCode.HTML_UNREADABLE,
            "The HTML file is too complex to be read: its elements are nested too deep, or its styles too many.",
            "Export it as a simpler page.",
            field="html",
        ) from None
    return dict(json.loads(ran.stdout))
