"""Rich text, as bots post it, and as a `rich_text_input` takes it for its initial value: without the client's styles.

Sources: docs.slack.dev/reference/block-kit/blocks/rich-text-block, github.com/slackapi/java-slack-sdk/issues/1381.
"""

from __future__ import annotations

from typing import Any

from .block_checks import Check, Findings, boolean, integer, items, one_of, shape, string, typed, url

_STYLE = shape({}, {"bold": boolean, "italic": boolean, "strike": boolean, "code": boolean, "underline": boolean})
_STYLES = ("bold", "italic", "strike", "highlight", "client_highlight", "unlink", "code", "underline")
_MENTION_STYLE = shape({}, dict.fromkeys(_STYLES, boolean))
_ID = string(1, 255)


def _counted(check: Check) -> Check:
    def counting(value: Any, pointer: str, found: Findings) -> None:
        check(value, pointer, found)
        if isinstance(value, dict) and isinstance(value.get("text"), str):
            found.characters += len(value["text"])

    return counting


_TEXT = _counted(shape({"text": string(1, 12_000)}, {"style": _STYLE}))
_LINK = _counted(shape({"url": url()}, {"text": string(1, 12_000), "style": _STYLE, "unsafe": boolean}))
_BORDER: dict[str, Check] = {"border": integer(0, 1)}
_EMOJI = shape({"name": string(1, 255)}, {"unicode": string(1, 255), "style": _STYLE, "skin_tone": integer(1, 6)})


def _elements(mention_style: Check) -> Check:
    inline = {
        "text": _TEXT,
        "link": _LINK,
        "emoji": _EMOJI,
        "user": shape({"user_id": _ID}, {"style": mention_style}),
        "usergroup": shape({"usergroup_id": _ID}, {"style": mention_style}),
        "channel": shape({"channel_id": _ID}, {"style": mention_style}),
        "broadcast": shape({"range": one_of("here", "channel", "everyone")}, {"style": mention_style}),
        "color": shape({"value": string(1, 9, r"#[0-9a-fA-F]{6}", "must be a hex color")}),
        "date": shape(
            {"timestamp": integer(0, 2**40), "format": string(1, 255)},
            {"url": url(), "fallback": string(1, 3000), "style": _STYLE},
        ),
    }
    section = shape({"elements": items(typed(inline), 0, 1000)})
    kinds = {
        "rich_text_section": section,
        "rich_text_list": shape(
            {"style": one_of("bullet", "ordered"), "elements": items(typed({"rich_text_section": section}), 1, 1000)},
            {"indent": integer(0, 8), "offset": integer(0, 10_000), **_BORDER},
        ),
        "rich_text_preformatted": shape(
            {"elements": items(typed({"text": _TEXT, "link": _LINK}), 0, 1000)},
            {"language": string(1, 100), **_BORDER},
        ),
        "rich_text_quote": shape({"elements": items(typed(inline), 0, 1000)}, _BORDER),
    }
    return items(typed(kinds), 1, 1000)


def _block(elements: Check) -> Check:
    return typed({"rich_text": shape({"elements": elements}, {"block_id": string(1, 255)})})


RICH_TEXT_ELEMENTS = _elements(_MENTION_STYLE)
RICH_TEXT = _block(RICH_TEXT_ELEMENTS)
INITIAL_RICH_TEXT = _block(_elements(_STYLE))
