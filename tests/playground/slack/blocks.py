"""Refuses the blocks, modals and home tabs that Slack would refuse, with a JSON pointer to each fault.

Covers the blocks documented for apps in channels; the ones made for AI assistants (`plan`, `task_card`, `card`, ...)
count as unknown. Limits: docs.slack.dev/reference/block-kit/blocks and /reference/views.
"""

from __future__ import annotations

import itertools
from typing import Any

from .block_checks import (
    Check,
    Findings,
    Json,
    at_least_one_of,
    boolean,
    exactly_one_of,
    items,
    one_of,
    shape,
    string,
    typed,
    url,
)
from .block_elements import (
    ACTION_ELEMENTS,
    CONTEXT_ACTION_ELEMENTS,
    ELEMENTS,
    INPUT_ELEMENTS,
    SECTION_ACCESSORIES,
)
from .block_objects import SLACK_FILE, text
from .block_rich_text import RICH_TEXT, RICH_TEXT_ELEMENTS

MESSAGE_CHARACTERS = 13_200
"""Of all block text in one message; beyond it chat.postMessage answers msg_blocks_too_long (measured, undocumented)."""

_BLOCK_ID: dict[str, Check] = {"block_id": string(1, 255)}


def _distinct_action_ids(value: Any, pointer: str, found: Findings) -> None:
    seen: set[str] = set()
    for number, element in enumerate(value["elements"]):
        action_id = element.get("action_id")
        if action_id in seen:
            block_id = value.get("block_id", "")
            sentence = f"`action_id` {action_id} already exists for `block_id` {block_id}"
            found.add(f"{pointer}/elements/{number}/action_id", sentence)
        if action_id:
            seen.add(action_id)


def _counted(name: str, check: Check) -> Check:
    def counting(value: Any, pointer: str, found: Findings) -> None:
        check(value, pointer, found)
        if isinstance(value, dict) and isinstance(value.get(name), str):
            found.characters += len(value[name])

    return counting


_CELL = typed(
    {
        "raw_text": _counted("text", shape({"text": string(1, 10_000)})),
        "rich_text": shape({"elements": RICH_TEXT_ELEMENTS}, _BLOCK_ID),
    }
)
_COLUMN = shape({}, {"align": one_of("left", "center", "right"), "is_wrapped": boolean})

_EVERYWHERE: dict[str, Check] = {
    "actions": shape({"elements": items(typed(ACTION_ELEMENTS), 1, 25)}, _BLOCK_ID, _distinct_action_ids),
    "context": shape(
        {"elements": items(typed({"image": ELEMENTS["image"], "plain_text": text(3000), "mrkdwn": text(3000)}), 1, 10)},
        _BLOCK_ID,
    ),
    "divider": shape({}, _BLOCK_ID),
    "header": shape({"text": text(150, plain=True)}, _BLOCK_ID),
    "image": shape(
        {"alt_text": string(1, 2000)},
        {**_BLOCK_ID, "image_url": url(), "slack_file": SLACK_FILE, "title": text(2000, plain=True)},
        exactly_one_of("image_url", "slack_file"),
    ),
    "rich_text": RICH_TEXT,
    "section": shape(
        {},
        {
            **_BLOCK_ID,
            "text": text(3000),
            "fields": items(text(2000), 1, 10),
            "accessory": typed(SECTION_ACCESSORIES),
            "expand": boolean,
        },
        at_least_one_of("text", "fields"),
    ),
    "video": shape(
        {
            "alt_text": string(1, 2000),
            "title": text(200, plain=True),
            "thumbnail_url": url(),
            "video_url": url(),
        },
        {
            **_BLOCK_ID,
            "author_name": string(1, 50),
            "description": text(200, plain=True),
            "provider_icon_url": url(),
            "provider_name": string(1, 50),
            "title_url": url(),
        },
    ),
}


def _input(elements: dict[str, Check]) -> Check:
    return shape(
        {"label": text(2000, plain=True), "element": typed(elements)},
        {**_BLOCK_ID, "hint": text(2000, plain=True), "optional": boolean, "dispatch_action": boolean},
    )


