"""Extracts an address from what surrounds it: a name, brackets, quotes, a link, invisible characters."""

import re
from collections.abc import Callable, Iterator
from typing import Any, Final
from urllib.parse import unquote

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
# Where an address starts within what may all stand before an @: there, after a separator, after an encoded one.
_STARTS = re.compile(r"(?:^|[=/|]|%(?:0[9AD]|2[0289CF]|3[A-E]|5[BD]|7C))['`*{.]*", re.IGNORECASE)
_AT = re.compile("(@|%40)")
_FILE_TYPES = frozenset({"csv", "tsv", "txt", "xlsx", "ods", "json", "ndjson", "gz"})  # none is a top-level domain


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

    An address is found in a sentence, a list or a link, also encoded as in a link (`%40`, RFC 3986, 2.1), and before
    the type of a file (`ann@example.com.csv`). One that is only the end of a longer one is none: `ann@example.com`
    does not stand in `joann@example.com`.
    """
    match value:
        case str() if may_hold_address(value):
            return _replaced(value, by)
        case dict():
            return {replace_addresses(name, by): replace_addresses(each, by) for name, each in value.items()}
        case list():
            return [replace_addresses(each, by) for each in value]
    return value


def may_hold_address(text: str) -> bool:
    return "@" in text or "%40" in text


def _replaced(text: str, by: Callable[[str], str]) -> str:
    before, *rest = _AT.split(text)
    pieces: list[str] = []
    for at, part in zip(rest[::2], rest[1::2], strict=True):
        domain = _domain(part)
        for start in _starts(before) if domain else ():
            written = f"{before[start:]}{at}{domain}"
            address = written if at == "@" else unquote(written)
            if (shown := by(address)) != address:
                pieces += [before[:start], shown.replace("@", at)]
                before = part[len(domain) :]
                break
        else:
            pieces += [before, at]
            before = part
    return "".join([*pieces, before])


def _domain(text: str) -> str:
    """Return the domain that a text begins with, without the type of a file at its end; "" for none."""
    domain = found[0] if (found := _AFTER.match(text)) else ""
    while (split := domain.rpartition("."))[2].lower() in _FILE_TYPES:
        domain = split[0]
    return domain


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
