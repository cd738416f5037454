"""Slack's markup as its client shows it: mentions and links resolved, marks removed, text unescaped."""

from __future__ import annotations

import re
from collections.abc import Callable

Names = Callable[[str], str]
"""What a person reads for the id of a user or channel."""

TOKEN = re.compile(r"<([^<>]+)>")
CODE = re.compile(r"```(?P<block>.+?)```|`(?P<span>[^`\n]+)`", re.DOTALL)
MARKS = {
    mark: re.compile(rf"(?<![\w{sign}]){sign}(?=\S)([^\n]*?\S){sign}(?![\w{sign}])")
    for mark, sign in (("*", r"\*"), ("_", "_"), ("~", "~"))
}
_QUOTE = re.compile(r"^(?:&gt;|>) ?", re.MULTILINE)
RESERVED = str.maketrans("", "", "\x00\x01")  # stand for what has been set aside while text is read


def unescaped(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def token_text(token: str, names: Names) -> str:
    """What one `<...>` shows."""
    body, _, label = token.partition("|")
    if body.startswith("@"):
        return f"@{names(body[1:])}"
    if body.startswith("#"):
        return f"#{label or names(body[1:])}"
    if body.startswith("!date^"):
        return label
    if body.startswith("!subteam^"):
        return label or f"@{body[9:]}"
    if body.startswith("!"):
        return f"@{body[1:]}"
    address = body.removeprefix("mailto:")
    return address if not label or label == address else f"{label} ({address})"


def visible_text(text: str, names: Names = str) -> str:
    """The plain text a person reads for a mrkdwn string."""
    kept: list[str] = []

    def keep(match: re.Match[str]) -> str:
        kept.append((match["block"] or match["span"]).strip("\n"))
        return f"\x00{len(kept) - 1}\x00"

    shown = CODE.sub(keep, text.translate(RESERVED))
    shown = _QUOTE.sub("| ", shown)
    links: list[str] = []

    def link(match: re.Match[str]) -> str:
        links.append(token_text(match[1], names))
        return f"\x01{len(links) - 1}\x01"

    shown = TOKEN.sub(link, shown)
    for pattern in MARKS.values():
        shown = pattern.sub(r"\1", shown)
    shown = re.sub("\x01(\\d+)\x01", lambda m: links[int(m[1])], shown)
    shown = re.sub("\x00(\\d+)\x00", lambda m: TOKEN.sub(lambda t: token_text(t[1], names), kept[int(m[1])]), shown)
    return unescaped(shown)
