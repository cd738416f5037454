"""From what a person composed to the template that SES is given: checked, escaped, fixed."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any

from bot.broadcast.content.codes import ContentCode
from bot.broadcast.content.footer import (
    Footer,
    Unsubscribe,
    footer_html,
    footer_text,
    unsubscribe_address,
    unsubscribe_target,
)
from bot.broadcast.content.html_body import HtmlBody, is_canvas, is_html
from bot.broadcast.content.html_text import page_text
from bot.broadcast.content.images import Image, placed, weight
from bot.broadcast.content.look import Layout, Look
from bot.broadcast.content.merge_tags import MergeTag, parse_merge_tags
from bot.broadcast.content.renderers import COLUMN, render_html, render_text
from bot.broadcast.content.rich_text import Block, Inline, inlines, read_rich_text
from bot.broadcast.content.ses_template import CONTROLS, EscapeContext, Rendered, Template, TemplateWriter, render
from bot.email_addresses import shown
from bot.errors import BotError
from bot.ses.bulk_send import CALL_BYTES
from bot.wording import take_out

__all__ = ["Footer", "Rendered", "Template", "Unsubscribe", "compile_template", "render"]

SUBJECT_LIMIT = PREHEADER_LIMIT = 200  # characters; mail programs show about 70 and 100
# SES takes 1 MB of template and data in one call, so that half is left for the data of fifty recipients.
TEMPLATE_LIMIT = 500_000
ROOM_FOR_DATA = 100_000  # of one recipient, beside images

_FONT = "font:16px/1.5 -apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"
_BODY = f"margin:0;padding:24px 16px;{_FONT}"
_COLUMN = f"max-width:{COLUMN}px;margin:0 auto;overflow-wrap:break-word;word-wrap:break-word"  # the second for Outlook
# Outlook's engine is Word's, which knows a width of tables alone.
_OUTLOOK = f'<!--[if mso]><table role="presentation" width="{COLUMN}" align="center"><tr><td><![endif]-->\n'
_OUTLOOK_END = "<!--[if mso]></td></tr></table><![endif]-->\n"
# The reader's program chooses the colours: no text has one of its own, so that it is read in the dark too.
_ANY_LIGHT = (
    '<meta name="color-scheme" content="light dark">\n<meta name="supported-color-schemes" content="light dark">\n'
)
_PLAIN = "margin:0;padding:0"  # a document brings its own
_ABOVE = "padding:24px 16px 0"
_BELOW = f"padding:0 16px 24px;{_FONT};color:#222"
_HIDDEN = "display:none;max-height:0;overflow:hidden;mso-hide:all"


_PLAIN_LOOK = Look()


def compile_template(
    subject: str,
    preheader: str,
    body: Mapping[str, Any],
    columns: Sequence[str] | None,
    footer: Footer,
    images: Sequence[Image] = (),
    call_bytes: int = CALL_BYTES,
    look: Look = _PLAIN_LOOK,
) -> Template:
    """Compile a message for SES.

    Args:
        subject: one line; as everywhere, `{{column}}` and `{{column|fallback}}` are filled per recipient.
        preheader: one line that mail programs show beside the subject; may be empty.
        body: Slack's `rich_text` block, with names in the place of mentions; or what `import_html` made of a file.
        columns: of the audience; None where there is none yet (a test): fields then show fallback or name.
        footer: how to unsubscribe, and the sender's postal address.
        images: of the message, as `import_image` made them.
        call_bytes: what a call to SES may hold.
        look: the team's; an HTML file brings its own.

    Raises:
        BotError: for the field it is about. SUBJECT_EMPTY, TOO_LONG, NOT_ONE_LINE, BODY_EMPTY, LINK_REFUSED,
            FIELD_SPLIT, FIELD_SYNTAX, UNKNOWN_FIELD, MESSAGE_TOO_LARGE, HTML_TOO_LARGE, IMAGES_TOO_HEAVY.
    """
    subject, preheader = subject.strip(), preheader.strip()
    if not subject:
        raise BotError(ContentCode.SUBJECT_EMPTY, field="subject")
    _check_line(subject, SUBJECT_LIMIT, "subject")
    _check_line(preheader, PREHEADER_LIMIT, "preheader")
    _check_fields(parse_merge_tags(subject), columns, "subject")
    _check_fields(parse_merge_tags(preheader), columns, "preheader")
    source = TemplateWriter(show_names=columns is None)
    if is_html(body):
        field = "canvas" if is_canvas(body) else "html"
        page = HtmlBody.of(body["html"])
        used = page.images(images)
        with _about(field):
            html, text = _of_html(subject, preheader, page, footer, source, images, look, layout_of(body))
    else:
        field = "message"
        blocks = placed(read_rich_text(body), images)
        used = tuple(range(len(images)))
        html, text = _of_rich_text(subject, preheader, blocks, footer, source, look)
    _check_fields(source.merges, columns, field)
    template = Template(source.write(subject, EscapeContext.SUBJECT), html, text, source.slots, used)
    size, room = len(json.dumps([template.subject, template.html, template.text])), call_bytes - ROOM_FOR_DATA
    if size > min(TEMPLATE_LIMIT, room):
        raise _too_large(size, min(TEMPLATE_LIMIT, room), field)
    _check_weight(weight(images, used) + look.of(layout_of(body)).weight, room - size)
    return template


def layout_of(body: Mapping[str, Any]) -> Layout:
    if not is_html(body):
        return Layout.WRITTEN
    return Layout.CANVAS if is_canvas(body) else Layout.FILE


def _check_weight(heavy: int, room: int) -> None:
    if heavy > room:
        raise BotError(
            ContentCode.IMAGES_TOO_HEAVY,
            f"The images are {heavy / 1000:,.0f} KB as they are mailed, and a call to Amazon SES has room for "
            f"{room / 1000:,.0f} KB beside the text.",
            take_out(heavy - room),
            field="images",
        )


@contextmanager
def _about(field: str) -> Iterator[None]:
    """Have what is wrong with a page be said at the field that it came from."""
    try:
        yield
    except BotError as error:
        error.field = field
        raise


def _too_large(size: int, limit: int, field: str) -> BotError:
    sentence = (
        f"The message is {size // 1000:,} KB as HTML and text together, and Amazon SES leaves room for "
        f"{limit // 1000:,} KB."
    )
    if field == "html":
        return BotError(ContentCode.HTML_TOO_LARGE, sentence, take_out(size - limit), field=field)
    return BotError(ContentCode.MESSAGE_TOO_LARGE, sentence, take_out(size - limit), field=field)


def _check_line(text: str, limit: int, field: str) -> None:
    if CONTROLS.search(text):
        raise BotError(
            ContentCode.NOT_ONE_LINE,
            f"The {field} has a line break or invisible characters in it: take them out.",
            field=field,
        )
    if len(text) > limit:
        raise BotError(
            ContentCode.TOO_LONG, f"The {field} has {len(text)} characters: shorten it to {limit} at most.", field=field
        )


def _check_fields(parts: Iterable[str | MergeTag], columns: Sequence[str] | None, field: str) -> None:
    """Refuse a field in another program's syntax, and one that nothing would fill; a fallback is something."""
    merges = [part for part in parts if isinstance(part, MergeTag)]
    for merge in merges:
        if meant := merge.meant:
            raise BotError(
                ContentCode.FIELD_SYNTAX,
                f"{{{{{shown(merge.typed)}}}}} has its fallback as another program writes it.",
                f"Write {{{{{meant.field}{'|' * bool(meant.fallback)}{shown(meant.fallback)}}}}}.",
                field=field,
            )
    if columns is None:
        return
    unknown = dict.fromkeys(merge.field for merge in merges if merge.field not in columns and not merge.fallback)
    if unknown:
        named = _some([f"{{{{{shown(name, 40)}}}}}" for name in unknown], 5)
        there = f"it has {_some(columns, 20)}" if columns else "it has none"
        nearest = get_close_matches(next(iter(unknown))[:100], columns, 1)
        raise BotError(
            ContentCode.UNKNOWN_FIELD,
            f"The audience has no column for {named}: {there}.",
            f"Did you mean {{{{{nearest[0]}}}}}?" if nearest else "",
            field=field,
        )


