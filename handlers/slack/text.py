"""The one place where text from people and from AWS becomes text for Slack.

Slack reads `& < >` as markup and nothing else may be escaped
(https://docs.slack.dev/messaging/formatting-message-text#escaping): a mark that would format, at the beginning or the
end of a word, becomes a character that looks like it. Control and bidirectional characters are dropped, so that
nothing can be made to read as what it is not.
"""

import re
import unicodedata
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

from storage.audit import API_TOKEN

_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_LOOK_ALIKES = str.maketrans("*_~`", "∗ˍ∼ˋ")
_FORMATS = re.compile(r"(?<![^\W_])[*_~`](?=\S)|(?<=\S)[*_~`](?![^\W_])")  # not within a word: first_name
BAR_WIDTH = 20


def clean(text: str, limit: int = 2000) -> str:
    """Return the text for a `plain_text` place: normalised, without hidden characters, at most `limit` long."""
    kept = "".join(
        char
        for char in unicodedata.normalize("NFC", text)
        if char in "\n\t" or (unicodedata.category(char) not in {"Cc", "Cs"} and char not in _BIDI)
    )
    return kept if len(kept) <= limit else kept[: limit - 1] + "…"


def esc(text: str, limit: int = 2000) -> str:
    """Return the text for a `mrkdwn` place, so that it can neither ping nor link nor format nor close a tag."""
    return _FORMATS.sub(lambda mark: mark[0].translate(_LOOK_ALIKES), clean(text, limit).translate(_ESCAPES))


def code(text: str, limit: int = 300) -> str:
    """Return the text as inline code, letter by letter; but backticks cannot stand in it."""
    return f"`{in_code(text, limit)}`"


def code_block(text: str) -> str:
    """Return the text as a block of code, as above."""
    return f"```{in_code(text, 2900)}```"


def in_code(text: str, limit: int) -> str:
    """Return the text for a place between backticks."""
    return clean(text, limit).translate(_ESCAPES).replace("`", "ˋ")


def mention(user_id: str) -> str:
    """Name a person; Slack notifies them only in a message they can see."""
    return f"<@{user_id}>"


def actor(who: str, names: Mapping[str, str] = MappingProxyType({})) -> str:
    """Name who did something: a person, or a program, which `names` has by the name of its token."""
    if not who.startswith(API_TOKEN):
        return mention(who)
    return f"API token “{esc(names[who], 40)}”" if who in names else "a program"


def when(at: datetime, style: str = "{date_short_pretty} {time}") -> str:
    """Return a time in the reader's own zone, in UTC where that cannot be drawn."""
    return f"<!date^{int(at.timestamp())}^{style}|{at:%Y-%m-%d %H:%M} UTC>"


def chosen(at: datetime) -> str:
    """Return a time that somebody chose, with the zone it is shown in."""
    return when(at, "{date_short_pretty} {time} (your time)")


def bar(share: float) -> str:
    """Draw a share of 0 to 1 as a bar of fixed width; never full before it is, never empty once begun."""
    share = min(max(share, 0.0), 1.0)
    filled = round(share * BAR_WIDTH)
    if 0 < share < 1:
        filled = min(max(filled, 1), BAR_WIDTH - 1)
    return "█" * filled + "░" * (BAR_WIDTH - filled)
