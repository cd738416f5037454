"""The list of `python -m tests.mutants` is about what stands in the code, and in docs/security.md."""

import re
from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.mutants.mutant import FIFTHS, Mutant, fifth_of, mutants
from tests.mutants.outcome import is_assertion

ROOT = Path(__file__).parents[2]
MUTANTS = mutants()
ROWS = re.findall(r"^\| (\d[^|]*) \|(.*)$", (ROOT / "docs" / "security.md").read_text(), re.MULTILINE)


def named_in(text: str) -> list[str]:
    return re.findall(r"`(tests/[\w/]+\.py::\w+)`", text)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: f"{mutant.row} {mutant.file}")
def test_each_place_is_there_once_and_becomes_something_else(mutant: Mutant) -> None:
    text = (ROOT / mutant.file).read_text()

    assert mutant.mutated(text) != text
    compile(mutant.mutated(text), mutant.file, "exec")


def test_each_test_is_named_by_its_row_of_the_security_page() -> None:
    named = {(row, test) for row, text in ROWS for test in named_in(text)}

    assert [(each.row, each.test) for each in MUTANTS if (each.row, each.test) not in named] == []


def test_each_row_has_a_mutant_or_says_why_it_has_none() -> None:
    killed_by = {(each.row, each.test) for each in MUTANTS}
    without = [(row, text) for row, text in ROWS if not any((row, test) in killed_by for test in named_in(text))]

    assert [row for row, text in without if "; no mutant: " not in text] == []
    assert [row for row, text in ROWS if "; no mutant: " in text and (row, text) not in without] == []


def test_none_stands_there_twice_and_five_days_take_them_all() -> None:
    assert len(set(MUTANTS)) == len(MUTANTS)
    days = [date(2026, 11, 24) + timedelta(days=day) for day in range(FIFTHS)]
    assert sorted(each.find for day in days for each in fifth_of(day, MUTANTS)) == sorted(m.find for m in MUTANTS)


@pytest.mark.parametrize(
    ("error", "counts"),
    [
        (AssertionError(), True),
        (pytest.fail.Exception("DID NOT RAISE <class 'OSError'>"), True),
        (pytest.fail.Exception("Timeout (>120.0s) from pytest-timeout."), False),
        (ImportError(), False),
        (BaseExceptionGroup("", [AssertionError(), AssertionError()]), True),
        (BaseExceptionGroup("", [AssertionError(), KeyError()]), False),
        (None, False),
    ],
)
def test_only_an_assertion_kills(error: BaseException | None, *, counts: bool) -> None:
    assert is_assertion(error) is counts