def _some(names: Sequence[str], limit: int) -> str:
    more = f" and {len(names) - limit:,} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more


def _check_whole(content: Inline) -> None:
    """Refuse a field of which only a part is bold or linked: it would go out as typed."""
    seen = Counter(parse_merge_tags("".join(run.text for run in content)))
    seen.subtract(part for run in content for part in parse_merge_tags(run.text))
    split = [part.field for part, count in seen.items() if count > 0 and isinstance(part, MergeTag)]
    if split:
        raise _split(split[0])


def _split(name: str) -> BotError:
    return BotError(
        ContentCode.FIELD_SPLIT,
        f"Only a part of {{{{{shown(name, 40)}}}}} is formatted: format all of it, braces included, or none.",
        field="message",
    )


def _of_rich_text(
    subject: str, preheader: str, blocks: Sequence[Block], footer: Footer, source: TemplateWriter, look: Look
) -> tuple[str, str]:
    """Return the HTML and the plain text of what was written in Slack, in a column of its own."""
    if not blocks:
        raise BotError(ContentCode.BODY_EMPTY, "The message is empty: type what it should say.", field="message")
    for inline in inlines(blocks):
        _check_whole(inline)
    content = f"{_header(look, Layout.WRITTEN, source)}{render_html(blocks, source)}\n{footer_html(footer, source)}"
    column = f'<div style="{_COLUMN};{_FONT}">\n{content}</div>\n'
    html = f"{_OUTLOOK}{column}{_OUTLOOK_END}"
    text = f"{render_text(blocks, source)}\n\n{footer_text(footer, source)}"
    return _page(subject, preheader, html, _BODY, source, _ANY_LIGHT + _rules(look, Layout.WRITTEN, source)), text


