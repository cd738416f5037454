"""A message as SES is given it: Handlebars source in which every value and every brace comes from a variable.

SES neither escapes values nor forgives a missing one (it accepts the mail and never sends it), so each place of a
message has variables of its own, escaped for that place, and every recipient's data holds all of them.
https://docs.aws.amazon.com/ses/latest/dg/send-personalized-email-api.html
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from html import escape
from typing import Any, NamedTuple
from urllib.parse import quote

from bot.broadcast.content.merge_tags import MergeTag, parse_merge_tags

UNSUBSCRIBE = ""  # in place of a column's name: the recipient's own link. No column is nameless
SUBJECT_VALUE_LIMIT = 200  # characters
_AROUND = 40  # characters before a hole, and after it
CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")  # and halves of characters
_UNFIT = re.compile(rf"(?![\n\t]){CONTROLS.pattern}")
_SPECIAL = re.compile(r"[{}\\]")  # Handlebars reads a backslash before braces, too
_SPECIAL_NAMES = {"{": "lb", "}": "rb", "\\": "bs"}
_EXTRA_SPACE = re.compile(r"(?<=[ \n]) ")
_VARIABLE = re.compile(r"\{\{(\w+)\}\}")


class EscapeContext(StrEnum):
    """Where in a message a text stands, which decides how it is escaped."""

    SUBJECT = "subject"
    TEXT = "text"
    TEXT_LINK = "text_link"  # an address in the plain text
    HTML = "html"
    HTML_FLAT = "html_flat"  # HTML in which a line end is no <br>
    HREF = "href"
    LITERAL = "literal"  # a brace or backslash, always itself


class Variable(NamedTuple):
    """A variable of the template, and what fills it."""

    variable: str
    place: EscapeContext
    field: str
    fallback: str


class Rendered(NamedTuple):
    subject: str
    html: str
    text: str


def clean(text: str) -> str:
    """Return text without control characters; line ends and tabs stay."""
    if text.isprintable():
        return text
    return _UNFIT.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def keep_spaces(text: str) -> str:
    """Return text for HTML, which shows spaces in a row, and those that begin a line, as one or none at all."""
    return _EXTRA_SPACE.sub("\xa0", text.expandtabs(4))


def for_link(value: str) -> str:
    """Return a value for a part of an address; of all escapes it alone changes a plain space."""
    return quote(clean(value), safe="")


def _for_subject(value: str) -> str:
    return " ".join(clean(value).split())[:SUBJECT_VALUE_LIMIT]


def _for_html(value: str) -> str:
    return escape(keep_spaces(clean(value))).replace("\n", "<br>")


def _for_flat_html(value: str) -> str:
    return escape(clean(value))


_ESCAPES: Mapping[EscapeContext, Callable[[str], str]] = {
    EscapeContext.SUBJECT: _for_subject,
    EscapeContext.TEXT: clean,
    EscapeContext.HTML: _for_html,
    EscapeContext.HTML_FLAT: _for_flat_html,
    EscapeContext.HREF: for_link,
}


class Plan(NamedTuple):
    """The slots by what fills them, in the order of the data."""

    constants: dict[str, str]
    ways_out: list[tuple[str, Callable[[str], str]]]
    fields: dict[str, list[tuple[str, Callable[[str], str], str]]]  # by column: variable, escape, escaped fallback


@dataclass(frozen=True)
class Template:
    """Subject, HTML and text as SES is given them, and what fills their variables."""

    subject: str
    html: str
    text: str
    slots: tuple[Variable, ...]
    images: tuple[int, ...] = ()  # those of the broadcast that it shows, by number

    @property
    def fields(self) -> tuple[str, ...]:
        """The columns it needs."""
        return tuple(self.plan.fields)

    @property
    def without_fallback(self) -> tuple[str, ...]:
        """The columns that leave a gap in a mail where the recipient has no value."""
        return tuple(field for field, uses in self.plan.fields.items() if not all(fallback for *_, fallback in uses))

    def hole(self, field: str) -> str:
        """Return how the first line reads in which this column leaves a hole, with what stands around it."""
        without = {slot.variable for slot in self.slots if slot.field == field and not slot.fallback}
        data = self.data({name: f"[{name}]" for name in self.fields if name != field}, "…")
        for line in (self.subject, *self.text.splitlines()):
            parts = _VARIABLE.split(line)
            if at := next((at for at in range(1, len(parts), 2) if parts[at] in without), 0):
                parts[1::2] = [data[variable] for variable in parts[1::2]]
                before, after = "".join(parts[:at]), "".join(parts[at:])
                cut_before, cut_after = ("…" * (len(side) > _AROUND) for side in (before, after))
                return f"{cut_before}{before[-_AROUND:]}{after[:_AROUND]}{cut_after}".strip()
        return ""

    @cached_property
    def plan(self) -> Plan:
        plan = Plan({}, [], {})
        for variable, place, field, fallback in self.slots:
            if place is EscapeContext.LITERAL:
                plan.constants[variable] = fallback
            elif field == UNSUBSCRIBE:
                plan.ways_out.append((variable, _ESCAPES[place]))
            else:
                plan.fields.setdefault(field, []).append((variable, _ESCAPES[place], _ESCAPES[place](fallback)))
        return plan

    def data(self, member_fields: Mapping[str, str], unsubscribe_url: str = "") -> dict[str, str]:
        """Return every variable's value for one recipient, by column name; an empty one gets its fallback.

        `ReplacementData` writes the same for many.
        """
        constants, ways_out, fields = self.plan
        data = constants.copy()
        for variable, escaped in ways_out:
            data[variable] = escaped(unsubscribe_url)
        for field, uses in fields.items():
            value = member_fields.get(field, "").strip()
            for variable, escaped, fallback in uses:
                data[variable] = escaped(value) if value else fallback
        return data

    def to_json(self) -> dict[str, Any]:
        return {
            "subject": self.subject,
            "html": self.html,
            "text": self.text,
            "slots": [[*slot] for slot in self.slots],
            "images": [*self.images],
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Template":
        slots = (
            Variable(variable, EscapeContext(place), field, fallback)
            for variable, place, field, fallback in stored["slots"]
        )
        images = tuple(stored.get("images", ()))  # a message that was fixed before 2.0 has none
        return cls(stored["subject"], stored["html"], stored["text"], tuple(slots), images)


def render(template: Template, data: Mapping[str, str]) -> Rendered:
    """Return the mail that SES makes of a template and one recipient's data.

    Raises:
        KeyError: a variable is missing, which SES calls a Rendering Failure.
        ValueError: the source holds Handlebars other than variables, which `Template` never does.
    """
    return Rendered(*(_fill(source, data) for source in (template.subject, template.html, template.text)))


def _fill(source: str, data: Mapping[str, str]) -> str:
    parts = _VARIABLE.split(source)  # text, variable, text, …
    if any(_SPECIAL.search(text) for text in parts[::2]):
        raise ValueError("a template source holds a brace or backslash of its own")
    parts[1::2] = [data[variable] for variable in parts[1::2]]
    return "".join(parts)


class TemplateWriter:
    """Writes template source, and keeps account of the variables it takes.

    Attributes:
        merges: every marker met.
    """

    def __init__(self, *, show_names: bool = False) -> None:
        """`show_names`: where the columns are not known yet, a field without a fallback shows its name."""
        self._show_names = show_names
        self._slots: dict[tuple[EscapeContext, str, str], Variable] = {}
        self.merges: list[MergeTag] = []

    @property
    def slots(self) -> tuple[Variable, ...]:
        return tuple(self._slots.values())

    def write(self, text: str, place: EscapeContext) -> str:
        """Return a typed text as source for a place: markers become variables, and all else stays what it is."""
        return "".join(
            self.literal(part, place) if isinstance(part, str) else self._merge(part, place)
            for part in parse_merge_tags(text)
        )

    def unsubscribe(self, place: EscapeContext) -> str:
        """Return the variable that holds the recipient's own link."""
        return self._variable(place, UNSUBSCRIBE, "")

    def literal(self, text: str, place: EscapeContext) -> str:
        """Return a text as source for a place, whatever markers it seems to hold."""
        text = clean(text)
        if place in {EscapeContext.HREF, EscapeContext.TEXT_LINK}:
            text = _SPECIAL.sub(lambda found: quote(found[0]), text)
        if place in {EscapeContext.HTML, EscapeContext.HTML_FLAT, EscapeContext.HREF}:
            text = escape(text)
        if place is EscapeContext.HTML:
            text = text.replace("\n", "<br>\n")
        return _SPECIAL.sub(lambda found: self._special(found[0]), text)

    def _special(self, character: str) -> str:
        name = _SPECIAL_NAMES[character]
        slot = Variable(name, EscapeContext.LITERAL, "", character)
        self._slots.setdefault((EscapeContext.LITERAL, "", character), slot)
        return f"{{{{{name}}}}}"

    def _merge(self, merge: MergeTag, place: EscapeContext) -> str:
        self.merges.append(merge)
        fallback = merge.fallback or (f"[{merge.field}]" if self._show_names else "")
        # In a link of the plain text the value is the same as in the HTML's: only what stands around it differs.
        return self._variable(EscapeContext.HREF if place is EscapeContext.TEXT_LINK else place, merge.field, fallback)

    def _variable(self, place: EscapeContext, field: str, fallback: str) -> str:
        slot = Variable(f"v{len(self._slots)}", place, field, fallback)
        slot = self._slots.setdefault((place, field, fallback), slot)
        return f"{{{{{slot.variable}}}}}"
