"""The names of columns, and the places in a text where their values go: `{{first_name}}`, `{{first_name|there}}`."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

_MARKER = re.compile(r"(?<!\{)\{\{([^{}\n]*)\}\}(?!\})")
_NAME = re.compile(r"\w[\w .-]*")


@dataclass(frozen=True, slots=True)
class Merge:
    """A place that a column's value fills, or the fallback where a recipient has none."""

    field: str
    fallback: str = ""


def field_name(text: str) -> str:
    """Return the name by which a column is known: `First name` is `first_name`."""
    return re.sub(r"[\W_]+", "_", unicodedata.normalize("NFKC", text).casefold()).strip("_")


def column_names(header: Sequence[str]) -> tuple[str, ...]:
    """Return a name for each column: a nameless one is `column_3`, a second `name` is `name_2`."""
    names: list[str] = []
    for position, cell in enumerate(header, start=1):
        wanted = name = field_name(cell) or f"column_{position}"
        count = 1
        while name in names:
            count += 1
            name = f"{wanted}_{count}"
        names.append(name)
    return tuple(names)


def split_merges(text: str) -> list[str | Merge]:
    """Return the literal parts of a text and the markers between them.

    Only a name, with or without a fallback, between exactly two braces is a marker. Whatever else looks like
    Handlebars (`{{#if x}}`, `{{{x}}}`, `{{> x}}`) is text.
    """
    parts: list[str | Merge] = []
    end = 0
    for marker in _MARKER.finditer(text):
        name, _, fallback = marker[1].partition("|")
        if not _NAME.fullmatch(name.strip()) or not field_name(name):
            continue
        parts += [text[end : marker.start()], Merge(field_name(name), fallback.strip())]
        end = marker.end()
    parts.append(text[end:])
    return [part for part in parts if part]