def _of_html(
    subject: str,
    preheader: str,
    body: HtmlBody,
    footer: Footer,
    source: TemplateWriter,
    images: Sequence[Image],
    look: Look,
    layout: Layout,
) -> tuple[str, str]:
    """Return the HTML and the plain text of a document; it has our footer unless it says itself how to unsubscribe."""
    if name := body.split_field:
        raise _split(name)
    above = _header(look.of(layout), layout, source)
    html = f'<div style="{_ABOVE}"><div style="{_COLUMN}">{above}</div></div>\n' if above else ""
    html += f"{body.html(source, unsubscribe_target(footer, source), images)}\n"
    text = f"{page_text(body, source, unsubscribe_address(footer, source))}\n"
    if not body.has_unsubscribe:
        html += f'<div style="{_BELOW}"><div style="{_COLUMN}">{footer_html(footer, source)}</div></div>\n'
        text += f"\n{footer_text(footer, source)}"
    head = _ANY_LIGHT if layout is Layout.CANVAS else ""
    return _page(subject, preheader, html, _PLAIN, source, head + _rules(look, layout, source)), text


def _header(look: Look, layout: Layout, source: TemplateWriter) -> str:
    return source.literal(look.header(layout), EscapeContext.TEXT)  # it is HTML, in which a brace may stand


def _rules(look: Look, layout: Layout, source: TemplateWriter) -> str:
    css = look.css(layout)
    return f"<style>{source.literal(css, EscapeContext.TEXT)}</style>\n" if css else ""


def _page(subject: str, preheader: str, content: str, style: str, source: TemplateWriter, head: str = "") -> str:
    hidden = f'<div style="{_HIDDEN}">{source.write(preheader, EscapeContext.HTML_FLAT)}</div>\n' if preheader else ""
    return (
        '<!DOCTYPE html>\n<html>\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{source.write(subject, EscapeContext.HTML_FLAT)}</title>\n{head}</head>\n"
        f'<body style="{style}">\n{hidden}{content}</body>\n</html>\n'
    )
