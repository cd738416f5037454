"""Rich text, as bots post it and as a `rich_text_input` takes it for its initial value."""

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
_INLINE = {
    "text": _TEXT,
    "link": _LINK,
    "emoji": shape({"name": string(1, 255)}, {"unicode": string(1, 255), "style": _STYLE, "skin_tone": integer(1, 6)}),
    "user": shape({"user_id": _ID}, {"style": _MENTION_STYLE}),
    "usergroup": shape({"usergroup_id": _ID}, {"style": _MENTION_STYLE}),
    "channel": shape({"channel_id": _ID}, {"style": _MENTION_STYLE}),
    "broadcast": shape({"range": one_of("here", "channel", "everyone")}, {"style": _MENTION_STYLE}),
    "color": shape({"value": string(1, 9, r"#[0-9a-fA-F]{6}", "must be a hex color")}),
    "date": shape(
        {"timestamp": integer(0, 2**40), "format": string(1, 255)},
        {"url": url(), "fallback": string(1, 3000), "style": _STYLE},
    ),
}
_SECTION = shape({"elements": items(typed(_INLINE), 0, 1000)})
_BORDER: dict[str, Check] = {"border": integer(0, 1)}

RICH_TEXT_ELEMENTS = items(
    typed(
        {
            "rich_text_section": _SECTION,
            "rich_text_list": shape(
                {
                    "style": one_of("bullet", "ordered"),
                    "elements": items(typed({"rich_text_section": _SECTION}), 1, 1000),
                },
                {"indent": integer(0, 8), "offset": integer(0, 10_000), **_BORDER},
            ),
            "rich_text_preformatted": shape(
                {"elements": items(typed({"text": _TEXT, "link": _LINK}), 0, 1000)},
                {"language": string(1, 100), **_BORDER},
            ),
            "rich_text_quote": shape({"elements": items(typed(_INLINE), 0, 1000)}, _BORDER),
        }
    ),
    1,
    1000,
)
RICH_TEXT = typed({"rich_text": shape({"elements": RICH_TEXT_ELEMENTS}, {"block_id": string(1, 255)})})
