"""Block Kit as the plain lines a person reads: what the driver searches and the transcript prints."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from .mrkdwn import Names, visible_text
from .world import File, Json, Message, View, World

Inputs = Mapping[tuple[str, str], Any]


def text_of(obj: Json, names: Names = str) -> str:
    """What a text object shows; plain text is shown as it is."""
    return visible_text(obj["text"], names) if obj["type"] == "mrkdwn" else str(obj["text"])


def offered(element: Json) -> list[Json]:
    """The options of a menu, out of their groups."""
    groups = element.get("option_groups", [])
    return [*element.get("options", []), *(o for group in groups for o in group["options"])]


def rich_lines(elements: Iterable[Json], names: Names = str) -> list[str]:
    """Rich text as lines: bullets, numbers, quotes and code blocks drawn with plain signs."""
    lines: list[str] = []
    for element in elements:
        if element["type"] == "rich_text_list":
            indent = "  " * element.get("indent", 0)
            for number, item in enumerate(element["elements"], start=1 + element.get("offset", 0)):
                sign = f"{number}." if element["style"] == "ordered" else "•"
                lines.append(f"{indent}{sign} {_inline(item['elements'], names)}")
        elif element["type"] == "rich_text_quote":
            lines += [f"| {line}" for line in _inline(element["elements"], names).split("\n")]
        else:
            lines += _inline(element["elements"], names).rstrip("\n").split("\n")
    return lines


def _inline(parts: Iterable[Json], names: Names) -> str:
    return "".join(_part(part, names) for part in parts)


def _part(part: Json, names: Names) -> str:
    shown: dict[str, Callable[[], Any]] = {
        "text": lambda: part["text"],
        "link": lambda: f"{part['text']} ({part['url']})" if part.get("text") else part["url"],
        "emoji": lambda: f":{part['name']}:",
        "user": lambda: f"@{names(part['user_id'])}",
        "usergroup": lambda: f"@{part['usergroup_id']}",
        "channel": lambda: f"#{names(part['channel_id'])}",
        "broadcast": lambda: f"@{part['range']}",
        "color": lambda: part["value"],
        "date": lambda: part.get("fallback") or datetime.fromtimestamp(part["timestamp"], UTC).isoformat(),
    }
    return str(shown[part["type"]]())


def value_text(element: Json, value: Any, names: Names = str) -> str:
    """What an input shows once `value` has been put into it ("" while it is empty)."""
    if value in (None, "", []):
        return ""
    kind = element["type"]
    if kind == "rich_text_input":
        return "\n".join(rich_lines(value["elements"], names))
    if kind == "datetimepicker":
        return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%d %H:%M UTC")
    if kind == "file_input":
        return ", ".join(file.name for file in value)
    many = value if isinstance(value, list) else [value]
    return ", ".join(text_of(v["text"], names) if isinstance(v, dict) else names(str(v)) for v in many)


def element_text(element: Json, value: Any = None, names: Names = str) -> str:
    """One element on one line: `[Check now]`, `(•) IAM role  ( ) Access key`, `[Region: eu-west-1]`."""
    kind = element["type"]
    if kind in {"button", "workflow_button", "icon_button"}:
        return f"[{text_of(element['text'])}]"
    if kind == "image":
        return f"(image: {element['alt_text']})"
    if kind == "overflow":
        return "[⋯ " + " | ".join(text_of(o["text"]) for o in element["options"]) + "]"
    if kind in {"radio_buttons", "checkboxes"}:
        chosen = [o["value"] for o in (value if isinstance(value, list) else [value] if value else [])]
        on, off = ("(•)", "( )") if kind == "radio_buttons" else ("[x]", "[ ]")
        return "  ".join(
            f"{on if o['value'] in chosen else off} {text_of(o['text'], names)}"
            + (f" ({text_of(o['description'])})" if "description" in o else "")
            for o in element["options"]
        )
    if kind == "feedback_buttons":
        return f"[{element['positive_button']['text']['text']}] [{element['negative_button']['text']['text']}]"
    placeholder = text_of(element["placeholder"]) if "placeholder" in element else ""
    return f"[{value_text(element, value, names) or placeholder}]"


def block_lines(block: Json, names: Names = str, inputs: Inputs | None = None) -> list[str]:
    """One block as a person sees it, with what they have put into its inputs."""
    draw = _BLOCKS.get(block["type"])
    return draw(block, names, inputs or {}) if draw else []


def _element(block: Json, element: Json, names: Names, inputs: Inputs) -> str:
    return element_text(element, inputs.get((block["block_id"], element.get("action_id", ""))), names)


def _section(block: Json, names: Names, inputs: Inputs) -> list[str]:
    lines = text_of(block["text"], names).split("\n") if "text" in block else []
    for field in block.get("fields", []):
        lines += text_of(field, names).split("\n")
    if "accessory" in block:
        lines.append(_element(block, block["accessory"], names, inputs))
    return lines


def _input(block: Json, names: Names, inputs: Inputs) -> list[str]:
    optional = " (optional)" if block.get("optional") else ""
    shown = _element(block, block["element"], names, inputs).split("\n")
    lines = [f"{text_of(block['label'])}{optional}: {shown[0]}", *shown[1:]]
    if "hint" in block:
        lines.append(f"  {text_of(block['hint'])}")
    return lines


def _image(block: Json, _names: Names, _inputs: Inputs) -> list[str]:
    title = [text_of(block["title"])] if "title" in block else []
    return [*title, f"(image: {block['alt_text']})"]


def _context(block: Json, names: Names, _inputs: Inputs) -> list[str]:
    parts = (element_text(e) if e["type"] == "image" else text_of(e, names) for e in block["elements"])
    return "  ".join(parts).split("\n")


def _table(block: Json, names: Names, _inputs: Inputs) -> list[str]:
    def cell(value: Json) -> str:
        return value["text"] if value["type"] == "raw_text" else " ".join(rich_lines(value["elements"], names))

    return [" | ".join(cell(value) for value in row) for row in block["rows"]]


def _actions(block: Json, names: Names, inputs: Inputs) -> list[str]:
    return [" ".join(_element(block, e, names, inputs) for e in block["elements"])]


_BLOCKS: dict[str, Callable[[Json, Names, Inputs], list[str]]] = {
    "actions": _actions,
    "context": _context,
    "context_actions": _actions,
    "divider": lambda _block, _names, _inputs: ["———"],
    "header": lambda block, names, _inputs: [text_of(block["text"], names)],
    "image": _image,
    "input": _input,
    "markdown": lambda block, _names, _inputs: str(block["text"]).split("\n"),
    "rich_text": lambda block, names, _inputs: rich_lines(block["elements"], names),
    "section": _section,
    "table": _table,
    "video": lambda block, _names, _inputs: [f"(video: {text_of(block['title'])})"],
}


def message_lines(message: Message, world: World) -> list[str]:
    """What a message shows: its blocks, or its text where it has none, and its files."""
    if message.blocks:
        lines = [line for block in message.blocks for line in block_lines(block, world.display)]
    else:
        lines = visible_text(message.text, world.display).split("\n") if message.text else []
    return [*lines, *(file_line(file) for file in message.files)]


def file_line(file: File) -> str:
    return f"(file: {file.title or file.name})"


def view_lines(view: View, world: World) -> list[str]:
    """What a modal or a home tab shows: title, blocks with what was typed, errors under their inputs, buttons."""
    lines = [view.title] if view.title else []
    for block in view.blocks:
        lines += block_lines(block, world.display, view.inputs)
        if block["block_id"] in view.errors:
            lines.append(f"  ! {view.errors[block['block_id']]}")
    if view.body["type"] == "modal":
        close = view.body.get("close", {"text": "Cancel" if "submit" in view.body else "Close"})
        submit = [f"[{view.body['submit']['text']}]"] if "submit" in view.body else []
        lines.append(" ".join([f"[{close['text']}]", *submit]))
    return lines
