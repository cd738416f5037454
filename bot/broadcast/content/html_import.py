"""An HTML file that a person uploads, made fit for a mail in a process of its own."""

import asyncio
from typing import Any, Final

from bot.broadcast.content import limited_process
from bot.broadcast.content.codes import ContentCode
from bot.broadcast.content.html_body import HTML
from bot.errors import BotError
from bot.wording import take_out

FILE_LIMIT: Final = 2_000_000  # bytes; what is left of it once its styles are inlined has a limit of its own
_PROGRAM: Final = "bot.broadcast.content.html_sanitizer"


def file_too_large(size: int) -> BotError:
    """`size` is in bytes; where the end is not known, of what is."""
    return BotError(
        ContentCode.HTML_TOO_LARGE,
        f"The HTML file is larger than {FILE_LIMIT / 1e6:.0f} MB.",
        f"{take_out(size - FILE_LIMIT)} Pictures inside it, and style rules that nothing uses, are the first to go.",
        field="html",
    )


async def import_html(data: bytes, name: str = "") -> dict[str, Any]:
    """Return the body of a mail: `{"type": "html", "name": …, "html": …, "removed": {what: how many}}`.

    `name` is the file's, shown to people who edit the mail.

    Raises:
        BotError: HTML_TOO_LARGE, HTML_UNREADABLE, BODY_EMPTY.
    """
    if len(data) > FILE_LIMIT:
        raise file_too_large(len(data))
    try:
        made = await asyncio.to_thread(limited_process.run, _PROGRAM, data)
    except limited_process.CrashedError:
        raise BotError(
            ContentCode.HTML_UNREADABLE,
            "The HTML file is too complex to be read: its elements are nested too deep, or its styles too many.",
            "Export it as a simpler page.",
            field="html",
        ) from None
    if made["html"] is None:
        raise BotError(
            ContentCode.HTML_UNREADABLE,
            "The HTML file is in an encoding that it does not name: save it as UTF-8.",
            field="html",
        )
    if not made["html"]:
        raise BotError(ContentCode.BODY_EMPTY, "Nothing in the HTML file can go into a mail.", field="html")
    return {"type": HTML, "name": name, **made}
