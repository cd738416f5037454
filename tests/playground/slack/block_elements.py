"""Block Kit's elements, and which of them each block takes.

Limits: docs.slack.dev/reference/block-kit/block-elements.
"""

from __future__ import annotations

from typing import Any

from .block_checks import (
    Check,
    Findings,
    at_least_one_of,
    boolean,
    exactly_one_of,
    focus,
    integer,
    items,
    one_of,
    ordered,
    shape,
    string,
    url,
)
from .block_objects import (
    CONFIRM,
    CONVERSATION_FILTER,
    DISPATCH,
    OPTION_GROUPS,
    SLACK_FILE,
    initial_among_options,
    option,
    options,
    text,
)
from .block_rich_text import INITIAL_RICH_TEXT

_ID = string(1, 255)
_ACTION: dict[str, Check] = {"action_id": _ID}
_CHOICE: dict[str, Check] = {**_ACTION, "confirm": CONFIRM, "focus_on_load": focus}
_PLACEHOLDER: dict[str, Check] = {"placeholder": text(150, plain=True)}
_TYPED: dict[str, Check] = {**_ACTION, **_PLACEHOLDER, "focus_on_load": focus, "dispatch_action_config": DISPATCH}
_SELECT: dict[str, Check] = {**_CHOICE, **_PLACEHOLDER}
_MULTI: dict[str, Check] = {**_SELECT, "max_selected_items": integer(1, 100)}
_DATE = string(10, 10, r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])", "must be a date: YYYY-MM-DD")
_TIME = string(5, 5, r"([01]\d|2[0-3]):[0-5]\d", "must be a time: HH:mm")
_NUMBER = string(1, 32, r"-?\d+(\.\d+)?", "must be a number in a string")
_STATIC = (exactly_one_of("options", "option_groups"), initial_among_options)


def _initial_value_fits(value: Any, pointer: str, found: Findings) -> None:
    initial, least, most = value.get("initial_value"), value.get("min_length", 0), value.get("max_length", 3000)
    if initial is not None and not least <= len(initial) <= most:
        found.add(f"{pointer}/initial_value", f"must be between {least} and {most} characters")


def _number_fits(value: Any, pointer: str, found: Findings) -> None:
    names = [n for n in ("initial_value", "min_value", "max_value") if n in value]
    for name in names:
        if not value["is_decimal_allowed"] and "." in value[name]:
            found.add(f"{pointer}/{name}", "must be a whole number")


def _static(extra: dict[str, Check], initial: dict[str, Check]) -> Check:
    return shape({}, {**extra, **initial, "options": options(1, 100), "option_groups": OPTION_GROUPS}, *_STATIC)


def _picker(extra: dict[str, Check], name: str, check: Check) -> Check:
    return shape({}, {**extra, name: check})


_IDS = items(_ID, 1, 100)
_CONVERSATION: dict[str, Check] = {"default_to_current_conversation": boolean, "filter": CONVERSATION_FILTER}

