"""What a Slack canvas holds, as an HTML page for a mail.

Slack gives it as Markdown (https://docs.slack.dev/reference/methods/canvases.getContent), in which a mention is an
image whose address is an id, and a card one whose address is a page (https://docs.slack.dev/surfaces/canvases). How it
writes a picture no document says: we take each of whose address holds the id of a file, as those of files do
(https://docs.slack.dev/reference/objects/file-object). HTML in it is text, as is whatever else we do not know.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Final
from urllib.parse import quote, urlsplit

from markdown_it import MarkdownIt
from markdown_it.token import Token

from bot.broadcast.content.images import Image

_MENTION: Final = re.compile(r"!\[[^\]\n]*\]\([@#]([UWC][A-Z0-9]{2,20})\)")
_IMAGE: Final = re.compile(r"!\[[^\]\n]*\]\((https://[^\s)]+)\)")
_FILE: Final = re.compile(r"(?:/|-)(F[A-Z0-9]{6,20})(?=[/?#]|$)")
_FIELD: Final = re.compile(r"\{\{[^{}\n]*\}\}")
_PIPE: Final = "\ue000"  # in the place of a fallback's, which would end the cell of a table
_TICKS: Final = {"[ ] ": "☐ ", "[x] ": "☑ ", "[X] ": "☑ "}
_STYLE: Final = """
.mail { max-width: 600px; margin: 0 auto; padding: 24px 16px 0; color: #222; overflow-wrap: break-word;
        font: 16px/1.5 -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif }
h1 { font-size: 28px; line-height: 1.25; margin: 24px 0 8px }
h2 { font-size: 22px; line-height: 1.3; margin: 24px 0 8px }
h3 { font-size: 18px; line-height: 1.35; margin: 16px 0 8px }
blockquote { margin: 0 0 16px; padding-left: 12px; border-left: 3px solid #ddd; color: #555 }
pre { padding: 12px; background-color: #f5f5f5; white-space: pre-wrap; font-size: 14px }
table { border-collapse: collapse; width: 100%; margin: 0 0 16px }
th, td { border: 1px solid #ddd; padding: 6px 10px; text-align: left; vertical-align: top }
img { max-width: 100%; height: auto }
hr { border: 0; border-top: 1px solid #ddd; margin: 24px 0 }
"""


@dataclass(frozen=True, slots=True)
class CanvasPage:
    """`changed` is how many of a kind became another, `removed` how many of a kind a mail has not."""

    html: str
    changed: Mapping[str, int]
    removed: Mapping[str, int]


def mentioned(markdown: str) -> list[str]:
    """Return the ids of the people and channels that it mentions, each once."""
    return [*dict.fromkeys(_MENTION.findall(markdown))]


def pictured(markdown: str) -> list[str]:
    """Return the ids of the files that it shows, each once."""
    return [*dict.fromkeys(key for target in _IMAGE.findall(markdown) if (key := _file_id(target)))]


def canvas_page(markdown: str, names: Mapping[str, str], pictures: Mapping[str, Image | None] | None) -> CanvasPage:
    """Return it as a page; empty where there is nothing to read.

    `names` are of those mentioned, `pictures` the images among the files that it shows; None: it is left out, and that
    is said elsewhere. Without `pictures` it is Markdown that is no canvas, in which an image is one.
    """
    parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    for kind in ("fence", "code_block"):
        parser.add_render_rule(kind, _code)
    parser.add_render_rule("image", _image)
    parser.normalizeLink = lambda url: url  # type: ignore[method-assign]  # a field in it stays one
    tokens = parser.parse(_FIELD.sub(lambda field: field[0].replace("|", _PIPE), markdown))
    changed, removed = Counter[str](), Counter[str]()
    for token in tokens:
        if token.type == "inline":
            token.children = [*_inline(token.children or [], names, pictures, changed, removed)]
    _check_lists(tokens)
    parts = (part for token in tokens for part in (token.children or [] if token.type == "inline" else [token]))
    if not any(part.content.strip() or part.type == "image" for part in parts):
        return CanvasPage("", changed, removed)
    html = parser.renderer.render(tokens, parser.options, {}).replace(_PIPE, "|")
    return CanvasPage(f'<style>{_STYLE}</style><div class="mail" dir="auto">\n{html}</div>', changed, removed)


def _inline(
    tokens: list[Token],
    names: Mapping[str, str],
    pictures: Mapping[str, Image | None] | None,
    changed: Counter[str],
    removed: Counter[str],
) -> Iterator[Token]:
    for token in tokens:
        if token.type != "image" or pictures is None:
            yield token
            continue
        target = str(token.attrs.get("src", ""))
        if mention := _MENTION.fullmatch(f"![]({target})"):
            changed["mention"] += 1
            yield _text(names.get(mention[1], token.content or "somebody"))
        elif (key := _file_id(target)) in pictures:
            if picture := pictures[key]:
                token.attrs = {"src": f"cid:{quote(picture['name'])}"}
                token.content = token.content or picture["alt"]
                yield token
        elif _is_page(target):
            changed["card"] += 1
            yield Token("link_open", "a", 1, attrs={"href": target})
            yield _text(token.content or target)
            yield Token("link_close", "a", -1)
        else:
            removed["picture"] += 1


def _text(content: str) -> Token:
    return Token("text", "", 0, content=content)


def _image(_renderer: Any, tokens: Sequence[Token], at: int, *_options: Any) -> str:
    """Write a picture; one without a description has no `alt`, which says so."""
    token = tokens[at]
    alt = f' alt="{escape(token.content)}"' if token.content else ""
    return f'<img src="{escape(str(token.attrs["src"]))}"{alt}>'


def _file_id(target: str) -> str:
    """Return the id of the file of Slack that an address leads to, or nothing."""
    found = _FILE.search(target) if _is_slack(_host(target)) else None
    return found[1] if found else ""


def _host(target: str) -> str:
    try:
        parts = urlsplit(target)
    except ValueError:
        return ""
    return parts.hostname or "" if parts.scheme == "https" else ""


def _is_slack(host: str) -> bool:
    return f".{host}".endswith(".slack.com")


def _is_page(target: str) -> bool:
    """Whether it leads to a page that a recipient may open, so not into Slack."""
    host = _host(target)
    return bool(host) and not _is_slack(host)


def _code(_renderer: Any, tokens: Sequence[Token], at: int, *_options: Any) -> str:
    """Write a block of code so that its lines and their indents stay in the plain text too."""
    lines = escape(tokens[at].content.rstrip("\n"), quote=False).split("\n")
    kept = "<br>".join(re.sub(r"^ +", lambda indent: "\u00a0" * len(indent[0]), line) for line in lines)
    return f"<pre><code>{kept}</code></pre>\n"


def _check_lists(tokens: list[Token]) -> None:
    """Put a box in the place of what marks an item of a check list."""
    for at, token in enumerate(tokens[2:], start=2):
        first = token.children[0] if token.type == "inline" and token.children else None
        if first is None or tokens[at - 2].type != "list_item_open":
            continue
        for mark, box in _TICKS.items():
            if first.content.startswith(mark):
                first.content = box + first.content[len(mark) :]
                tokens[at - 2].attrSet("style", "list-style-type:none")
