"""Rich text as a `rich_text_input` takes it for its initial value: less than Slack adds to what people write.

Source: https://docs.slack.dev/reference/block-kit/blocks/rich-text-block and the page of each element. A message has
more: styles that only the client knows (https://github.com/slackapi/java-slack-sdk/issues/1381), `display_url` and
`display_team_id` of an emoji, elements that are on no page. What a mail can show is kept.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from slack_sdk.models.views import View

from bot.broadcast.content.rich_text import STYLES, text_of
from handlers.slack.views import blocks

Json = Mapping[str, Any]

_MEMBERS = {
    "text": ("text",),
    "link": ("url", "text"),
    "emoji": ("name", "unicode"),
    "user": ("user_id",),
    "usergroup": ("usergroup_id",),
    "channel": ("channel_id",),
    "broadcast": ("range",),
    "color": ("value",),
    "date": ("timestamp", "format", "url", "fallback"),
    "rich_text_section": (),
    "rich_text_list": ("style", "indent", "offset"),
    "rich_text_preformatted": (),
    "rich_text_quote": (),
}
_WITHOUT_STYLE = {"color", "rich_text_list"}
_MENTIONS = {"user", "usergroup", "channel"}


def text(value: str, **style: bool) -> dict[str, Any]:
    return {"type": "text", "text": value} | ({"style": style} if style else {})


def section(elements: Iterable[Json]) -> dict[str, Any]:
    return {"type": "rich_text_section", "elements": [*elements]}


def rich_text(elements: Iterable[Json]) -> dict[str, Any]:
    """Return the block, or nothing where there are no elements."""
    kept = [*elements]
    return {"type": "rich_text", "elements": kept} if kept else {}


def accepted(body: Json) -> dict[str, Any]:
    """Return a `rich_text` block with the members that an input takes."""
    return rich_text(_accepted(body))


def refused(body: Json) -> Iterator[str]:
    """Yield the type of each element of which nothing is kept."""
    for element in body.get("elements") or ():
        if element.get("elements"):
            yield from refused(element)
        elif element["type"] not in _MEMBERS and not text_of(element):
            yield str(element["type"])


def in_plain_text(view: View) -> dict[str, Any] | None:
    """Return a view that begins with its text alone, and says so; None where it begins without formatting."""
    plainer = view.to_dict()
    formatted = [
        element
        for block in plainer["blocks"]
        if (element := block.get("element", {})).get("type") == "rich_text_input" and element.get("initial_value")
    ]
    for element in formatted:
        element["initial_value"] = rich_text([section(_plain(element["initial_value"]))])
    notice = blocks.section(":warning: Slack did not take the formatting of this message: here is its text.")
    return plainer | {"blocks": [notice.to_dict(), *plainer["blocks"]]} if formatted else None


def _accepted(container: Json) -> Iterator[dict[str, Any]]:
    for element in container.get("elements") or ():
        kind = element["type"]
        if kind in _MEMBERS and element.get("text") != "":
            kept = {name: element[name] for name in ("type", *_MEMBERS[kind]) if element.get(name) not in (None, "")}
            style = element.get("style") or {}
            if kind not in _WITHOUT_STYLE and (styles := {name: True for name in STYLES if style.get(name)}):
                kept["style"] = styles
            if "elements" in element:
                kept["elements"] = [*_accepted(element)]
            yield kept
        elif said := text_of(element):
            yield text(said)


def _plain(container: Json) -> Iterator[dict[str, Any]]:
    """Yield text and mentions, which are text once they have names."""
    for element in container["elements"]:
        kind = element["type"]
        if kind in _MENTIONS:
            yield {name: value for name, value in element.items() if name != "style"}
        elif kind == "link" and element.get("text"):
            yield text(f"{element['text']} ({element['url']})")
        elif kind == "rich_text_list":
            for number, item in enumerate(element["elements"], element.get("offset", 0) + 1):
                sign = f"{number}." if element["style"] == "ordered" else "•"
                yield from (text(f"{'    ' * element.get('indent', 0)}{sign} "), *_plain(item), text("\n"))
        elif "elements" in element:
            yield from (*_plain(element), text("\n"))
        else:
            yield text(text_of(element))
