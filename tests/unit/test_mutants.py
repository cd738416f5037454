"""The list of `python -m tests.mutants` is about what stands in the code, and in docs/security.md."""

import re
from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.mutants.__main__ import FIFTHS, Mutant, fifth_of, mutants

ROOT = Path(__file__).parents[2]
MUTANTS = mutants()


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: f"{mutant.row} {mutant.file}")
def test_each_place_is_there_once_and_becomes_something_else(mutant: Mutant) -> None:
    text = (ROOT / mutant.file).read_text()

    assert mutant.mutated(text) != text
    compile(mutant.mutated(text), mutant.file, "exec")


def test_each_test_is_named_by_its_row_of_the_security_page() -> None:
    rows = re.findall(r"^\| (\d[^|]*) \|(.*)$", (ROOT / "docs" / "security.md").read_text(), re.MULTILINE)
    named = {(row, test) for row, text in rows for test in re.findall(r"`(tests/[\w/]+\.py::\w+)`", text)}

    assert [(each.row, each.test) for each in MUTANTS if (each.row, each.test) not in named] == []


def test_none_stands_there_twice_and_five_days_take_them_all() -> None:
    assert len(set(MUTANTS)) == len(MUTANTS)
    days = [date(2026, 11, 24) + timedelta(days=day) for day in range(FIFTHS)]
    assert sorted(each.find for day in days for each in fifth_of(day, MUTANTS)) == sorted(m.find for m in MUTANTS)
