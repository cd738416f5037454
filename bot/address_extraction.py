"""Extracts an address from what surrounds it: a name, brackets, quotes, a link, invisible characters."""

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

_LONGEST = 1_000  # characters; what is longer is no address, whatever stands around it
# Soft hyphens, spaces without width, byte order marks, direction marks; joiners only where no letter needs them.
_UNSEEN = re.compile(
    "[\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufe00-\ufe0f\ufeff]"
    "|(?<![^\x00-\x7f])[\u200c\u200d]|[\u200c\u200d](?![^\x00-\x7f])"
)
_QUOTES = "'\"“”„‘’‚«»‹›"  # an apostrophe before a value is how spreadsheets say that it is text
_PAIRS = {"<": ">", "(": ")", "[": "]", "`": "`"}
_NAMED = re.compile(r"([^<>]*)<([^<>]+)>")  # Mila Okafor <mila@example.com>
_EXPLAINED = re.compile(r"([^\s@]+@[^\s@]+)\s+\([^()]*\)")  # mila@example.com (Mila)
_BETWEEN = re.compile(r"[\s<>\"(),;:|/\[\]]")
_LOCAL: Final = 64  # characters before the @ at most (RFC 5321, 4.5.3.1)
_BEFORE = re.compile(r"[\w!#$%&'*+/=?^`{|}~.-]+")  # read from its end
_AFTER = re.compile(r"(?:[^\W_]|-)+(?:\.(?:[^\W_]|-)+)*")
_STARTS = re.compile(r"(?:^|[=/|])['`*{.]*")  # of an address within what may all stand before an @


def bare(text: str) -> str:
    """Return the address in a text without what surrounds it; a text that holds none may be returned unchanged."""
    if len(text) > _LONGEST:
        return text
    text, before = _UNSEEN.sub("", text).strip(), ""
    while text != before:
        before = text
        text = _once(text).strip()
    return text


def _once(text: str) -> str:
    text = text.strip(_QUOTES).rstrip(";,").strip()
    if len(text) > 1 and _PAIRS.get(text[0]) == text[-1] and text[0] not in text[1:]:
        return text[1:-1]
    if text[:7].lower() == "mailto:":
        return text[7:].partition("?")[0]
    if found := _EXPLAINED.fullmatch(text):
        return found[1]
    if (found := _NAMED.fullmatch(text)) and ("@" not in found[1] or bare(found[1]).lower() == found[2].lower()):
        return found[2]
    return text


def addresses_in(text: str) -> int:
    """Return how many addresses a text appears to hold."""
    return sum("@" in part.strip("@") for part in _BETWEEN.split(text))


def replace_addresses(value: Any, by: Callable[[str], str]) -> Any:
    """Return a text, or a value of JSON, with each address in it replaced by what `by` makes of it.

    An address is found as it is written, in a sentence, a list or a link; encoded (`%40`) it is not. One that is only
    the end of a longer one is none: `ann@example.com` does not stand in `joann@example.com`.
    """
    match value:
        case str() if "@" in value:
            return _replaced(value, by)
        case dict():
            return {replace_addresses(name, by): replace_addresses(each, by) for name, each in value.items()}
        case list():
            return [replace_addresses(each, by) for each in value]
    return value


def _replaced(text: str, by: Callable[[str], str]) -> str:
    before, *parts = text.split("@")
    pieces: list[str] = []
    for part in parts:
        domain = found[0] if (found := _AFTER.match(part)) else ""
        for start in _starts(before) if domain else ():
            address = f"{before[start:]}@{domain}"
            if (shown := by(address)) != address:
                pieces += [before[:start], shown]
                before = part[len(domain) :]
                break
        else:
            pieces += [before, "@"]
            before = part
    return "".join([*pieces, before])


def _starts(text: str) -> Iterator[int]:
    """Yield where the part before the @ of an address may start, which ends with this text."""
    found = _BEFORE.match(text[-_LOCAL - 1 :][::-1])
    if found is None:
        return
    before = found[0][::-1]
    of_all = len(text) - len(before)
    if len(before) <= _LOCAL:
        yield of_all
    yield from (of_all + start.end() for start in _STARTS.finditer(before) if 0 < start.end() < len(before))
