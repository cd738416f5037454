"""What a person typed in Slack's editor, as paragraphs, lists, quotes and code.

Source: https://docs.slack.dev/reference/block-kit/blocks/rich-text-block. An element that Slack adds later is read as
the text it carries.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

STYLES = ("bold", "italic", "strike", "underline", "code")


@dataclass(frozen=True, slots=True)
class Run:
    """Text in one style; `picture` stands in the place of an emoji's name where there is one."""

    text: str
    styles: tuple[str, ...] = ()
    url: str = ""  # where it links to
    is_emoji: bool = False  # of a workspace's own, so `text` is its name
    picture: "Picture | None" = None


Inline = tuple[Run, ...]


@dataclass(frozen=True, slots=True)
class Paragraph:
    content: Inline


@dataclass(frozen=True, slots=True)
class Quote:
    content: Inline


@dataclass(frozen=True, slots=True)
class Code:
    content: Inline


@dataclass(frozen=True, slots=True)
class Item:
    content: Inline
    lists: "tuple[List, ...]" = ()


@dataclass(frozen=True, slots=True)
class List:
    ordered: bool
    start: int
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """One of the mail's images: its number, what names it in the mail, what it shows, its width in pixels."""

    number: int
    content_id: str
    alt: str
    width: int


Block = Paragraph | Quote | Code | List | Picture


def read_rich_text(body: Mapping[str, Any]) -> tuple[Block, ...]:
    """Return the blocks of a `rich_text` block, those without text left out."""
    blocks: list[Block] = []
    for is_list, elements in groupby(body.get("elements", ()), key=lambda element: element["type"] == "rich_text_list"):
        if is_list:
            blocks += _lists([_level(element) for element in elements])
        else:
            for element in elements:
                blocks += _blocks(element)
    return tuple(blocks)


def inlines(blocks: Iterable[Block | Item]) -> Iterator[Inline]:
    """Yield the texts of all blocks and of what is in them."""
    for block in blocks:
        if isinstance(block, List):
            yield from inlines(block.items)
        elif not isinstance(block, Picture):
            yield block.content
            if isinstance(block, Item):
                yield from inlines(block.lists)


def typed_texts(body: Mapping[str, Any]) -> Iterator[str]:
    """Yield what was typed between two ends of a line, and the addresses of links."""
    for content in inlines(read_rich_text(body)):
        yield "".join(run.text for run in content)
        yield from (run.url for run in content if run.url)


def _blocks(element: Mapping[str, Any]) -> Iterator[Block]:
    content = tuple(_runs(element.get("elements", ())))
    if element["type"] == "rich_text_preformatted":
        if _has_text(content):
            yield Code(trimmed(content))
    elif element["type"] == "rich_text_quote":
        if _has_text(content):
            yield Quote(trimmed(content))
    else:
        for paragraph in _paragraphs(content):
            yield Paragraph(paragraph)


def _runs(elements: Iterable[Mapping[str, Any]]) -> Iterator[Run]:
    for element in elements:
        style = element.get("style") or {}
        run = Run(
            text=text_of(element).replace("\r\n", "\n").replace("\r", "\n"),
            styles=tuple(name for name in STYLES if style.get(name)),
            url=element.get("url", "") if element["type"] == "link" else "",
            is_emoji=_is_own_emoji(element),
        )
        if run.text:
            yield run


def text_of(element: Mapping[str, Any]) -> str:
    """Return what an element says; nothing where it carries no text."""
    match element["type"]:
        case "link":
            return str(element.get("text") or element["url"])
        case "emoji":
            return _emoji(element)
        case "user" | "usergroup" | "channel" as kind:
            return f"{'#' if kind == 'channel' else '@'}{element[f'{kind}_id']}"
        case "broadcast":
            return f"@{element['range']}"
        case "date" if not element.get("fallback"):
            return f"{datetime.fromtimestamp(element['timestamp'], UTC):%Y-%m-%d %H:%M} UTC"
        case _:
            return str(element.get("text") or element.get("fallback") or element.get("value") or "")  # of a colour


def _emoji(element: Mapping[str, Any]) -> str:
    try:
        return "".join(chr(int(code, 16)) for code in element["unicode"].split("-"))
    except (KeyError, ValueError, OverflowError):
        return f":{element['name']}:"


def _is_own_emoji(element: Mapping[str, Any]) -> bool:
    return element.get("type") == "emoji" and _emoji(element).startswith(":")


def own_emoji(element: Mapping[str, Any]) -> Iterator[str]:
    """Yield the emoji of a workspace's own, which are no letters, as they are typed: `:logo:`."""
    if _is_own_emoji(element):
        yield _emoji(element)
    for inner in element.get("elements") or ():
        yield from own_emoji(inner)


def _has_text(content: Inline) -> bool:
    return any(run.text.strip() for run in content)


def trimmed(content: Inline) -> Inline:
    """Take the line ends off both ends."""
    runs = [*content]
    while runs and not runs[0].text.strip("\n"):
        runs.pop(0)
    while runs and not runs[-1].text.strip("\n"):
        runs.pop()
    if runs:
        runs[0] = replace(runs[0], text=runs[0].text.lstrip("\n"))
        runs[-1] = replace(runs[-1], text=runs[-1].text.rstrip("\n"))
    return tuple(runs)


def _paragraphs(content: Inline) -> Iterator[Inline]:
    """Cut at blank lines."""
    paragraph: list[Run] = []
    for run in content:
        first, *others = re.split(r"\n[ \t]*\n\s*", run.text)
        paragraph.append(replace(run, text=first))
        for other in others:
            yield from _kept(paragraph)
            paragraph = [replace(run, text=other)]
    yield from _kept(paragraph)


def _kept(paragraph: list[Run]) -> Iterator[Inline]:
    content = trimmed(tuple(run for run in paragraph if run.text))
    if _has_text(content):
        yield content


_Level = tuple[int, List]


def _level(element: Mapping[str, Any]) -> _Level:
    items = (trimmed(tuple(_runs(item.get("elements", ())))) for item in element.get("elements", ()))
    return int(element.get("indent", 0)), List(
        ordered=element.get("style") == "ordered",
        start=int(element.get("offset", 0)) + 1,
        items=tuple(Item(content) for content in items if _has_text(content)),
    )


def _lists(levels: list[_Level]) -> list[List]:
    """Nest the lists that Slack sends side by side, each with its indent, under the item before them."""
    lists: list[List] = []
    position = 0
    while position < len(levels):
        indent, found = levels[position]
        position += 1
        deeper = position
        while deeper < len(levels) and levels[deeper][0] > indent:
            deeper += 1
        inner = _lists(levels[position:deeper])
        position = deeper
        if not found.items:
            lists += inner
            continue
        last = Item(found.items[-1].content, tuple(inner))
        found = replace(found, items=(*found.items[:-1], last))
        if lists and _goes_on(lists[-1], found):
            before = lists.pop()
            found = replace(before, items=(*before.items, *found.items))
        lists.append(found)
    return lists


def _goes_on(before: List, after: List) -> bool:
    """Whether a list was only interrupted by a deeper one."""
    return before.ordered == after.ordered and (not after.ordered or after.start == before.start + len(before.items))
