"""Blocks and their elements as HTML. Every control is a real one, carries its block and action id, and is named."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import escape
from typing import Any

from . import html_text
from .inputs import is_many
from .mrkdwn import Names
from .render import offered, text_of, value_text
from .world import Json

_INPUT_TYPES = {
    "plain_text_input": "text",
    "email_text_input": "email",
    "url_text_input": "url",
    "number_input": "number",
    "datepicker": "date",
    "timepicker": "time",
    "datetimepicker": "datetime-local",
    "file_input": "file",
}


def control_name(prefix: str, block: Json, element: Json) -> str:
    """The `name` of a control (and `id`, where there is one only), by which a page hands over what it holds."""
    return f"{prefix}{block['block_id']}-{element.get('action_id', '')}"


@dataclass
class Drawing:
    """What blocks are drawn with: names, what stands in the inputs, and the sentences under them.

    `people` and `places` are offered by the menus of users and of channels, as names by id.
    """

    names: Names = str
    inputs: Mapping[tuple[str, str], Any] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)
    prefix: str = ""
    people: Mapping[str, str] = field(default_factory=dict)
    places: Mapping[str, str] = field(default_factory=dict)

    def value(self, block: Json, element: Json) -> Any:
        return self.inputs.get((block["block_id"], element.get("action_id", "")))

    def blocks(self, blocks: list[Json]) -> str:
        return "".join(self.block(block) for block in blocks)

    def block(self, block: Json) -> str:
        draw = _BLOCKS.get(block["type"])
        return f'<div class="block {block["type"]}">{draw(self, block)}</div>' if draw else ""

    def element(self, block: Json, element: Json) -> str:
        kind = element["type"]
        if kind in {"button", "workflow_button", "icon_button"}:
            return _button(self, block, element)
        if kind == "image":
            return _picture(element)
        if kind == "overflow":
            return _overflow(self, block, element)
        if kind in {"radio_buttons", "checkboxes"}:
            return _choices(self, block, element)
        if kind in _INPUT_TYPES or kind == "rich_text_input":
            return _typed(self, block, element)
        return _menu(self, block, element)

    def name(self, block: Json, element: Json) -> str:
        return escape(control_name(self.prefix, block, element))

    def control(self, block: Json, element: Json) -> str:
        """The attributes that every input has; hint and error are its description."""
        name = self.name(block, element)
        attributes = f'id="{name}" name="{name}" {_data(block, element)}{_at_once(block)}'
        if block["type"] != "input":
            label = text_of(element["placeholder"]) if "placeholder" in element else "Choose"
            return f'{attributes} aria-label="{escape(label)}"'
        wrong = block["block_id"] in self.errors
        notes = [f"{name}-{note}" for note, there in (("error", wrong), ("hint", "hint" in block)) if there]
        described = f' aria-describedby="{" ".join(notes)}"' if notes else ""
        required = "" if block.get("optional") else ' aria-required="true"'
        return attributes + described + required + (' aria-invalid="true"' if wrong else "")


def _data(block: Json, element: Json) -> str:
    return f'data-block="{escape(block["block_id"])}" data-action="{escape(element.get("action_id", ""))}"'


def _at_once(block: Json) -> str:
    return " data-at-once" if block["type"] != "input" or block.get("dispatch_action") else ""


def _button(drawing: Drawing, block: Json, element: Json) -> str:
    style = escape(element.get("style", "default"))
    label = element.get("accessibility_label")
    more = f' aria-label="{escape(label)}"' if label else ""
    if "url" in element:
        more += f' data-url="{escape(element["url"])}"'
    if "confirm" in element:
        asked = {name: text_of(element["confirm"][name]) for name in ("title", "text", "confirm", "deny")}
        more += f' data-confirm="{escape(json.dumps(asked))}" aria-haspopup="dialog"'
    shown = html_text.plain(element["text"]["text"])
    id_ = f'id="{drawing.name(block, element)}"'
    return f'<button type="button" {id_} class="button {style}" {_data(block, element)}{more}>{shown}</button>'


def _picture(element: Json) -> str:
    alt = escape(element["alt_text"])
    return f'<span class="picture" role="img" aria-label="{alt}">{alt}</span>'


def _overflow(drawing: Drawing, block: Json, element: Json) -> str:
    entries = "".join(
        f'<button type="button" class="button default" {_data(block, element)} '
        f'data-value="{escape(o["value"])}">{html_text.plain(o["text"]["text"])}</button>'
        for o in element["options"]
    )
    id_ = f'id="{drawing.name(block, element)}"'
    return f'<details {id_} class="overflow"><summary aria-label="More actions">⋯</summary>{entries}</details>'


def _choices(drawing: Drawing, block: Json, element: Json) -> str:
    value = drawing.value(block, element)
    chosen = [o["value"] for o in (value if isinstance(value, list) else [value] if value else [])]
    kind = "radio" if element["type"] == "radio_buttons" else "checkbox"
    name = drawing.name(block, element)
    rows = []
    for number, o in enumerate(element["options"]):
        checked = " checked" if o["value"] in chosen else ""
        more = f"<small>{html_text.text(o['description'], drawing.names)}</small>" if "description" in o else ""
        rows.append(
            f'<label class="choice"><input type="{kind}" id="{name}-{number}" name="{name}" '
            f'value="{escape(o["value"])}"{checked} {_data(block, element)}{_at_once(block)}> '
            f"<span>{html_text.text(o['text'], drawing.names)}{more}</span></label>"
        )
    return "".join(rows)


def _typed(drawing: Drawing, block: Json, element: Json) -> str:
    kind, value = element["type"], drawing.value(block, element)
    hint = f' placeholder="{escape(text_of(element["placeholder"]))}"' if "placeholder" in element else ""
    common = drawing.control(block, element) + hint
    if kind == "rich_text_input" or element.get("multiline"):
        return f"<textarea {common} rows=5>{escape(value_text(element, value, drawing.names))}</textarea>"
    if kind == "file_input":
        chosen = f'<span class="files">{escape(value_text(element, value))}</span>' if value else ""
        accept = ",".join(f".{escape(t)}" for t in element.get("filetypes", []))
        many = " multiple" if element.get("max_files", 10) > 1 else ""
        return f'{chosen}<input type="file" accept="{accept}"{many} {common}>'
    shown = value or ""
    if kind == "datetimepicker":
        shown = f"{datetime.fromtimestamp(value, UTC):%Y-%m-%dT%H:%M}" if value else ""
        return f'<span class="moment"><input type="datetime-local" {common} value="{shown}"> UTC</span>'
    return f'<input type="{_INPUT_TYPES[kind]}" {common} value="{escape(str(shown))}" autocomplete="off">'


def _menu(drawing: Drawing, block: Json, element: Json) -> str:
    """Menus of people and channels hold ids, all others options."""
    value = drawing.value(block, element)
    held = value if isinstance(value, list) else [value] if value else []
    chosen = {o["value"] if isinstance(o, dict) else o for o in held}
    entries = [(o["value"], text_of(o["text"])) for o in offered(element)] or _known(drawing, element, held)
    options = "".join(
        f'<option value="{escape(key)}"{" selected" if key in chosen else ""}>{escape(text)}</option>'
        for key, text in entries
    )
    common = drawing.control(block, element)
    if is_many(element):
        return f"<select multiple {common}>{options}</select>"
    placeholder = text_of(element["placeholder"]) if "placeholder" in element else "Select"
    first = f'<option value="">{escape(placeholder)}</option>' if block.get("optional") or not chosen else ""
    return f"<select {common}>{first}{options}</select>"


def _known(drawing: Drawing, element: Json, held: Iterable[Any]) -> Iterable[tuple[str, str]]:
    kind = element["type"]
    if kind.endswith("users_select"):
        return drawing.people.items()
    if kind.endswith(("channels_select", "conversations_select")):
        return drawing.places.items()
    return [(o["value"], text_of(o["text"])) for o in held]


def _section(drawing: Drawing, block: Json) -> str:
    text = f"<div>{html_text.text(block['text'], drawing.names)}</div>" if "text" in block else ""
    fields = "".join(f"<div>{html_text.text(f, drawing.names)}</div>" for f in block.get("fields", []))
    grid = f'<div class="fields">{fields}</div>' if fields else ""
    accessory = block.get("accessory")
    beside = f'<div class="accessory">{drawing.element(block, accessory)}</div>' if accessory else ""
    return f'<div class="body">{text}{grid}</div>{beside}'


def _input(drawing: Drawing, block: Json) -> str:
    element = block["element"]
    name = drawing.name(block, element)
    optional = ' <span class="optional">(optional)</span>' if block.get("optional") else ""
    label = html_text.plain(block["label"]["text"]) + optional
    control = drawing.element(block, element)
    error = drawing.errors.get(block["block_id"])
    below = f'<p class="error" id="{name}-error">{html_text.plain(error)}</p>' if error else ""
    if "hint" in block:
        below += f'<p class="hint" id="{name}-hint">{html_text.plain(block["hint"]["text"])}</p>'
    if element["type"] in {"radio_buttons", "checkboxes"}:
        return f"<fieldset><legend>{label}</legend>{control}{below}</fieldset>"
    return f'<label for="{name}">{label}</label>{control}{below}'


def _context(drawing: Drawing, block: Json) -> str:
    parts = (
        drawing.element(block, e) if e["type"] == "image" else f"<span>{html_text.text(e, drawing.names)}</span>"
        for e in block["elements"]
    )
    return " ".join(parts)


def _image(drawing: Drawing, block: Json) -> str:
    title = f"<figcaption>{html_text.text(block['title'], drawing.names)}</figcaption>" if "title" in block else ""
    return f"<figure>{title}{_picture(block)}</figure>"


def _table(drawing: Drawing, block: Json) -> str:
    def cell(value: Json, tag: str) -> str:
        raw = value["type"] == "raw_text"
        shown = html_text.plain(value["text"]) if raw else html_text.rich_text(value["elements"], drawing.names)
        return f"<{tag}>{shown}</{tag}>"

    rows = [
        "<tr>" + "".join(cell(value, "td" if number else "th") for value in row) + "</tr>"
        for number, row in enumerate(block["rows"])
    ]
    return f"<table>{''.join(rows)}</table>"


_BLOCKS: dict[str, Callable[[Drawing, Json], str]] = {
    "actions": lambda drawing, block: "".join(drawing.element(block, e) for e in block["elements"]),
    "context": _context,
    "divider": lambda _drawing, _block: "<hr>",
    "header": lambda _drawing, block: f"<h3>{html_text.plain(block['text']['text'])}</h3>",
    "image": _image,
    "input": _input,
    "markdown": lambda _drawing, block: html_text.plain(block["text"]),
    "rich_text": lambda drawing, block: html_text.rich_text(block["elements"], drawing.names),
    "section": _section,
    "table": _table,
    "video": lambda drawing, block: f"<p>{html_text.text(block['title'], drawing.names)}</p>",
}
