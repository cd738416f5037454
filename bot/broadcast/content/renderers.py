"""Blocks of a message as HTML and as plain text, in template source."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from urllib.parse import unquote

from bot.broadcast.content.codes import ContentCode
from bot.broadcast.content.images import EMOJI_HEIGHT
from bot.broadcast.content.merge_tags import parse_merge_tags
from bot.broadcast.content.rich_text import Block, Code, Inline, Item, List, Paragraph, Picture, Quote, Run
from bot.broadcast.content.ses_template import EscapeContext, TemplateWriter, keep_spaces
from bot.email_addresses import shown
from bot.errors import BotError

_TAGS = {"bold": "strong", "italic": "em", "strike": "s", "underline": "u", "code": "code"}
_QUOTE = "margin:0 0 16px;padding-left:12px;border-left:3px solid #ccc"
_CODE = "margin:0 0 16px;padding:12px;background:rgba(128,128,128,.12);white-space:pre-wrap"
_TARGET = re.compile(r"https?://[^\s/?#{}\\@]+(?:[/?#]\S*)?|(?:mailto|tel):\S+", re.IGNORECASE)
_SCHEME = re.compile(r"https?://|mailto:|tel:", re.IGNORECASE)
_FIELD_MAY_FOLLOW = re.compile(r"https?://[^/?#]+[/?#]|mailto:", re.IGNORECASE)
# Stops at the next pair of braces, so that a text is read once however many pairs are never closed.
_ENCODED_MARKER = re.compile(r"%7B%7B((?:(?!%7[BD]%7[BD]).)*)%7D%7D", re.IGNORECASE)
COLUMN = 600  # pixels
LINK_LIMIT = 2_000  # characters; browsers and mail programs cut beyond that


def link_target(url: str) -> str:
    """Return a link's address, with its markers readable.

    Raises:
        BotError: LINK_REFUSED, with the reason: what is too long for mail programs, all but http, https, mailto and
            tel, a field that would decide the host.
    """
    refused = f"The link {shown(url)} cannot go into a mail"
    if len(url) > LINK_LIMIT:
        raise BotError(
            ContentCode.LINK_REFUSED,
            f"{refused}: it has {len(url):,} characters. Shorten it to {LINK_LIMIT:,} at most.",
            field="message",
        )
    url = _ENCODED_MARKER.sub(lambda marker: unquote(marker[0]), url)
    first, *rest = parse_merge_tags(url) or [""]
    plain = "".join(part if isinstance(part, str) else "x" for part in (first, *rest))
    field_fits = isinstance(first, str) and (not rest or _FIELD_MAY_FOLLOW.match(first))
    if not (field_fits and plain.isprintable() and _TARGET.fullmatch(plain)):
        raise BotError(
            ContentCode.LINK_REFUSED, f"{refused}: {_why(plain, field_fits=bool(field_fits))}", field="message"
        )
    return url


def _why(plain: str, *, field_fits: bool) -> str:
    if any(character.isspace() for character in plain):
        return "it has a space in it. Write %20 in its place."
    if not plain.isprintable():
        return "it has invisible characters in it. Type it by hand."
    if not _SCHEME.match(plain):
        return "it begins with none of https://, http://, mailto: and tel:. Type it in full."
    if not field_fits:
        return (
            "a field stands before the end of the domain. Fields can only follow it, as in https://example.com/{{x}}."
        )
    if "@" in plain:
        return "a name stands before its domain. Take out what stands before the @."
    return "it has no domain. Type it in full, like https://example.com."


def render_html(blocks: Sequence[Block], source: TemplateWriter) -> str:
    """Return the blocks as HTML; each has the direction of its own first letter."""
    return "\n".join(_html_block(block, source) for block in blocks)


def _html_block(block: Block, source: TemplateWriter) -> str:
    match block:
        case Paragraph(content):
            return f'<p dir="auto" style="margin:0 0 16px">{_html(content, source)}</p>'
        case Quote(content):
            return f'<blockquote dir="auto" style="{_QUOTE}">{_html(content, source)}</blockquote>'
        case Code(content):
            return f'<pre dir="auto" style="{_CODE}">{_html(content, source, EscapeContext.HTML_FLAT)}</pre>'
        case List():
            return _html_list(block, source, "margin:0 0 16px")
        case Picture():
            return f'<p style="margin:0 0 16px">{picture(block, source)}</p>'


def picture(shown: Picture, source: TemplateWriter) -> str:
    """Return an image that fills the column at most; Outlook reads its width only from the attribute."""
    alt = source.write(shown.alt, EscapeContext.HTML_FLAT)
    return (
        f'<img src="cid:{shown.content_id}" alt="{alt}" width="{min(shown.width, COLUMN)}" border="0" '
        'style="max-width:100%;height:auto">'
    )


def _emoji(shown: Picture, source: TemplateWriter) -> str:
    alt = source.literal(shown.alt, EscapeContext.HTML_FLAT)
    return (
        f'<img src="cid:{shown.content_id}" alt="{alt}" width="{shown.width}" height="{EMOJI_HEIGHT}" border="0" '
        'style="vertical-align:middle">'
    )


def _html_list(block: List, source: TemplateWriter, style: str = "margin:0") -> str:
    tag = "ol" if block.ordered else "ul"
    start = f' start="{block.start}"' if block.ordered and block.start != 1 else ""
    items = "".join(
        f"<li>{_html(item.content, source)}{''.join(_html_list(inner, source) for inner in item.lists)}</li>\n"
        for item in block.items
    )
    return f'<{tag}{start} dir="auto" style="{style}">\n{items}</{tag}>'


def _html(content: Inline, source: TemplateWriter, place: EscapeContext = EscapeContext.HTML) -> str:
    runs = content if place is EscapeContext.HTML_FLAT else _with_spaces(content)
    return "".join(_html_run(run, source, place) for run in runs)


def _with_spaces(content: Inline) -> Iterator[Run]:
    """Keep the spaces in a row also where they stand in two runs."""
    before = "\n"
    for run in content:
        yield replace(run, text=keep_spaces(f"{before}{run.text}")[1:])
        before = run.text[-1:]


def _html_run(run: Run, source: TemplateWriter, place: EscapeContext) -> str:
    text = _emoji(run.picture, source) if run.picture else source.write(run.text, place)
    for style in run.styles:
        text = f"<{_TAGS[style]}>{text}</{_TAGS[style]}>"
    return f'<a href="{source.write(link_target(run.url), EscapeContext.HREF)}">{text}</a>' if run.url else text


def render_text(blocks: Sequence[Block], source: TemplateWriter) -> str:
    return "\n\n".join(filter(None, (_text_block(block, source) for block in blocks)))


def _text_block(block: Block, source: TemplateWriter) -> str:
    match block:
        case Quote(content):
            return "> " + _text(content, source).replace("\n", "\n> ")
        case List():
            return _text_list(block, source)
        case Paragraph(content) | Code(content):
            return _text(content, source)
        case Picture():
            return f"[{source.write(block.alt, EscapeContext.TEXT)}]" if block.alt else ""


def _text_list(block: List, source: TemplateWriter) -> str:
    marks = (f"{block.start + count}. " if block.ordered else "- " for count in range(len(block.items)))
    return "\n".join(_text_item(mark, item, source) for mark, item in zip(marks, block.items, strict=True))


def _text_item(mark: str, item: Item, source: TemplateWriter) -> str:
    inner = (_text_list(each, source) for each in item.lists)
    return mark + "\n".join((_text(item.content, source), *inner)).replace("\n", "\n" + " " * len(mark))


def _text(content: Inline, source: TemplateWriter) -> str:
    return "".join(_text_run(run, source) for run in content)


def _text_run(run: Run, source: TemplateWriter) -> str:
    text = source.write(run.text, EscapeContext.TEXT)
    target = link_target(run.url).removeprefix("mailto:") if run.url else ""
    if not target or target == run.text:
        return text
    return f"{text} ({source.write(target, EscapeContext.TEXT_LINK)})"
