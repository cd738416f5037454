"""What stands in the inputs of a view or message: initial values, what was put in, and `state.values` of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from .world import File, Json

_STATE_KEY = {
    "static_select": "selected_option",
    "external_select": "selected_option",
    "radio_buttons": "selected_option",
    "checkboxes": "selected_options",
    "multi_static_select": "selected_options",
    "multi_external_select": "selected_options",
    "users_select": "selected_user",
    "multi_users_select": "selected_users",
    "conversations_select": "selected_conversation",
    "multi_conversations_select": "selected_conversations",
    "channels_select": "selected_channel",
    "multi_channels_select": "selected_channels",
    "datepicker": "selected_date",
    "timepicker": "selected_time",
    "datetimepicker": "selected_date_time",
    "rich_text_input": "rich_text_value",
    "file_input": "files",
    "plain_text_input": "value",
    "email_text_input": "value",
    "url_text_input": "value",
    "number_input": "value",
}
_INITIAL_KEY = {
    "selected_option": "initial_option",
    "selected_options": "initial_options",
    "selected_user": "initial_user",
    "selected_users": "initial_users",
    "selected_conversation": "initial_conversation",
    "selected_conversations": "initial_conversations",
    "selected_channel": "initial_channel",
    "selected_channels": "initial_channels",
    "selected_date": "initial_date",
    "selected_time": "initial_time",
    "selected_date_time": "initial_date_time",
    "rich_text_value": "initial_value",
    "value": "initial_value",
}
Inputs = dict[tuple[str, str], Any]


def is_many(element: Json) -> bool:
    return element["type"] == "checkboxes" or str(element["type"]).startswith("multi_")


def elements_of(block: Json) -> list[Json]:
    """The elements of a block that a person can act on."""
    held = [block[name] for name in ("accessory", "element") if name in block]
    if block["type"] in {"actions", "context_actions"}:
        held += block["elements"]
    return [element for element in held if "action_id" in element]


def inputs_of(blocks: list[Json]) -> Iterator[tuple[Json, Json]]:
    """Every element that holds a value, with its block."""
    for block in blocks:
        for element in elements_of(block):
            if element["type"] in _STATE_KEY:
                yield block, element


def initial_value(element: Json) -> Any:
    key = _STATE_KEY[element["type"]]
    return element.get(_INITIAL_KEY.get(key, ""))


def merged(blocks: list[Json], before: Mapping[tuple[str, str], Any]) -> Inputs:
    """What the inputs hold when a view is drawn: what was put into the same ids before, else the initial values."""
    values: Inputs = {}
    for block, element in inputs_of(blocks):
        key = (block["block_id"], element["action_id"])
        value = before[key] if key in before else initial_value(element)
        if value is not None:
            values[key] = value
    return values


def element_state(element: Json, value: Any, file_json: Callable[[File], Json]) -> Json:
    """One element's entry in `state.values`, which is also the body of its block action."""
    key = _STATE_KEY[element["type"]]
    if element["type"] == "file_input":
        value = [file_json(file) for file in value or []]
    elif is_many(element):
        value = value or []
    elif value in ("", None):
        value = None
    return {"type": element["type"], key: value}


def state_values(blocks: list[Json], inputs: Mapping[tuple[str, str], Any], file_json: Callable[[File], Json]) -> Json:
    values: Json = {}
    for block, element in inputs_of(blocks):
        key = (block["block_id"], element["action_id"])
        values.setdefault(key[0], {})[key[1]] = element_state(element, inputs.get(key), file_json)
    return {"values": values}
