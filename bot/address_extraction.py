"""Extracts an address from what surrounds it: a name, brackets, quotes, a link, invisible characters."""

import re

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
