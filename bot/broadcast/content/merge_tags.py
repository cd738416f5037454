"""The names of columns, and the places in a text where their values go: `{{first_name}}`, `{{first_name|there}}`."""

import dataclasses
import re
import unicodedata
from collections.abc import Sequence

_MARKER = re.compile(r"(?<!\{)\{\{([^{}\n]*)\}\}(?!\})")
# How Handlebars, Mustache and Go templates begin what is no name of a column.
_NO_NAME = re.compile(r"[/>!&^@.~]|#\S")
# How other programs write what stands in for a missing value.
_OTHER_FALLBACK = re.compile(
    r"\|\||\?\?|[|,;]\s*(?:default|fallback|if_?empty|coalesce)\s*[:=(]|\s(?:default|fallback)\s*=|\sor\s+(?=['\"“‘„])",
    re.IGNORECASE,
)
_QUOTES = "'\"“”‘’„«»"


@dataclasses.dataclass(frozen=True, slots=True)
class MergeTag:
    """A place that a column's value fills, or the fallback where a recipient has none."""

    field: str
    fallback: str = ""
    typed: str = dataclasses.field(default="", compare=False)  # between the braces

    @property
    def meant(self) -> "MergeTag | None":
        """What is meant by a fallback in another program's syntax; None for one in ours."""
        if other := _OTHER_FALLBACK.search(self.typed):
            name, fallback = self.typed[: other.start()].partition("|")[0], self.typed[other.end() :]
        elif len(self.fallback) > 1 and {self.fallback[0], self.fallback[-1]} <= {*_QUOTES}:
            name, fallback = self.field, self.fallback
        else:
            return None
        return MergeTag(normalize_column(name), fallback.strip().removesuffix(")").strip(f"{_QUOTES} "))


def normalize_column(text: str) -> str:
    """Return the name by which a column is known: `First name` is `first_name`, `Company (legal)` `company_legal`."""
    return re.sub(r"[\W_]+", "_", _visible(text).casefold()).strip("_")


def _visible(text: str) -> str:
    """Return text without what nobody sees, as a zero-width space, and with one form for each letter."""
    return "".join(char for char in unicodedata.normalize("NFKC", text) if unicodedata.category(char) != "Cf")


def column_names(header: Sequence[str]) -> tuple[str, ...]:
    """Return a name for each column: a nameless one is `column_3`, a second `name` is `name_2`."""
    names: dict[str, int] = {}  # with how many have wanted each
    for position, cell in enumerate(header, start=1):
        wanted = name = normalize_column(cell) or f"column_{position}"
        while name in names:
            names[wanted] += 1
            name = f"{wanted}_{names[wanted]}"
        names[name] = 1
    return tuple(names)


def parse_merge_tags(text: str) -> list[str | MergeTag]:
    """Return the literal parts of a text and the markers between them.

    A column's name as its header has it, with or without a fallback, between exactly two braces is a marker. What no
    name begins with (`{{#if x}}`, `{{> x}}`, `{{.X}}`), or stands in other braces (`{{{x}}}`), is text.
    """
    parts: list[str | MergeTag] = []
    end = 0
    for marker in _MARKER.finditer(text):
        name, _, fallback = marker[1].partition("|")
        if not normalize_column(name) or _NO_NAME.match(_visible(name).lstrip()):
            continue
        parts += [text[end : marker.start()], MergeTag(normalize_column(name), fallback.strip(), marker[1].strip())]
        end = marker.end()
    parts.append(text[end:])
    return [part for part in parts if part]
