"""What a person should know about a message before it goes out; none of it holds anything up."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from bot.broadcast.content.html_body import HtmlBody, file_name, is_canvas, is_html, is_remote, texts_of
from bot.broadcast.content.images import Image, placed
from bot.broadcast.content.merge_tags import normalize_column, parse_merge_tags
from bot.broadcast.content.rich_text import Picture, inlines, own_emoji, read_rich_text
from bot.broadcast.content.ses_template import Template
from bot.email_addresses import shown
from bot.wording import count, duration

NAMED = 5  # of a kind
SUBJECT_SHOWN = 78  # characters; also the longest line of a header that RFC 5322 (2.1.1) asks for
CLIPPED_FROM = 102_000  # bytes; what Gmail shows before "[Message clipped]"

# `*|FNAME|*`, `{first_name}` and what is left of other braces, `%first_name%`, `[[first_name]]`, `<<first_name>>`
_OTHER_PLACES = re.compile(
    r"\*\|([^|*\n]{1,100})\|\*|\{([^{}\n]{1,100})\}|%([^%\s]{1,100})%|\[\[([^\[\]\n]{1,100})\]\]|<<([^<>\n]{1,100})>>"
)
_BECAME = {"mention": ("a name", "names"), "card": ("a link", "links"), "emoji": ("an image", "images")}
_MAILCHIMP = {"fname": "firstname", "lname": "lastname"}


class RemarkCode(StrEnum):
    FIELD_NO_COLUMN = "FIELD_NO_COLUMN"
    OTHER_SYNTAX = "OTHER_SYNTAX"
    MAIL_CLIPPED = "MAIL_CLIPPED"
    FIELD_GAPS = "FIELD_GAPS"
    MARKED_ROWS = "MARKED_ROWS"
    CONTENT_CHANGED = "CONTENT_CHANGED"
    LINK_HTTP = "LINK_HTTP"
    SUBJECT_LONG = "SUBJECT_LONG"
    NO_POSTAL_ADDRESS = "NO_POSTAL_ADDRESS"
    IMAGE_ONLY = "IMAGE_ONLY"
    NO_ALT = "NO_ALT"
    PRICE_UNKNOWN = "PRICE_UNKNOWN"
    SENT_LATELY = "SENT_LATELY"
    FILTER_NO_VALUE = "FILTER_NO_VALUE"


@dataclass(frozen=True, slots=True)
class Remark:
    code: RemarkCode
    sentence: str


def remarks(
    subject: str,
    preheader: str,
    body: Mapping[str, Any],
    template: Template,
    columns: Sequence[str],
    html_bytes: int,
) -> list[Remark]:
    """Return what is worth knowing of a message, as it was typed and as it was compiled, for an audience's columns.

    `html_bytes` is the size of one mail's HTML.
    """
    return [
        *_no_column(template, columns),
        *_other_syntax([subject, preheader, *texts_of(body)], columns),
        *_left_out(body),
        *_missing(body),
        *_clipped(html_bytes),
    ]


def gaps(template: Template, columns: Sequence[str], empty_values: Sequence[int], size: int) -> Iterator[Remark]:
    """Say of how many recipients a field has no value, where nothing takes its place, and how that reads."""
    empty = dict(zip(columns, empty_values, strict=False))
    holes = [(field, empty[field]) for field in template.without_fallback if empty.get(field)]
    for field, lacking in holes[:NAMED]:
        has, name = "has" if lacking == 1 else "have", shown(field, 40)
        reads = template.hole(field)
        so = f"; their mail reads “{reads}”." if reads else ": nothing stands in its place."
        yield Remark(
            RemarkCode.FIELD_GAPS, f"{lacking:,} of {size:,} {has} no {name}{so} {{{{{name}|…}}}} has a fallback."
        )


def mail_remarks(body: Mapping[str, Any], subjects: Iterable[str], postal_address: str) -> Iterator[Remark]:
    """Say what mail programs and laws take amiss; `subjects` are as some recipients get them."""
    longest = max(map(len, subjects), default=0)
    if longest > SUBJECT_SHOWN:
        yield Remark(
            RemarkCode.SUBJECT_LONG,
            f"The subject has {longest} characters, and mail programs show about {SUBJECT_SHOWN}: shorten it.",
        )
    if not postal_address.strip():
        yield Remark(
            RemarkCode.NO_POSTAL_ADDRESS,
            "The mail has no postal address, which the law of many countries wants: set it in /mailer settings.",
        )
    yield from _links(body)


def sent_lately(ago: timedelta) -> Remark:
    return Remark(
        RemarkCode.SENT_LATELY,
        f"The same subject went to the same audience {duration(ago.total_seconds())} ago.",
    )


def image_remarks(body: Mapping[str, Any], images: Sequence[Image]) -> Iterator[Remark]:
    """Say which images have no place or no description, and that a mail is nothing else."""
    if is_html(body):
        page = HtmlBody.of(body["html"])
        yield from _misplaced(page, images)
        undescribed = [file_name(picture) for picture in page.pictures() if "alt" not in picture]
        has_text = any(isinstance(part, str) and part.strip() for part in page.parts)
        is_shown = bool(page.images(images))
        how = "give it one in the canvas" if is_canvas(body) else "give its img an alt"
    else:
        blocks = placed(read_rich_text(body), images)
        undescribed = [images[block.number]["name"] for block in blocks if isinstance(block, Picture) and not block.alt]
        has_text = not all(isinstance(block, Picture) for block in blocks)
        is_shown = bool(images)
        yield from _emoji(body, {image["name"] for image in images})
        how = "write its name, a colon and what it shows in a line of the message"
    for name in undescribed[:NAMED]:
        yield Remark(
            RemarkCode.NO_ALT,
            f"The image {shown(name, 40)} has no description for those who do not see it: {how}.",
        )
    if is_shown and not has_text:
        yield Remark(
            RemarkCode.IMAGE_ONLY,
            "The mail is images alone: who has them switched off sees nothing, and filters take it for spam.",
        )


def _misplaced(page: HtmlBody, images: Sequence[Image]) -> Iterator[Remark]:
    chosen = [image["name"] for image in images]
    missing = dict.fromkeys(name for picture in page.pictures() if (name := file_name(picture)) not in chosen)
    for name in [name for name in missing if not is_remote(name)][:NAMED]:
        yield Remark(
            RemarkCode.CONTENT_CHANGED,
            f"The HTML file shows {shown(name, 40)}, which was not chosen in Images: it is left out.",
        )
    for name in [name for number, name in enumerate(chosen) if number not in page.images(images)]:
        yield Remark(RemarkCode.CONTENT_CHANGED, f"The HTML file does not show {shown(name, 40)}: it is not sent.")


def price_unknown() -> Remark:
    return Remark(
        RemarkCode.PRICE_UNKNOWN,
        "What this costs at Amazon SES is not known: AWS has not said by which plan the account pays, or by a new one.",
    )


def _links(body: Mapping[str, Any]) -> Iterator[Remark]:
    urls = dict.fromkeys(_urls(body))
    for url in [url for url in urls if not _is_sound(url)][:NAMED]:
        why = "is not encrypted: browsers warn of it. Use https" if _is_plain_http(url) else "leads nowhere: check it"
        yield Remark(RemarkCode.LINK_HTTP, f"The link {shown(url, 60)} {why}.")


def _urls(body: Mapping[str, Any]) -> Iterator[str]:
    if is_html(body):
        return HtmlBody.of(body["html"]).urls()
    return (run.url for content in inlines(read_rich_text(body)) for run in content if run.url)


def _is_plain_http(url: str) -> bool:
    return url[:7].lower() == "http://" and _is_sound(f"https://{url[7:]}")


def _is_sound(url: str) -> bool:
    """Whether a link can be read as an address, and is no plain http."""
    try:
        parts = urlsplit(url)
        has_host = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False
    return parts.scheme in {"mailto", "tel"} or (parts.scheme == "https" and has_host)


def _no_column(template: Template, columns: Sequence[str]) -> Iterator[Remark]:
    fallbacks = {slot.field: slot.fallback for slot in template.slots if slot.field and slot.field not in columns}
    for field, fallback in [*fallbacks.items()][:NAMED]:
        yield Remark(
            RemarkCode.FIELD_NO_COLUMN,
            f"The audience has no column {shown(field, 40)}: everybody gets “{shown(fallback, 40)}”.",
        )


def changes_in_words(changed: Mapping[str, int]) -> str:
    """Say how many of what became something else in a mail: 2 mentions became names."""
    return ", ".join(
        f"{count(number, what, what if what == 'emoji' else '')} became {_BECAME[what][number > 1]}"
        for what, number in changed.items()
    )


def _left_out(body: Mapping[str, Any]) -> Iterator[Remark]:
    """Say what of an HTML file or a canvas no mail has, and what became of the rest."""
    if changed := changes_in_words(body.get("changed") or {}):
        where = "canvas" if is_canvas(body) else "message"
        yield Remark(RemarkCode.CONTENT_CHANGED, f"In the {where} {changed}.")
    if removed := body.get("removed"):
        kinds = ", ".join(count(number, what) for what, number in removed.items())
        of = "canvas, since it is not taken over" if is_canvas(body) else "HTML file, since mail programs refuse it"
        yield Remark(RemarkCode.CONTENT_CHANGED, f"Left out of the {of}: {kinds}.")


def _missing(body: Mapping[str, Any]) -> Iterator[Remark]:
    """Say which images that a page or a canvas shows could not be had, and why."""
    missing = body.get("missing") or {}
    for name, why in [*missing.items()][:NAMED]:
        yield Remark(RemarkCode.CONTENT_CHANGED, f"The image {shown(name, 80)} is left out: {why}.")
    if len(missing) > NAMED:
        yield Remark(RemarkCode.CONTENT_CHANGED, f"{len(missing) - NAMED:,} more images are left out.")


def _emoji(body: Mapping[str, Any], pictured: Collection[str]) -> Iterator[Remark]:
    for name in [name for name in dict.fromkeys(own_emoji(body)) if name not in pictured][:NAMED]:
        yield Remark(
            RemarkCode.OTHER_SYNTAX, f"{shown(name, 40)} is an emoji of your workspace: a mail has its name only."
        )


def _clipped(html_bytes: int) -> Iterator[Remark]:
    if html_bytes > CLIPPED_FROM:
        yield Remark(
            RemarkCode.MAIL_CLIPPED,
            f"The mail has {html_bytes / 1000:,.0f} KB as HTML, and Gmail cuts off what is beyond 102 KB, the "
            "unsubscribe link too: shorten it.",
        )


def _other_syntax(texts: Iterable[str], columns: Sequence[str]) -> Iterator[Remark]:
    by_name = {column.replace("_", ""): column for column in columns}
    found: dict[str, str] = {}
    for text in texts:
        for part in parse_merge_tags(text):
            for place in _OTHER_PLACES.finditer(part if isinstance(part, str) else ""):
                if column := _column(place[place.lastindex or 0], by_name):
                    found.setdefault(place[0], column)
    for place_typed, column in [*found.items()][:NAMED]:
        yield Remark(
            RemarkCode.OTHER_SYNTAX,
            f"{shown(place_typed, 40)} goes out as it stands: it is another program's way to write a field. "
            f"Here it is {{{{{column}}}}}.",
        )


def _column(typed: str, by_name: Mapping[str, str]) -> str:
    """Return the column that a name of another program stands for, or nothing: `#if city`, `.Subscriber.FirstName`."""
    name = re.split(r"[|:]", typed.strip(), maxsplit=1)[0]
    for candidate in (name, name.rpartition(".")[2], (name.split() or [""])[-1]):
        key = normalize_column(candidate).replace("_", "")
        if column := by_name.get(_MAILCHIMP.get(key, key)) or by_name.get(key):
            return column
    return ""
