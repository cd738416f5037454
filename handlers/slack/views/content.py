"""Where the message of a broadcast comes from, as the form asks for it."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from bot.broadcast.content.html_body import is_html


class ContentChoice(StrEnum):
    """Where a message comes from."""

    WRITE = "write"
    CANVAS = "canvas"
    HTML = "html"


CONTENTS = {
    ContentChoice.WRITE: "Write here",
    ContentChoice.CANVAS: "Slack canvas",
    ContentChoice.HTML: "HTML file",
}


def content_of(body: Mapping[str, Any]) -> ContentChoice:
    if not is_html(body):
        return ContentChoice.WRITE
    return ContentChoice.CANVAS if "canvas" in body else ContentChoice.HTML
