"""A guard taken out, and the list of them."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

ROOT = Path(__file__).parents[2]
FIFTHS = 5


@dataclass(frozen=True)
class Mutant:
    """A guard of `row`, taken out: in `file` the text `find` becomes `replace`, and `test` must go red.

    `database` names the kind of a test on two that is run; empty: SQLite's, which takes less time to set up.
    """

    row: str
    file: str
    find: str
    replace: str
    test: str
    database: str = ""

    @property
    def runs(self) -> str:
        """Return what pytest is to run, on which database, too, where that is said."""
        return f"{self.test}[{self.database}]" if self.database else self.test

    def apply(self, root: Path) -> None:
        file = root / self.file
        file.write_text(self.mutated(file.read_text()))

    def mutated(self, text: str) -> str:
        """Return the text without the guard. ValueError: the place is not there once."""
        if text.count(self.find) != 1:
            raise ValueError(f"{self.file} has {text.count(self.find)} places of {self.find!r}")
        return text.replace(self.find, self.replace)


def mutants() -> list[Mutant]:
    listed = tomllib.loads((ROOT / "tests" / "mutants" / "mutants.toml").read_text())
    return [Mutant(**each) for each in listed["mutant"]]


def fifth_of(day: date, all_of_them: Sequence[Mutant]) -> list[Mutant]:
    return list(all_of_them[day.toordinal() % FIFTHS :: FIFTHS])