ELEMENTS: dict[str, Check] = {
    "button": shape(
        {"text": text(75, plain=True)},
        {
            **_ACTION,
            "url": url(),
            "value": string(0, 2000),
            "style": one_of("primary", "danger"),
            "confirm": CONFIRM,
            "accessibility_label": string(1, 75),
        },
    ),
    "checkboxes": shape(
        {"options": options(1, 10, plain=False)},
        {**_CHOICE, "initial_options": options(1, 10, plain=False)},
        initial_among_options,
    ),
    "radio_buttons": shape(
        {"options": options(1, 10, plain=False)},
        {**_CHOICE, "initial_option": option(plain=False)},
        initial_among_options,
    ),
    "overflow": shape({"options": options(2, 5, with_url=True)}, {**_ACTION, "confirm": CONFIRM}),
    "datepicker": shape({}, {**_SELECT, "initial_date": _DATE}),
    "timepicker": shape({}, {**_SELECT, "initial_time": _TIME, "timezone": string(1, 100)}),
    "datetimepicker": shape({}, {**_CHOICE, "initial_date_time": integer(1_000_000_000, 9_999_999_999)}),
    "image": shape(
        {"alt_text": string(1, 2000)},
        {"image_url": url(), "slack_file": SLACK_FILE},
        exactly_one_of("image_url", "slack_file"),
    ),
    "static_select": _static(_SELECT, {"initial_option": option(plain=True)}),
    "multi_static_select": _static(_MULTI, {"initial_options": options(1, 100)}),
    "external_select": shape(
        {}, {**_SELECT, "initial_option": option(plain=True), "min_query_length": integer(0, 255)}
    ),
    "multi_external_select": shape(
        {}, {**_MULTI, "initial_options": options(1, 100), "min_query_length": integer(0, 255)}
    ),
    "users_select": _picker(_SELECT, "initial_user", _ID),
    "multi_users_select": _picker(_MULTI, "initial_users", _IDS),
    "conversations_select": _picker(
        {**_SELECT, **_CONVERSATION, "response_url_enabled": boolean}, "initial_conversation", _ID
    ),
    "multi_conversations_select": _picker({**_MULTI, **_CONVERSATION}, "initial_conversations", _IDS),
    "channels_select": _picker({**_SELECT, "response_url_enabled": boolean}, "initial_channel", _ID),
    "multi_channels_select": _picker(_MULTI, "initial_channels", _IDS),
    "plain_text_input": shape(
        {},
        {
            **_TYPED,
            "initial_value": string(0, 3000),
            "multiline": boolean,
            "min_length": integer(0, 3000),
            "max_length": integer(1, 3000),
        },
        ordered("min_length", "max_length"),
        _initial_value_fits,
    ),
    "email_text_input": shape({}, {**_TYPED, "initial_value": string(1, 3000)}),
    "url_text_input": shape({}, {**_TYPED, "initial_value": string(1, 3000)}),
    "number_input": shape(
        {"is_decimal_allowed": boolean},
        {**_TYPED, "initial_value": _NUMBER, "min_value": _NUMBER, "max_value": _NUMBER},
        ordered("min_value", "max_value"),
        _number_fits,
    ),
    "rich_text_input": shape(
        {}, {**_TYPED, "initial_value": INITIAL_RICH_TEXT, "min_lines": integer(1, 100), "max_lines": integer(1, 100)}
    ),
    "file_input": shape({}, {**_ACTION, "filetypes": items(string(1, 100), 1, 100), "max_files": integer(1, 10)}),
    "workflow_button": shape(
        {"text": text(75, plain=True), "workflow": shape({"trigger": shape({"url": url()}, {})})},
        {**_ACTION, "style": one_of("primary", "danger"), "accessibility_label": string(1, 75)},
    ),
    "icon_button": shape(
        {"icon": one_of("trash"), "text": text(75, plain=True)},
        {**_ACTION, "value": string(0, 2000), "confirm": CONFIRM, "accessibility_label": string(1, 75)},
    ),
    "feedback_buttons": shape(
        {"positive_button": at_least_one_of("text"), "negative_button": at_least_one_of("text")}, _ACTION
    ),
}

_SELECTS = {
    f"{prefix}{kind}"
    for kind in ("static_select", "external_select", "users_select", "conversations_select", "channels_select")
    for prefix in ("", "multi_")
}
_PICKED = _SELECTS | {"checkboxes", "radio_buttons", "datepicker", "timepicker"}


def _only(names: set[str]) -> dict[str, Check]:
    return {name: ELEMENTS[name] for name in sorted(names)}


SECTION_ACCESSORIES = _only(_PICKED | {"button", "image", "overflow", "workflow_button"})
ACTION_ELEMENTS = _only(_PICKED | {"button", "overflow", "datetimepicker", "workflow_button", "rich_text_input"})
CONTEXT_ACTION_ELEMENTS = _only({"icon_button", "feedback_buttons"})
INPUT_ELEMENTS = _only(
    _PICKED
    | {
        "datetimepicker",
        "plain_text_input",
        "email_text_input",
        "url_text_input",
        "number_input",
        "rich_text_input",
        "file_input",
    }
)
