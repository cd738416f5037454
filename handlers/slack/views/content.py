"""Where the message of a broadcast comes from, and its images, as the form asks for them."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from slack_sdk.models.blocks import Block
from slack_sdk.models.blocks.block_elements import FileInputElement

from bot.broadcast.broadcasts import Draft
from bot.broadcast.content.html_body import is_html
from bot.broadcast.content.images import MOST, chosen_images
from handlers.slack import ids
from handlers.slack.views.blocks import boxes, labelled


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


def image_fields(draft: Draft, of_message: Mapping[str, str]) -> list[Block]:
    """Ask for images, and which of those that the draft and the message have it keeps; a canvas has its own."""
    blocks = [
        *_boxes(
            ids.Input.KEPT_IMAGES,
            "Images kept",
            {image["name"]: image["name"] for image in chosen_images(draft.images)},
        ),
        *_boxes(ids.Input.MESSAGE_IMAGES, "Images taken along", of_message),
    ]
    if content_of(draft.body) is ContentChoice.CANVAS:
        return blocks
    where = (
        "Each stands where the HTML file has an img of its name."
        if is_html(draft.body)
        else "Each stands where a line of the message is its name (kite.png: A red kite), the others below."
    )
    element = FileInputElement(action_id=ids.Input.IMAGES, filetypes=["png", "jpg", "jpeg", "gif"], max_files=MOST)
    blocks.append(labelled(ids.Input.IMAGES, "Images", element, hint=f"PNG, JPEG or GIF. {where}", optional=True))
    return blocks


def _boxes(name: ids.Input, label: str, given: Mapping[str, str]) -> list[Block]:
    """Return a box for each, ticked; a field without any is none that Slack would take."""
    if not given:
        return []
    return [boxes(name, label, given, given, optional=True)]
