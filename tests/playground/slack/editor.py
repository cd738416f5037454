"""What Slack's editor makes of what people write, and what goes wrong where an app gives it back.

Slack adds members of its own. An input takes only some of them back: not the styles that the client alone knows
(https://github.com/slackapi/java-slack-sdk/issues/1381), nor where an emoji comes from (F3Nation's apps take
`display_team_id` and `display_url` out before they open a form). And a form that begins with a mention cannot be
submitted until something is typed in it (https://github.com/slackapi/bolt-python/issues/1003,
https://github.com/slackapi/bolt-js/issues/2266: the client sends `userId` for `user_id`).
"""

from __future__ import annotations

from typing import Any

from .world import Json

TROUBLE = "We had some trouble connecting. Try again?"
_UNICODE = {"smile": "1f604", "tada": "1f389", "wave": "1f44b"}


def rich_text(text: str) -> Json:
    """Plain paragraphs as Slack's editor hands them over: one section, its lines kept."""
    parts = [{"type": "text", "text": text}] if text else []
    return {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": parts}]}


def as_slack_keeps(element: Json) -> Json:
    """Rich text that a person wrote, with what Slack adds to it."""
    kept = {**element}
    match element["type"]:
        case "rich_text_list":
            kept = {"indent": 0, "offset": 0, "border": 0, **kept}
        case "rich_text_quote" | "rich_text_preformatted":
            kept = {"border": 0, **kept}
        case "link":
            kept = {"is_slack_url": False, **kept}
        case "user" | "usergroup" | "channel":
            kept["style"] = {**kept.get("style", {}), "client_highlight": False, "unlink": False}
        case "emoji" if element["name"] in _UNICODE:
            kept = {"unicode": _UNICODE[element["name"]], **kept}
        case "emoji":
            kept = {"display_team_id": "T0000000001", "display_url": "https://emoji.slack-edge.com/e.png", **kept}
    if "elements" in element:
        kept["elements"] = [as_slack_keeps(inner) for inner in element["elements"]]
    return kept


def mentions_somebody(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    return value["type"] in {"user", "usergroup", "channel"} or any(map(mentions_somebody, value.get("elements", [])))
