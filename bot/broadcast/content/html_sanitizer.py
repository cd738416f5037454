"""An HTML file made fit for a mail: styles in attributes, and only the tags, attributes and CSS of a list.

css-inline fetches nothing, and comes first: nh3 would drop the style sheets. A document that is nested ten thousand
times overflows the stack of both, so this module is also a program of its own (html_import.py runs it).
"""

import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from html.parser import HTMLParser
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import css_inline
import nh3
import tinycss2
from webencodings import lookup

from bot.broadcast.limited_process import limit_process


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


TAGS: Final = _words(
    "a abbr address article b big blockquote br caption center cite code col colgroup dd del div dl dt em font footer "
    "h1 h2 h3 h4 h5 h6 header hr i img ins li main ol p pre q s section small span strike strong sub sup table tbody "
    "td tfoot th thead tr tt u ul"
)
_WITH_CONTENT: Final = _words(
    "applet audio button canvas embed iframe math noembed noframes noscript object script select style svg template "
    "textarea title video xmp"
)
_ATTRIBUTES: Final = {
    "*": {"align", "bgcolor", "dir", "height", "lang", "role", "style", "title", "valign", "width"},
    "a": {"href"},
    "font": {"color", "face", "size"},
    "img": {"alt", "border", "src"},
    "li": {"value"},
    "ol": {"start", "type"},
    "table": {"border", "cellpadding", "cellspacing"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan"},
    "ul": {"type"},
}
_PROPERTIES: Final = _words(
    "background background-color border-collapse border-radius border-spacing caption-side color direction display "
    "font height letter-spacing line-height list-style-type max-height max-width min-height min-width mso-hide "
    "mso-line-height-rule mso-padding-alt mso-table-lspace mso-table-rspace overflow overflow-wrap table-layout "
    "text-align text-indent text-transform unicode-bidi vertical-align white-space width word-break word-spacing "
    "word-wrap"
)
_FAMILIES: Final = ("border-", "font-", "margin-", "padding-", "text-decoration-")
_WHOLE: Final = frozenset({"border", "margin", "padding", "text-decoration"})
_FUNCTIONS: Final = frozenset({"rgb", "rgba", "hsl", "hsla"})
_TOKENS: Final = frozenset({"ident", "number", "percentage", "dimension", "hash", "whitespace"})
_LITERALS: Final = frozenset({",", "/"})

_NAMES: Final = {  # of what is left out, for people
    **dict.fromkeys(("script", "noscript", "applet"), "script"),
    **dict.fromkeys(("iframe", "frame", "frameset", "object", "embed", "portal"), "frame"),
    **dict.fromkeys(("form", "input", "button", "select", "textarea"), "form element"),
    **dict.fromkeys(("audio", "video"), "sound or video"),
    **dict.fromkeys(("img", "picture", "svg", "canvas", "image"), "picture"),
    **dict.fromkeys(("link", "base"), "link to another file"),
    **dict.fromkeys(("math", "template", "marquee"), "element that mail programs do not show"),
}
_CHARSET: Final = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w:.-]{1,40})""", re.IGNORECASE)
_BOMS: Final = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_SNIFFED: Final = 1024  # bytes in which a browser looks for the encoding (HTML standard, "prescan a byte stream")
_STYLE: Final = "style that loads something"
_AT_RULES: Final = {"import": "style sheet from elsewhere", "media": "media query", "font-face": "font from elsewhere"}
_AT_RULE: Final = re.compile(rf"@({'|'.join(_AT_RULES)})\b", re.IGNORECASE)


class UnreadableError(Exception):
    """The bytes are no text in an encoding that they name, nor UTF-8."""


def sanitize(data: bytes) -> tuple[str, dict[str, int]]:
    """Return the part of a document that is safe in a mail's body, and how many of what were removed.

    Raises:
        UnreadableError: its encoding is not known.
    """
    document = _decode(data)
    removed = Counter(_AT_RULES[rule.lower()] for rule in _AT_RULE.findall(document)) + _Unwanted.of(document)
    inlined = css_inline.CSSInliner(load_remote_stylesheets=False).inline(document)

    def kept(tag: str, attribute: str, value: str) -> str | None:
        if attribute == "style":
            value, loads = _style(value)
            removed[_STYLE] += loads
            return value or None
        if (tag, attribute) == ("img", "src"):
            return image_source(value)
        leads_nowhere = (tag, attribute) == ("a", "href") and value.strip()[:1] in {"", "#"}
        return None if leads_nowhere else value

    html = nh3.clean(
        inlined,
        tags=set(TAGS),
        clean_content_tags=set(_WITH_CONTENT),
        attributes=_ATTRIBUTES,
        attribute_filter=kept,
        link_rel=None,
        url_schemes={"cid", "http", "https", "mailto", "tel"},
    )
    return html.strip(), dict(+removed)


def _decode(data: bytes) -> str:
    named = _CHARSET.search(data[:_SNIFFED])
    encoding = next((name for mark, name in _BOMS if data.startswith(mark)), "")
    if not encoding and named:
        known = lookup(named[1].decode("ascii"))
        if known is None:
            raise UnreadableError
        encoding = "utf-8" if known.name.startswith("utf-16") else known.codec_info.name
    try:
        text = data.decode(encoding or "utf-8")
    except UnicodeDecodeError:
        raise UnreadableError from None
    return text.removeprefix("\ufeff").replace("\0", "")


def image_source(address: str) -> str | None:
    """Return `cid:` and what a picture is known by; None for one that no mail can have.

    That is a file's name where it comes with the page, and its address where it can be fetched.
    """
    address = address.strip()
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    if parts.scheme == "https":
        return f"cid:{address}" if parts.hostname and parts.username is None else None
    name = unquote(parts.path).replace("\\", "/").rpartition("/")[2]
    return f"cid:{name}" if parts.scheme in {"", "cid"} and not parts.netloc and name else None


def _style(value: str) -> tuple[str, int]:
    """Return the declarations of a style attribute that stay, and how many of the others would load something."""
    kept, loads = [], 0
    for declaration in tinycss2.parse_blocks_contents(value, skip_comments=True, skip_whitespace=True):
        if declaration.type != "declaration":
            continue
        name = declaration.lower_name
        if _is_allowed(name) and all(_is_plain(token, name) for token in declaration.value):
            kept.append(f"{name}:{tinycss2.serialize(declaration.value).strip()}")
        loads += any(_loads(token) for token in declaration.value)
    return ";".join(kept), loads


def _is_allowed(name: str) -> bool:
    return name in _PROPERTIES or name in _WHOLE or name.startswith(_FAMILIES)


def _is_plain(token: Any, name: str) -> bool:
    match token.type:
        case "function":
            return token.lower_name in _FUNCTIONS and all(_is_plain(inner, name) for inner in token.arguments)
        case "literal":
            return token.value in _LITERALS
        case "string":
            return name.startswith("font")
        case kind:
            return kind in _TOKENS


def _loads(token: Any) -> bool:
    return token.type == "url" or (token.type == "function" and token.lower_name in {"url", "image-set", "src"})


class _Unwanted(HTMLParser):
    """Counts what is not taken over, by what people call it."""

    def __init__(self) -> None:
        super().__init__()
        self.found: Counter[str] = Counter()

    @classmethod
    def of(cls, document: str) -> Counter[str]:
        reader = cls()
        reader.feed(document)
        return reader.found

    def handle_starttag(self, tag: str, attrs: Iterable[tuple[str, str | None]]) -> None:
        if tag in _NAMES and not (tag == "img" and image_source(dict(attrs).get("src") or "")):
            self.found[_NAMES[tag]] += 1
        self.found.update(_about(attrs))


def _about(attrs: Iterable[tuple[str, str | None]]) -> Iterator[str]:
    for name, value in attrs:
        if name.startswith("on"):
            yield "script"
        elif name in {"background", "poster"} and value:
            yield "picture"


def main() -> None:
    """Read a document from standard input, write what became of it to standard output."""
    limit_process()
    try:
        html, removed = sanitize(sys.stdin.buffer.read())
        json.dump({"html": html, "removed": removed}, sys.stdout)
    except UnreadableError:
        json.dump({"html": None, "removed": {}}, sys.stdout)


if __name__ == "__main__":
    main()
