"""Finds what a person points at by its visible text (buttons, inputs, options): exact, else a unique beginning."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from .inputs import elements_of, inputs_of
from .mrkdwn import Names
from .render import element_text, offered, text_of
from .world import Json

T = TypeVar("T")
Found = tuple[Json, Json, Json | None]
"""A block, the element in it, and the option where the element is an overflow menu."""


class NotThere(AssertionError):  # noqa: N818  (what a person would say)
    """Nothing with this visible text can be used here; the message lists what can."""


def pick(label: str, candidates: Sequence[tuple[str, T]], what: str) -> T:
    """The candidate called `label`, else the only one that begins with it."""
    exact = [value for name, value in candidates if name == label]
    matches = exact or [value for name, value in candidates if name.startswith(label)]
    if len(matches) == 1:
        return matches[0]
    names = ", ".join(repr(name) for name, _ in candidates) or "nothing"
    problem = "no" if not matches else f"{len(matches)} times the"
    raise NotThere(f"{problem} {what} {label!r}; there is {names}")


def buttons(blocks: Iterable[Json]) -> list[tuple[str, Found]]:
    """Everything that can be pressed, overflow entries too, by its visible text."""
    found: list[tuple[str, Found]] = []
    for block in blocks:
        for element in elements_of(block):
            if element["type"] in {"button", "workflow_button", "icon_button"}:
                found.append((text_of(element["text"]), (block, element, None)))
            elif element["type"] == "overflow":
                found += [(text_of(o["text"]), (block, element, o)) for o in element["options"]]
    return found


def inputs(blocks: list[Json], names: Names) -> list[tuple[str, tuple[Json, Json]]]:
    """Every input by what labels it: its label, the text of its section, or its placeholder."""
    return [(_label(block, element, names), (block, element)) for block, element in inputs_of(blocks)]


def _label(block: Json, element: Json, names: Names) -> str:
    if block["type"] == "input":
        return text_of(block["label"])
    if block["type"] == "section" and "text" in block:
        return text_of(block["text"], names)
    return text_of(element["placeholder"]) if "placeholder" in element else element_text(element, None, names)


def find_option(element: Json, label: str, more: Iterable[Json] = ()) -> Json:
    """The option of a menu with this text; `more` are those that the app offered on request."""
    options = [*offered(element), *more]
    return pick(label, [(text_of(o["text"]), o) for o in options], "option")
