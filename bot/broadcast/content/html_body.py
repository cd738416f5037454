"""The body of a mail that came as HTML, as the HTML and the plain text of a template."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any, Final, NamedTuple

from bot.broadcast.content.images import Image, content_id
from bot.broadcast.content.merge_tags import MergeTag, parse_merge_tags
from bot.broadcast.content.renderers import COLUMN, link_target
from bot.broadcast.content.rich_text import typed_texts
from bot.broadcast.content.ses_template import EscapeContext, TemplateWriter

HTML: Final = "html"
"""The type of a body that came as a file."""

SAME_PAGE: Final = {"type": HTML}
"""As a body: the page that the draft has, where nobody chose another."""

UNSUBSCRIBE_FIELD: Final = "unsubscribe"
"""`{{unsubscribe}}` is the recipient's own link."""

VOID: Final = frozenset({"br", "col", "hr", "img"})
PARAGRAPHS: Final = frozenset({"blockquote", "dl", "h1", "h2", "h3", "h4", "h5", "h6", "ol", "p", "pre", "table", "ul"})
LINES: Final = frozenset(
    {"address", "article", "caption", "center", "dd", "div", "dt", "footer", "header", "li", "main", "section", "tr"}
)
CELLS: Final = frozenset({"td", "th"})
_WIDTH: Final = re.compile(r"(?:^|;)\s*width:")


def is_html(body: Mapping[str, Any]) -> bool:
    return body.get("type") == HTML


def is_canvas(body: Mapping[str, Any]) -> bool:
    """Whether an HTML body was made of a Slack canvas, to which it has the link."""
    return "canvas" in body


def texts_of(body: Mapping[str, Any]) -> Iterator[str]:
    """Yield what was typed in a message, written here or in a file, and the addresses of its links."""
    return HtmlBody.of(body["html"]).typed() if is_html(body) else typed_texts(body)


class Start(NamedTuple):
    tag: str
    attributes: Mapping[str, str]


class End(NamedTuple):
    tag: str


Part = Start | End | str


@dataclass(frozen=True, slots=True)
class HtmlBody:
    """What `html_sanitizer` left of a document, in order."""

    parts: tuple[Part, ...]

    @classmethod
    def of(cls, html: str) -> "HtmlBody":
        reader = _Reader()
        reader.feed(html)
        reader.close()
        return cls(tuple(reader.parts))

    @property
    def has_unsubscribe(self) -> bool:
        """Whether the document has a place for the recipient's own link."""
        return any(is_unsubscribe(part) for text in self.typed() for part in parse_merge_tags(text))

    def typed(self) -> Iterator[str]:
        """Yield its texts and the addresses of its links."""
        yield from (part for part in self.parts if isinstance(part, str))
        for part in self.parts:
            if isinstance(part, Start) and part.attributes.get("href"):
                yield part.attributes["href"]

    def urls(self) -> Iterator[str]:
        """Yield the addresses of its links, but for the recipient's own."""
        for url in (part.attributes.get("href", "").strip() for part in self.parts if isinstance(part, Start)):
            if url and not all(map(is_unsubscribe, parse_merge_tags(url))):
                yield url

    @property
    def split_field(self) -> str:
        """The first field of which only a part is formatted, as it would go out; nothing where all are whole."""
        whole = Counter(name for line in self._lines() for name in _fields_of(line))
        for part in self.parts:
            whole.subtract(_fields_of(part) if isinstance(part, str) else ())
        return next((field for field, count in whole.items() if count > 0), "")

    def _lines(self) -> Iterator[str]:
        """Yield what reads as one line, whatever formatting is in it."""
        line = ""
        for part in self.parts:
            if isinstance(part, str):
                line += part
            elif part.tag in PARAGRAPHS | LINES | CELLS | VOID:
                yield line
                line = ""
        yield line

    def pictures(self) -> Iterator[Mapping[str, str]]:
        """Yield the attributes of the images that it shows of the files chosen with it."""
        yield from (part.attributes for part in self.parts if isinstance(part, Start) and part.attributes.get("src"))

    def images(self, images: Sequence[Image]) -> tuple[int, ...]:
        """Return which of these it shows."""
        names = {file_name(shown) for shown in self.pictures()}
        return tuple(number for number, image in enumerate(images) if image["name"] in names)

    def html(self, source: TemplateWriter, unsubscribe: str, images: Sequence[Image]) -> str:
        """Return it as template source; `unsubscribe` is the source of the recipient's own link.

        An image that is not there is left out.

        Raises:
            BotError: LINK_REFUSED.
        """
        written = []
        numbers = {image["name"]: number for number, image in enumerate(images)}
        for part in self.parts:
            match part:
                case str():
                    written.append(write_part(part, EscapeContext.HTML_FLAT, source, unsubscribe))
                case Start("img", attributes):
                    if (number := numbers.get(file_name(attributes))) is not None:
                        shown = _shown(attributes, content_id(number, images[number]), images[number]["width"])
                        written.append(f"<img{''.join(_attributes(shown, source, unsubscribe))}>")
                case Start(tag, attributes):
                    written.append(f"<{tag}{''.join(_attributes(attributes, source, unsubscribe))}>")
                case End(tag):
                    written.append(f"</{tag}>")
        return "".join(written)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.parts: list[Part] = []

    def handle_starttag(self, tag: str, attrs: Iterable[tuple[str, str | None]]) -> None:
        self.parts.append(Start(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        self.parts.append(End(tag))

    def handle_data(self, data: str) -> None:
        self.parts.append(data)


def _fields_of(text: str) -> list[str]:
    return [part.field for part in parse_merge_tags(text) if isinstance(part, MergeTag)]


def is_unsubscribe(part: str | MergeTag) -> bool:
    return isinstance(part, MergeTag) and part.field == UNSUBSCRIBE_FIELD


def write_part(text: str, place: EscapeContext, source: TemplateWriter, unsubscribe: str) -> str:
    written = []
    for part in parse_merge_tags(text):
        if is_unsubscribe(part):
            written.append(unsubscribe)
        else:
            written.append(source.write(part if isinstance(part, str) else f"{{{{{part.typed}}}}}", place))
    return "".join(written)


def is_remote(name: str) -> bool:
    """Whether an image of this name is one from elsewhere: it is called as its address."""
    return name.startswith("https://")


def file_name(attributes: Mapping[str, str]) -> str:
    return attributes.get("src", "").removeprefix("cid:")


def _shown(attributes: Mapping[str, str], named: str, width: int) -> dict[str, str]:
    """Return the attributes of an image as it is mailed; one without a width of its own is no wider than a mail."""
    fitting = {} if _WIDTH.search(attributes.get("style", "")) else {"width": str(min(width, COLUMN))}
    return {**fitting, **attributes, "src": f"cid:{named}"}


def _attributes(attributes: Mapping[str, str], source: TemplateWriter, unsubscribe: str) -> Iterator[str]:
    for name, value in attributes.items():
        if name != "href":
            yield f' {name}="{source.literal(value, EscapeContext.HTML_FLAT)}"'
        elif all(map(is_unsubscribe, parse_merge_tags(value.strip()))):
            yield f' href="{unsubscribe}"'
        else:
            yield f' href="{source.write(link_target(value.strip()), EscapeContext.HREF)}"'
