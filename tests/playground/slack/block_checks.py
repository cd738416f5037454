"""The small language in which Block Kit's rules are written: a check looks at a value and reports what is wrong.

Sentences and JSON pointers are worded as Slack words them in `response_metadata.messages`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass
class Findings:
    """What is wrong in one payload, and what has to be counted over all of it."""

    messages: list[str] = field(default_factory=list)
    block_ids: set[str] = field(default_factory=set)
    characters: int = 0
    focused: int = 0

    def add(self, pointer: str, sentence: str) -> None:
        self.messages.append(f"[ERROR] {sentence} [json-pointer:{pointer or '/'}]")


Check = Callable[[Any, str, Findings], None]


def string(least: int = 0, most: int = 3000, pattern: str | None = None, hint: str = "invalid format") -> Check:
    def check(value: Any, pointer: str, found: Findings) -> None:
        if not isinstance(value, str):
            found.add(pointer, "must provide a string")
        elif len(value) < least:
            found.add(pointer, f"must be more than {least - 1} characters")
        elif len(value) > most:
            found.add(pointer, f"must be less than {most + 1} characters")
        elif pattern and not re.fullmatch(pattern, value):
            found.add(pointer, hint)

    return check


def url(most: int = 3000) -> Check:
    return string(1, most, r"(https?|mailto|slack)://?\S+|mailto:\S+", "must provide a valid URL")


def integer(least: int, most: int) -> Check:
    def check(value: Any, pointer: str, found: Findings) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            found.add(pointer, "must provide an integer")
        elif not least <= value <= most:
            found.add(pointer, f"must be between {least} and {most}")

    return check


def boolean(value: Any, pointer: str, found: Findings) -> None:
    if not isinstance(value, bool):
        found.add(pointer, "must provide a boolean")


def focus(value: Any, pointer: str, found: Findings) -> None:
    """`focus_on_load`: only one element of a view may have it."""
    boolean(value, pointer, found)
    found.focused += value is True
    if value is True and found.focused > 1:
        found.add(pointer, "only one element may have focus_on_load set to true")


def one_of(*values: str) -> Check:
    def check(value: Any, pointer: str, found: Findings) -> None:
        if value not in values:
            found.add(pointer, f"must be one of: {', '.join(values)}")

    return check


def items(check_item: Check, least: int, most: int) -> Check:
    def check(value: Any, pointer: str, found: Findings) -> None:
        if not isinstance(value, list):
            found.add(pointer, "must provide an array")
            return
        if len(value) < least:
            found.add(pointer, f"no fewer than {least} items allowed")
        if len(value) > most:
            found.add(pointer, f"no more than {most} items allowed")
        for number, item in enumerate(value):
            check_item(item, f"{pointer}/{number}", found)

    return check


def shape(required: Mapping[str, Check], optional: Mapping[str, Check] | None = None, *rules: Check) -> Check:
    """An object with exactly these fields (`type` is whoever dispatched's), then rules across them."""
    known = {**required, **(optional or {})}

    def check(value: Any, pointer: str, found: Findings) -> None:
        if not isinstance(value, dict):
            found.add(pointer, "must provide an object")
            return
        before = len(found.messages)
        for name in required:
            if name not in value:
                found.add(f"{pointer}/{name}", f"missing required field: {name}")
        for name, part in value.items():
            if name in known:
                known[name](part, f"{pointer}/{name}", found)
            elif name != "type":
                found.add(pointer, f"invalid additional property: {name}")
        if len(found.messages) == before:  # rules may then take the fields as they are named
            for rule in rules:
                rule(value, pointer, found)

    return check


def typed(kinds: Mapping[str, Check]) -> Check:
    """An object whose `type` says which check it has to pass."""

    def check(value: Any, pointer: str, found: Findings) -> None:
        if not isinstance(value, dict):
            found.add(pointer, "must provide an object")
        elif "type" not in value:
            found.add(f"{pointer}/type", "missing required field: type")
        elif not isinstance(value["type"], str) or value["type"] not in kinds:
            found.add(f"{pointer}/type", f"unsupported type: {value['type']}")
        else:
            kinds[value["type"]](value, pointer, found)

    return check


def exactly_one_of(*names: str) -> Check:
    def check(value: Any, pointer: str, found: Findings) -> None:
        if sum(name in value for name in names) != 1:
            found.add(pointer, f"exactly one of these is required: {', '.join(names)}")

    return check


def at_least_one_of(*names: str) -> Check:
    def check(value: Any, pointer: str, found: Findings) -> None:
        if not any(name in value for name in names):
            found.add(pointer, f"missing required field: {names[0]}")

    return check


def ordered(low: str, high: str) -> Check:
    def check(value: Any, pointer: str, found: Findings) -> None:
        if low in value and high in value and float(value[low]) > float(value[high]):
            found.add(f"{pointer}/{low}", f"{low} must not be greater than {high}")

    return check
