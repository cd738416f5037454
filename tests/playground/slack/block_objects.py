"""Block Kit's composition objects: text, confirmation dialogs, options, files.

Limits: docs.slack.dev/reference/block-kit/composition-objects.
"""

from __future__ import annotations

from typing import Any

from .block_checks import (
    Check,
    Findings,
    boolean,
    exactly_one_of,
    items,
    one_of,
    shape,
    string,
    typed,
    url,
)


def text(most: int, *, plain: bool = False) -> Check:
    """A text object of 1 to `most` characters; `plain` where Slack takes no mrkdwn."""
    kinds = {"plain_text": shape({"text": string(1, most)}, {"emoji": boolean})}
    if not plain:
        kinds["mrkdwn"] = shape({"text": string(1, most)}, {"verbatim": boolean})
    check_kind = typed(kinds)

    def check(value: Any, pointer: str, found: Findings) -> None:
        check_kind(value, pointer, found)
        if isinstance(value, dict) and isinstance(value.get("text"), str):
            found.characters += len(value["text"])

    return check


CONFIRM = shape(
    {
        "title": text(100, plain=True),
        "text": text(300),
        "confirm": text(30, plain=True),
        "deny": text(30, plain=True),
    },
    {"style": one_of("primary", "danger")},
)
DISPATCH = shape({}, {"trigger_actions_on": items(one_of("on_enter_pressed", "on_character_entered"), 1, 2)})
CONVERSATION_FILTER = shape(
    {},
    {
        "include": items(one_of("im", "mpim", "private", "public"), 1, 4),
        "exclude_external_shared_channels": boolean,
        "exclude_bot_users": boolean,
    },
)
SLACK_FILE = shape({}, {"id": string(1, 255), "url": url()}, exactly_one_of("id", "url"))


def option(*, plain: bool, with_url: bool = False) -> Check:
    return shape(
        {"text": text(75, plain=plain), "value": string(1, 150)},
        {"description": text(75, plain=plain), **({"url": url()} if with_url else {})},
    )


def options(least: int, most: int, *, plain: bool = True, with_url: bool = False) -> Check:
    return items(option(plain=plain, with_url=with_url), least, most)


OPTION_GROUPS = items(shape({"label": text(75, plain=True), "options": options(1, 100)}), 1, 100)


def _offered(value: Any) -> list[Any]:
    groups = value.get("option_groups", [])
    return [*value.get("options", []), *(o for group in groups for o in group["options"])]


def _same(one: Any, other: Any) -> bool:
    return bool(one["value"] == other["value"] and one["text"]["text"] == other["text"]["text"])


def initial_among_options(value: Any, pointer: str, found: Findings) -> None:
    """An initial option must be one of those offered, word for word."""
    offered = _offered(value)
    if "initial_option" in value and not any(_same(value["initial_option"], o) for o in offered):
        found.add(f"{pointer}/initial_option", "the initial option must exactly match one of the options")
    for number, initial in enumerate(value.get("initial_options", [])):
        if not any(_same(initial, o) for o in offered):
            where = f"{pointer}/initial_options/{number}"
            found.add(where, "the initial option must exactly match one of the options")
