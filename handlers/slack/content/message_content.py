"""What a message of the channel says, as the beginning of a mail; and what of it a mail cannot have."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bot.broadcast.content.images import MOST
from bot.wording import count
from handlers.slack.content.mrkdwn import read_mrkdwn
from handlers.slack.views.rich_text import refused, rich_text, section, text

Json = Mapping[str, Any]

_NOUNS = {"image": "picture", "workflow_button": "button", "overflow": "menu", "canvas": "canvas page"}
_SHOWN = ("image/png", "image/jpeg", "image/gif")
_UNFURLED = ("from_url", "original_url", "is_msg_unfurl", "is_app_unfurl")  # what Slack shows of a link


@dataclass(frozen=True, slots=True)
class Content:
    """`body` is a `rich_text` block, empty where nothing is said; `left_out` names what is not in it.

    `images` are the files of the message that a mail can show: their names, by Slack's ids.
    """

    body: dict[str, Any]
    left_out: str
    images: dict[str, str]


def content_of(message: Json) -> Content:
    """Read a message as it was typed in Slack's editor, or as an app made it: of blocks, of attachments, of text.

    Sources: https://docs.slack.dev/reference/block-kit/blocks,
    https://docs.slack.dev/legacy/legacy-messaging/legacy-secondary-message-attachments.
    """
    parts = [*_blocks(message.get("blocks"))]
    for attachment in message.get("attachments") or ():
        if not any(attachment.get(name) for name in _UNFURLED):
            parts += _attachment(attachment)
    elements = [part for part in parts if not isinstance(part, str)]
    left_out = Counter(part for part in parts if isinstance(part, str))
    files = message.get("files") or ()
    shown = [file for file in files if file.get("mimetype") in _SHOWN][:MOST]
    left_out.update(_file(file) for file in files if file not in shown)
    if not elements:
        elements = read_mrkdwn(str(message.get("text") or ""))
    images = {str(file["id"]): str(file.get("name") or file["id"]) for file in shown}
    return Content(rich_text(elements), ", ".join(count(number, noun) for noun, number in left_out.items()), images)


Part = dict[str, Any] | str
"""An element of rich text, or the name of what is left out."""


def _blocks(blocks: Iterable[Json] | None) -> Iterator[Part]:
    for block in blocks or ():
        match block["type"]:
            case "rich_text":
                yield from block["elements"]
                yield from map(_noun, refused(block))
            case "section":
                for shown in (block.get("text"), *(block.get("fields") or ())):
                    yield from _text(shown)
                if accessory := block.get("accessory"):
                    yield _noun(accessory["type"])
            case "header":
                yield section([text(block["text"]["text"], bold=True)])
            case "markdown":
                yield section([text(block["text"])])
            case "context" | "actions" | "context_actions":
                for element in block["elements"]:
                    yield from _text(element) if isinstance(element.get("text"), str) else [_noun(element["type"])]
            case kind:
                yield _noun(kind)


def _attachment(attachment: Json) -> Iterator[Part]:
    yield from read_mrkdwn(attachment.get("pretext") or "")
    if title := attachment.get("title"):
        link = attachment.get("title_link")
        yield section([{"type": "link", "url": link, "text": title} if link else text(title, bold=True)])
    yield from read_mrkdwn(attachment.get("text") or "")
    for field in attachment.get("fields") or ():
        yield from read_mrkdwn(f"*{field.get('title')}*\n{field.get('value')}")
    yield from _blocks(attachment.get("blocks"))
    yield from ("picture" for name in ("image_url", "thumb_url") if attachment.get(name))
    yield from (_noun(action["type"]) for action in attachment.get("actions") or ())


def _text(shown: Json | None) -> Iterator[Part]:
    if shown and shown["type"] == "plain_text":
        yield section([text(shown["text"])])
    elif shown:
        yield from read_mrkdwn(shown["text"])


def _noun(kind: str) -> str:
    return _NOUNS.get(kind) or ("menu" if kind.endswith("_select") else kind.replace("_", " "))


def _file(file: Json) -> str:
    return "picture" if str(file.get("mimetype") or "").startswith("image/") else "file"
