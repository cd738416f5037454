"""An SPF record, read as a receiver reads it (RFC 7208, sections 4.5, 4.6 and 5): term by term, in their order."""

import re
from dataclasses import dataclass

VERSION = "v=spf1"

_TERM = re.compile(
    r"(?P<qualifier>[+?~-]?)(?P<name>[a-z][a-z0-9_.-]*)(?:(?P<sign>[:=/])(?P<value>\S*))?", re.IGNORECASE
)
_MECHANISMS = {"all", "include", "a", "mx", "ptr", "ip4", "ip6", "exists"}


@dataclass(frozen=True, slots=True)
class Term:
    """A mechanism; its qualifier says how it counts where it matches."""

    qualifier: str
    name: str
    value: str

    def __str__(self) -> str:
        sign = "" if self.qualifier == "+" else self.qualifier
        return f"{sign}{self.name}{':' if self.value else ''}{self.value}"


def is_spf(text: str) -> bool:
    """Whether a text record is meant as SPF: its first word is the version."""
    return text.split(" ", 1)[0].lower() == VERSION


def parse_spf(text: str) -> list[Term]:
    """Return the mechanisms of a record, in their order; modifiers (`redirect=`, `exp=`) are none of them.

    Raises:
        ValueError: a term that is none, which makes receivers throw away the whole record; it is the argument.
    """
    terms = []
    for word in text.split()[1:]:
        match = _TERM.fullmatch(word)
        if match is None:
            raise ValueError(word)
        if match["sign"] == "=" and not match["qualifier"]:
            continue
        name = match["name"].lower()
        if name not in _MECHANISMS or match["sign"] == "=":
            raise ValueError(word)
        terms.append(Term(match["qualifier"] or "+", name, (match["value"] or "").lower().rstrip(".")))
    return terms


def why_not_included(text: str, domain: str) -> str | None:
    """Return why a record does not let in what `domain` sends, "" where it does not name it; None: it does."""
    try:
        terms = parse_spf(text)
    except ValueError as error:
        return f"Receivers throw the whole record away: {error.args[0]} means nothing in it"
    for term in terms:
        if term.name == "all":
            named = any(each.name == "include" and each.value == domain for each in terms)
            return f"What stands behind {term} does not count" if named else ""
        if term.name == "include" and term.value == domain:
            return None if term.qualifier == "+" else ""
    return ""
