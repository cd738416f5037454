"""The plain text of a mail that came as HTML, in template source."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from bot.broadcast.content.html_body import (
    CELLS,
    LINES,
    PARAGRAPHS,
    VOID,
    End,
    HtmlBody,
    Part,
    Start,
    is_unsubscribe,
    write_part,
)
from bot.broadcast.content.merge_tags import parse_merge_tags
from bot.broadcast.content.renderers import link_target
from bot.broadcast.content.ses_template import EscapeContext, TemplateWriter

_HIDDEN: Final = re.compile(r"display:\s*none|mso-hide:\s*all")
_SPACE: Final = re.compile(r"[ \t\r\n\f]+")
_NUMBER: Final = re.compile(r"-?[0-9]{1,9}", re.ASCII)
_LISTS: Final = frozenset({"ol", "ul"})


def page_text(body: HtmlBody, source: TemplateWriter, unsubscribe: str) -> str:
    """Return a page as the source of a plain text; `unsubscribe` is the source of the recipient's own link."""
    return _TextWriter(source, unsubscribe).write(body.parts)


@dataclass(slots=True)
class _TextWriter:
    """Writes lines: a paragraph after an empty one, a cell beside the one before it."""

    source: TemplateWriter
    unsubscribe: str
    written: list[str] = field(default_factory=list)
    ends: int = 2  # lines that have ended since the last text
    hidden: int = 0  # depth in an element that is not shown
    links: list[str] = field(default_factory=list)
    shown: str = ""  # text since the link began
    lists: list[int | None] = field(default_factory=list)  # that are open: the next number of each that has numbers

    def write(self, parts: Sequence[Part]) -> str:
        for part in parts:
            match part:
                case str():
                    self._text(part)
                case Start(tag, attributes):
                    self._start(tag, attributes)
                case End(tag):
                    self._end(tag)
        return "".join(self.written).strip()

    def _start(self, tag: str, attributes: Mapping[str, str]) -> None:
        if self.hidden or _HIDDEN.search(attributes.get("style", "")):
            self.hidden += tag not in VOID
            return
        self._break(tag)
        if tag in CELLS and not self.ends:
            self._put("  ")
        elif tag in _LISTS:
            self.lists.append(_number(attributes.get("start", ""), 1) if tag == "ol" else None)
        elif tag == "li":
            self._put(self._mark(attributes.get("value", "")))
        elif tag == "img" and (alt := attributes.get("alt", "").strip()):
            self._put(f"[{self.source.literal(alt, EscapeContext.TEXT)}]")
        elif tag == "hr":
            self._put("---")
            self.ends = 0
            self._break("p")
        elif tag == "a":
            self.links.append(attributes.get("href", ""))
            self.shown = ""

    def _end(self, tag: str) -> None:
        if self.hidden:
            self.hidden -= 1
            return
        if tag == "a" and self.links and (url := self.links.pop().strip()):
            self._link(url)
        elif tag in _LISTS and self.lists:
            self.lists.pop()
        self._break(tag)

    def _mark(self, value: str) -> str:
        """Return what stands before an item, and count it; `value` is a number of its own."""
        following = self.lists[-1] if self.lists else None
        if following is None:
            return "- "
        number = _number(value, following)
        self.lists[-1] = number + 1
        return f"{number}. "

    def _link(self, url: str) -> None:
        if all(map(is_unsubscribe, parse_merge_tags(url))):
            self._put(f" {self.unsubscribe}")
        elif (target := link_target(url).removeprefix("mailto:")) != self.shown.strip():
            self._put(f" ({self.source.write(target, EscapeContext.TEXT_LINK)})")

    def _break(self, tag: str) -> None:
        wanted = 2 if tag in PARAGRAPHS else 1 if tag in LINES or tag == "br" else 0
        while self.ends < wanted:
            self.written.append("\n")
            self.ends += 1

    def _text(self, text: str) -> None:
        text = _SPACE.sub(" ", text)
        if self.ends or (self.written and self.written[-1][-1:] == " "):
            text = text.lstrip(" ")
        if text and not self.hidden:
            self.shown += text
            self._put(write_part(text, EscapeContext.TEXT, self.source, self.unsubscribe))

    def _put(self, source: str) -> None:
        self.written.append(source)
        self.ends = 0


def _number(text: str, otherwise: int) -> int:
    return int(text) if _NUMBER.fullmatch(text.strip()) else otherwise
