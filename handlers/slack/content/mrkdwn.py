"""What an app wrote in Slack's markup, as the rich text that a person would have typed.

Source: https://docs.slack.dev/messaging/formatting-message-text. What is no markup stays as it is.
"""

import re
from collections.abc import Iterator
from html import unescape
from itertools import groupby
from typing import Any

from handlers.slack.views.rich_text import section, text

_STYLES = {"*": "bold", "_": "italic", "~": "strike"}
# A mark counts at the beginning and at the end of a word, and encloses whole tokens: <https://acme.test/a_b>.
_MARKED = "|".join(
    rf"(?<!\w){sign}(?=\S)(?P<{style}>(?:<[^<>\n]*>|[^<\n{sign}]){{1,1000}})(?<=\S){sign}(?!\w)"
    for sign, style in ((re.escape(sign), style) for sign, style in _STYLES.items())
)
_INLINE = re.compile(
    rf"<(?P<token>[^<>\n]+)>|`(?P<code>[^`\n]+)`|{_MARKED}|(?<!\w):(?P<emoji>[a-z0-9_+'-]{{1,100}}):(?!\w)"
)
_QUOTED = ("&gt;", ">")


def read_mrkdwn(mrkdwn: str) -> list[dict[str, Any]]:
    """Return the elements of a `rich_text` block."""
    return [*_blocks(mrkdwn.replace("\r\n", "\n"))]


def _blocks(mrkdwn: str) -> Iterator[dict[str, Any]]:
    """Cut out what stands between three backticks, and the lines of quotes."""
    parts = mrkdwn.split("```")
    if len(parts) % 2 == 0:  # the last are not closed
        parts[-2:] = ["```".join(parts[-2:])]
    for number, part in enumerate(parts):
        if number % 2:
            yield {"type": "rich_text_preformatted", "elements": [text(_plain(part).strip("\n"))]}
            continue
        for quoted, lines in groupby(part.strip("\n").split("\n"), lambda line: line.startswith(_QUOTED)):
            elements = [*_inline("\n".join(_unquoted(line) if quoted else line for line in lines), {})]
            if elements:
                yield {**section(elements), "type": "rich_text_quote" if quoted else "rich_text_section"}


def _unquoted(line: str) -> str:
    return line.removeprefix("&gt;").removeprefix(">").removeprefix(" ")


def _inline(mrkdwn: str, style: dict[str, bool]) -> Iterator[dict[str, Any]]:
    end = 0
    for found in _INLINE.finditer(mrkdwn):
        if between := unescape(mrkdwn[end : found.start()]):
            yield text(between, **style)
        end = found.end()
        what, inner = str(found.lastgroup), found[str(found.lastgroup)]
        if what == "token":
            yield _token(inner, style)
        elif what == "code":
            yield text(_plain(inner), **style, code=True)
        elif what == "emoji":
            yield {"type": "emoji", "name": inner}
        else:
            yield from _inline(inner, {**style, what: True})
    if rest := unescape(mrkdwn[end:]):
        yield text(rest, **style)


def _token(token: str, style: dict[str, bool]) -> dict[str, Any]:
    """Read what stands between `<` and `>`: a link, a mention, a date."""
    target, _, label = token.partition("|")
    label = unescape(label)
    if target.startswith("@"):
        return {"type": "user", "user_id": target[1:]}
    if target.startswith("#"):
        return {"type": "channel", "channel_id": target[1:]}
    if target.startswith("!subteam^"):
        return {"type": "usergroup", "usergroup_id": target.removeprefix("!subteam^")}
    if target in {"!here", "!channel", "!everyone"}:
        return {"type": "broadcast", "range": target[1:]}
    if target.startswith("!"):  # a date; its label is what stands there where it cannot be shown
        return text(label or unescape(target), **style)
    url = unescape(target)
    shown = {"text": label} if label and label not in {url, url.removeprefix("mailto:")} else {}
    return {"type": "link", "url": url, **shown} | ({"style": style} if style else {})


def _plain(mrkdwn: str) -> str:
    """Return code as it reads: no markup counts in it, but Slack puts addresses in angle brackets there too."""
    return unescape(re.sub(r"<([^<>\n|]+)(?:\|([^<>\n]+))?>", lambda token: token[2] or token[1], mrkdwn))
