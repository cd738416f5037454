"""What `doctor --live` sees: one answer of a real service, beside what this code expects of it."""

from base64 import b64decode
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Observation:
    """What was answered and what is expected: codes, names of members, counts. Never a secret, an address, a body."""

    name: str
    answered: str
    expected: str
    as_expected: bool

    def __str__(self) -> str:
        mark = "ok       " if self.as_expected else "DIFFERENT"
        return f"{mark} {self.name}: {self.answered} (expected: {self.expected})"


def one_of(name: str, answered: str, *expected: str) -> Observation:
    """An answer that is one of those expected."""
    return Observation(name, answered, " or ".join(expected), answered in expected)


def has_members(name: str, found: Collection[str], expected: Collection[str]) -> Observation:
    """An answer that has at least the expected members."""
    shown = ", ".join(sorted(found)) or "none"
    return Observation(name, shown, ", ".join(sorted(expected)), set(expected) <= set(found))


RED_SQUARE: Final = b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAEUlEQVR42mP8z4AdMDEMKQkAzUEBD7t4NqoAAAAASUVORK5CYII="
)
"""A PNG for people to look at."""