_WITHOUT_FILES = {name: check for name, check in INPUT_ELEMENTS.items() if name != "file_input"}
_MODAL_BLOCKS = {**_EVERYWHERE, "input": _input(INPUT_ELEMENTS)}
_HOME_BLOCKS = {**_EVERYWHERE, "input": _input(_WITHOUT_FILES)}
_MESSAGE_BLOCKS = {
    **_EVERYWHERE,
    "input": _input(_WITHOUT_FILES),
    "context_actions": shape({"elements": items(typed(CONTEXT_ACTION_ELEMENTS), 1, 5)}, _BLOCK_ID),
    "file": shape({"external_id": string(1, 255), "source": one_of("remote")}, _BLOCK_ID),
    "markdown": _counted("text", shape({"text": string(1, 12_000)}, _BLOCK_ID)),
    "table": shape(
        {"rows": items(items(_CELL, 1, 20), 1, 100)}, {**_BLOCK_ID, "column_settings": items(_COLUMN, 1, 20)}
    ),
}


def _blocks(kinds: dict[str, Check], least: int, most: int) -> Check:
    check_kind = typed(kinds)

    def check_block(value: Any, pointer: str, found: Findings) -> None:
        check_kind(value, pointer, found)
        block_id = value.get("block_id") if isinstance(value, dict) else None
        if isinstance(block_id, str):
            if block_id in found.block_ids:
                found.add(f"{pointer}/block_id", f"`block_id` {block_id} already exists")
            found.block_ids.add(block_id)

    return items(check_block, least, most)


def _needs_submit(value: Any, pointer: str, found: Findings) -> None:
    if "submit" not in value and any(block["type"] == "input" for block in value["blocks"]):
        found.add(f"{pointer}/submit", "missing required field: submit (the modal has input blocks)")


_VIEW: dict[str, Check] = {
    "private_metadata": string(0, 3000),
    "callback_id": string(0, 255),
    "external_id": string(0, 255),
}
_VIEWS = {
    "modal": shape(
        {"title": text(24, plain=True), "blocks": _blocks(_MODAL_BLOCKS, 1, 100)},
        {
            **_VIEW,
            "submit": text(24, plain=True),
            "close": text(24, plain=True),
            "clear_on_close": boolean,
            "notify_on_close": boolean,
            "submit_disabled": boolean,
        },
        _needs_submit,
    ),
    "home": shape({"blocks": _blocks(_HOME_BLOCKS, 0, 100)}, _VIEW),
}


def check_message(blocks: Any) -> list[str]:
    """What Slack would refuse in a message's `blocks`; the total length is `characters_of_message`'s."""
    found = Findings()
    _blocks(_MESSAGE_BLOCKS, 0, 50)(blocks, "/blocks", found)
    if isinstance(blocks, list):
        tables = [n for n, block in enumerate(blocks) if isinstance(block, dict) and block.get("type") == "table"]
        for number in tables[1:]:
            found.add(f"/blocks/{number}", "only one table is allowed in a message")
    return found.messages


def characters_of_message(blocks: list[Json]) -> int:
    found = Findings()
    _blocks(_MESSAGE_BLOCKS, 0, 50)(blocks, "/blocks", found)
    return found.characters


def check_view(view: Any, kind: str) -> list[str]:
    """What Slack would refuse in a view; `kind` is `modal` or `home`, as the method wants it."""
    found = Findings()
    typed({kind: _VIEWS[kind]})(view, "/view", found)
    return found.messages


def completed(blocks: list[Json], numbers: itertools.count[int]) -> list[Json]:
    """The blocks with the ids that Slack makes up where the app named none; payloads always carry them."""
    return [_completed(block, numbers) for block in blocks]


def _completed(block: Json, numbers: itertools.count[int]) -> Json:
    done = {**block, "block_id": block.get("block_id") or f"b{next(numbers):05d}"}
    for name in ("accessory", "element"):
        if name in done:
            done[name] = _with_action_id(done[name], numbers)
    if done["type"] in {"actions", "context_actions"}:
        done["elements"] = [_with_action_id(element, numbers) for element in done["elements"]]
    return done


def _with_action_id(element: Json, numbers: itertools.count[int]) -> Json:
    if element["type"] == "image":
        return element
    return {**element, "action_id": element.get("action_id") or f"a{next(numbers):05d}"}
