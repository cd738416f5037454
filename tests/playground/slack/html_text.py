"""Slack's text as HTML: mrkdwn, plain text and rich text, everything from outside escaped."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from html import escape
from typing import Any

from .mrkdwn import CODE, MARKS, RESERVED, TOKEN, Names, token_text, unescaped
from .world import Json

_TAGS = {"*": "strong", "_": "em", "~": "s"}
EMOJI = {
    "white_check_mark": "✅",
    "warning": "⚠️",
    "eyes": "👀",
    "x": "❌",
    "hourglass_flowing_sand": "⏳",
    "rotating_light": "🚨",
    "tada": "🎉",
    "email": "✉️",
    "large_green_circle": "🟢",
    "large_yellow_circle": "🟡",
    "red_circle": "🔴",
    "white_circle": "⚪",
    "no_entry": "⛔",
    "bulb": "💡",
    "lock": "🔒",
    "key": "🔑",
    "alarm_clock": "⏰",
    "arrows_counterclockwise": "🔄",
    "raised_hand": "✋",
    "ballot_box_with_check": "☑️",
    "outbox_tray": "📤",
    "double_vertical_bar": "⏸️",
    "octagonal_sign": "🛑",
    "no_entry_sign": "🚫",
    "wastebasket": "🗑️",
    "memo": "📝",
    "bell": "🔔",
    "no_bell": "🔕",
    "incoming_envelope": "📨",
    "wave": "👋",
    "repeat": "🔁",
    "rewind": "⏪",
    "leftwards_arrow_with_hook": "↩️",
    "new": "🆕",
    "hourglass": "⌛",
    "information_source": "ℹ️",
    "heavy_minus_sign": "➖",
    "grey_question": "❔",
    "bust_in_silhouette": "👤",
    "busts_in_silhouette": "👥",
    "globe_with_meridians": "🌐",
    "inbox_tray": "📥",
    "mag": "🔍",
}
_DATE = re.compile(r"!date\^(?P<at>\d{1,10})\^(?P<form>[^^]+)", re.ASCII)
_FIELD = re.compile(r"\{(\w+)\}")
_QUOTE = re.compile(r"(?:^|<br>)&gt; ?")
_QUOTED = re.compile(r"((?:(?:^|<br>)&gt;.*?(?=<br>|$))+)(?:<br>)?")
_KEPT = re.compile("(<br>)?\x00(\\d+)\x00(<br>)?")  # a block of code breaks the line by itself
_SHORTCODE = re.compile(r":([a-z0-9_+-]+):")


def plain(text: str) -> str:
    """Plain text; the emoji that Slack would draw, where it is one we know."""
    shown = _SHORTCODE.sub(lambda m: EMOJI.get(m[1], m[0]), text)
    return escape(shown).replace("\n", "<br>")


def link(url: str, shown: str) -> str:
    """A link, if it is one to a place that a browser may go to."""
    if not url.startswith(("http://", "https://", "mailto:")):
        return shown
    return f'<a href="{escape(url)}" rel="noopener noreferrer">{shown}</a>'


def _date(found: re.Match[str]) -> str:
    """A `<!date^...>` in UTC; docs.slack.dev/messaging/formatting-message-text#date-formatting."""
    at = datetime.fromtimestamp(int(found["at"]), UTC)
    days = (at.date() - datetime.now(UTC).date()).days
    near = {-1: "yesterday", 0: "today", 1: "tomorrow"}.get(days)
    shown = {"time": f"{at:%H:%M}", "time_secs": f"{at:%H:%M:%S}", "date_num": f"{at:%Y-%m-%d}"}
    for name, form in (("date", "%B %d, %Y"), ("date_short", "%b %d, %Y"), ("date_long", "%A, %B %d, %Y")):
        shown |= {name: at.strftime(form), f"{name}_pretty": near or at.strftime(form)}
    text = _FIELD.sub(lambda field: shown.get(field[1], field[0]), found["form"])
    return f'<span class="date" title="{at:%Y-%m-%d %H:%M} UTC">{plain(unescaped(text))}</span>'


