"""What a message was written as: in Slack's editor, in a canvas, or by a program."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any


class Content(StrEnum):
    """What a message was written as."""

    RICH_TEXT = "rich_text"
    TEXT = "text"
    MARKDOWN = "markdown"
    HTML = "html"
    CANVAS = "canvas"


def content_of(body: Mapping[str, Any]) -> Content | None:
    """Return what a body was written as; None where nothing is written yet."""
    if not body:
        return None
    if "canvas" in body:
        return Content.CANVAS
    return Content(body.get("content", body["type"]))
