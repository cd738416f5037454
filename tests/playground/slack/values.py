"""What a person types or picks, as the value of an input; and what Slack's client itself says about bad values."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, time
from typing import Any

from .editor import TROUBLE, as_slack_keeps, mentions_somebody, rich_text
from .finding import NotThere, find_option
from .inputs import inputs_of, is_many
from .payloads import merged_choice
from .world import File, Json, View

Upload = Callable[[str, bytes], File]
FILE_INPUT_BYTES = 10 * 1024 * 1024
"""docs.slack.dev/reference/block-kit/block-elements/file-input-element: "There is a 10MB file size limit." """
REQUIRED = "Please complete this required field."
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_URL = re.compile(r"https?://\S+")


def converted(element: Json, value: Any, upload: Upload, more: list[Json] | None = None) -> Any:
    """`value` as the input holds it. None empties an input."""
    kind = element["type"]
    if value is None:
        return None
    if kind == "file_input":
        return _files(element, value, upload)
    if kind == "rich_text_input":
        return as_slack_keeps(rich_text(value) if isinstance(value, str) else value)
    if kind in {"checkboxes", "radio_buttons"} or "static_select" in kind or "external_select" in kind:
        labels = [value] if isinstance(value, str) else list(value)
        return merged_choice(element, [find_option(element, label, more or []) for label in labels])
    if kind.endswith(("users_select", "conversations_select", "channels_select")):
        chosen = value if isinstance(value, list | tuple) else [value]
        ids = [item if isinstance(item, str) else str(item.id) for item in chosen]
        return ids if is_many(element) else ids[0]
    return _moment(kind, value)


def _moment(kind: str, value: Any) -> Any:
    if kind == "datetimepicker":
        return int(value.timestamp()) if isinstance(value, datetime) else int(value)
    if kind == "datepicker" and isinstance(value, date):
        return value.isoformat()[:10]
    if kind == "timepicker" and isinstance(value, time):
        return value.strftime("%H:%M")
    return str(value)


def _files(element: Json, value: Any, upload: Upload) -> list[File]:
    given = value if isinstance(value, list) else [value]
    if len(given) > element.get("max_files", 10):
        raise NotThere(f"at most {element.get('max_files', 10)} files can be added here")
    for name, content in given:
        if len(content) > FILE_INPUT_BYTES:
            raise NotThere(f"Slack does not take {name!r}: a file input has a limit of 10 MB")
        ending = name.rsplit(".", 1)[-1].lower()
        if ending not in element.get("filetypes", [ending]):
            raise NotThere(f"Slack does not let {name!r} be chosen: only {', '.join(element['filetypes'])}")
    return [upload(name, content) for name, content in given]


def _is_empty(element: Json, value: Any) -> bool:
    if element["type"] == "rich_text_input" and value:
        return not any(part.get("elements") for part in value["elements"])
    return value in (None, "", [])


def client_errors(view: View) -> dict[str, str]:
    """What Slack's own client refuses before it sends a submission, by block id."""
    errors: dict[str, str] = {}
    for block, element in inputs_of(view.blocks):
        if block["type"] != "input":
            continue
        value = view.inputs.get((block["block_id"], element["action_id"]))
        problem = None
        if _is_empty(element, value):
            problem = None if block.get("optional") else REQUIRED
        elif value == element.get("initial_value") and mentions_somebody(value):
            problem = TROUBLE
        elif isinstance(value, str):
            problem = _text_problem(element, value)
        elif len(value if isinstance(value, list) else [value]) > element.get("max_selected_items", 100):
            problem = f"Choose at most {element['max_selected_items']}."
        if problem:
            errors[block["block_id"]] = problem
    return errors


def _text_problem(element: Json, value: str) -> str | None:
    kind = element["type"]
    if kind == "email_text_input" and not _EMAIL.fullmatch(value):
        return "Enter a valid email address."
    if kind == "url_text_input" and not _URL.fullmatch(value):
        return "Enter a valid URL."
    if kind == "number_input":
        return _number_problem(element, value)
    if kind == "plain_text_input":
        if len(value) < element.get("min_length", 0):
            return f"Enter at least {element['min_length']} characters."
        if len(value) > element.get("max_length", 3000):
            return f"Enter at most {element.get('max_length', 3000)} characters."
    return None


def _number_problem(element: Json, value: str) -> str | None:
    pattern = r"-?\d+(\.\d+)?" if element["is_decimal_allowed"] else r"-?\d+"
    if not re.fullmatch(pattern, value):
        return "Enter a valid number."
    low, high = element.get("min_value"), element.get("max_value")
    if (low and float(value) < float(low)) or (high and float(value) > float(high)):
        return f"Enter a number from {low or 'any'} to {high or 'any'}."
    return None