def _token(token: str, names: Names) -> str:
    body, _, label = token.partition("|")
    if date := _DATE.match(body):
        return _date(date)
    if body.startswith(("@", "#", "!")):
        return f'<span class="mention">{plain(unescaped(token_text(token, names)))}</span>'
    url = unescaped(body)
    return link(url, plain(unescaped(label) or url.removeprefix("mailto:")))


def mrkdwn(text: str, names: Names) -> str:
    """mrkdwn as its reader sees it."""
    kept: list[str] = []

    def keep(html: str) -> str:
        kept.append(html)
        return f"\x00{len(kept) - 1}\x00"

    def code(match: re.Match[str]) -> str:
        inner = escape(unescaped(TOKEN.sub(lambda t: token_text(t[1], names), match["block"] or match["span"])))
        return keep(f"<pre>{inner.strip(chr(10))}</pre>" if match["block"] else f"<code>{inner}</code>")

    def back(match: re.Match[str]) -> str:
        html = kept[int(match[2])]
        return html if html.startswith("<pre>") else f"{match[1] or ''}{html}{match[3] or ''}"

    shown = CODE.sub(code, text.translate(RESERVED))
    shown = TOKEN.sub(lambda m: keep(_token(m[1], names)), shown)
    shown = plain(unescaped(shown))
    for mark, pattern in MARKS.items():
        shown = pattern.sub(rf"<{_TAGS[mark]}>\1</{_TAGS[mark]}>", shown)
    shown = _QUOTED.sub(lambda m: f"<blockquote>{_QUOTE.sub('<br>', m[1]).removeprefix('<br>')}</blockquote>", shown)
    return _KEPT.sub(back, shown)


def text(obj: Json, names: Names) -> str:
    """A text object."""
    return mrkdwn(obj["text"], names) if obj["type"] == "mrkdwn" else plain(obj["text"])


def rich_text(elements: Iterable[Json], names: Names) -> str:
    return "".join(_rich_element(element, names) for element in elements)


def _rich_element(element: Json, names: Names) -> str:
    kind, parts = element["type"], element["elements"]
    if kind == "rich_text_list":
        tag = "ol" if element["style"] == "ordered" else "ul"
        listed = "".join(f"<li>{_inline(item['elements'], names)}</li>" for item in parts)
        return f'<{tag} class="indent-{element.get("indent", 0)}">{listed}</{tag}>'
    tag = {"rich_text_quote": "blockquote", "rich_text_preformatted": "pre"}.get(kind, "p")
    inline = _inline(parts, names)
    return f"<{tag}>{inline.replace('<br>', chr(10)) if tag == 'pre' else inline}</{tag}>"


def _inline(parts: Iterable[Json], names: Names) -> str:
    return "".join(_styled(_part(part, names), part.get("style", {})) for part in parts)


def _styled(html: str, style: Json) -> str:
    for name, tag in (("code", "code"), ("strike", "s"), ("italic", "em"), ("bold", "strong"), ("underline", "u")):
        if style.get(name):
            html = f"<{tag}>{html}</{tag}>"
    return html


def _mention(shown: str) -> str:
    return f'<span class="mention">{plain(shown)}</span>'


def _part(part: Json, names: Names) -> str:
    draw: dict[str, Callable[[], Any]] = {
        "text": lambda: plain(part["text"]),
        "link": lambda: link(part["url"], plain(part.get("text") or part["url"])),
        "emoji": lambda: plain(f":{part['name']}:"),
        "user": lambda: _mention(f"@{names(part['user_id'])}"),
        "usergroup": lambda: _mention(f"@{part['usergroup_id']}"),
        "channel": lambda: _mention(f"#{names(part['channel_id'])}"),
        "broadcast": lambda: _mention(f"@{part['range']}"),
        "color": lambda: plain(part["value"]),
        "date": lambda: plain(part.get("fallback") or datetime.fromtimestamp(part["timestamp"], UTC).isoformat()),
    }
    return str(draw[part["type"]]())
