"""Blocks and their elements as HTML. Every control carries its block and action id for a page that acts on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import escape
from typing import Any

from . import html_text
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


@dataclass
class Drawing:
    """What blocks are drawn with: names, what stands in the inputs, and the sentences under them."""

    names: Names = str
    inputs: Mapping[tuple[str, str], Any] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)
    prefix: str = ""

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
            return _button(block, element)
        if kind == "image":
            return _picture(element)
        if kind == "overflow":
            return _overflow(block, element)
        if kind in {"radio_buttons", "checkboxes"}:
            return _choices(self, block, element)
        if kind in _INPUT_TYPES or kind == "rich_text_input":
            return _typed(self, block, element)
        return _menu(self, block, element)

    def element_id(self, block: Json, element: Json) -> str:
        return escape(f"{self.prefix}{block['block_id']}-{element.get('action_id', '')}")


def _data(block: Json, element: Json) -> str:
    return f'data-block="{escape(block["block_id"])}" data-action="{escape(element.get("action_id", ""))}"'


def _button(block: Json, element: Json) -> str:
    style = escape(element.get("style", "default"))
    label = element.get("accessibility_label")
    name = f' aria-label="{escape(label)}"' if label else ""
    shown = html_text.plain(element["text"]["text"])
    return f'<button type="button" class="button {style}" {_data(block, element)}{name}>{shown}</button>'


def _picture(element: Json) -> str:
    alt = escape(element["alt_text"])
    return f'<span class="picture" role="img" aria-label="{alt}">{alt}</span>'


def _overflow(block: Json, element: Json) -> str:
    entries = "".join(
        f'<button type="button" class="button default" {_data(block, element)} '
        f'data-value="{escape(o["value"])}">{html_text.plain(o["text"]["text"])}</button>'
        for o in element["options"]
    )
    return f'<details class="overflow"><summary aria-label="More actions">⋯</summary>{entries}</details>'


def _choices(drawing: Drawing, block: Json, element: Json) -> str:
    value = drawing.value(block, element)
    chosen = [o["value"] for o in (value if isinstance(value, list) else [value] if value else [])]
    kind = "radio" if element["type"] == "radio_buttons" else "checkbox"
    name = drawing.element_id(block, element)
    rows = []
    for o in element["options"]:
        checked = " checked" if o["value"] in chosen else ""
        more = f"<small>{html_text.text(o['description'], drawing.names)}</small>" if "description" in o else ""
        rows.append(
            f'<label class="choice"><input type="{kind}" name="{name}" value="{escape(o["value"])}"{checked} '
            f"{_data(block, element)}> <span>{html_text.text(o['text'], drawing.names)}{more}</span></label>"
        )
    return "".join(rows)


def _typed(drawing: Drawing, block: Json, element: Json) -> str:
    kind, value = element["type"], drawing.value(block, element)
    hint = escape(text_of(element["placeholder"])) if "placeholder" in element else ""
    common = f'id="{drawing.element_id(block, element)}" {_data(block, element)} placeholder="{hint}"'
    if kind == "rich_text_input" or element.get("multiline"):
        return f"<textarea {common} rows=5>{escape(value_text(element, value, drawing.names))}</textarea>"
    if kind == "file_input":
        chosen = f'<span class="files">{escape(value_text(element, value))}</span>' if value else ""
        accept = ",".join(f".{escape(t)}" for t in element.get("filetypes", []))
        return f'{chosen}<input type="file" accept="{accept}" {common}>'
    shown = value or ""
    if kind == "datetimepicker" and value:
        shown = datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%dT%H:%M")
    return f'<input type="{_INPUT_TYPES[kind]}" {common} value="{escape(str(shown))}">'


def _menu(drawing: Drawing, block: Json, element: Json) -> str:
    value = drawing.value(block, element)
    placeholder = text_of(element["placeholder"]) if "placeholder" in element else ""
    shown = value_text(element, value, drawing.names) or placeholder
    options = "".join(
        f'<option value="{escape(o["value"])}"{" selected" if o == value else ""}>{escape(text_of(o["text"]))}</option>'
        for o in offered(element)
    )
    first = "" if value and options else f'<option value="">{escape(shown or "Select")}</option>'
    name = f'aria-label="{escape(placeholder or "Select")}"' if block["type"] != "input" else ""
    return f'<select id="{drawing.element_id(block, element)}" {name} {_data(block, element)}>{first}{options}</select>'


def _section(drawing: Drawing, block: Json) -> str:
    text = f"<div>{html_text.text(block['text'], drawing.names)}</div>" if "text" in block else ""
    fields = "".join(f"<div>{html_text.text(f, drawing.names)}</div>" for f in block.get("fields", []))
    grid = f'<div class="fields">{fields}</div>' if fields else ""
    accessory = block.get("accessory")
    beside = f'<div class="accessory">{drawing.element(block, accessory)}</div>' if accessory else ""
    return f'<div class="body">{text}{grid}</div>{beside}'


def _input(drawing: Drawing, block: Json) -> str:
    element = block["element"]
    optional = ' <span class="optional">(optional)</span>' if block.get("optional") else ""
    label = html_text.plain(block["label"]["text"]) + optional
    control = drawing.element(block, element)
    error = drawing.errors.get(block["block_id"])
    below = f'<p class="error" role="alert">{html_text.plain(error)}</p>' if error else ""
    if "hint" in block:
        below += f'<p class="hint">{html_text.plain(block["hint"]["text"])}</p>'
    if element["type"] in {"radio_buttons", "checkboxes"}:
        return f"<fieldset><legend>{label}</legend>{control}{below}</fieldset>"
    return f'<label for="{drawing.element_id(block, element)}">{label}</label>{control}{below}'


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
