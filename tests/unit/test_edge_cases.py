"""docs/edge-cases.md keeps its word: every row is there, and names tests that exist."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROMISED = [
    f"{letter}{number}" for letter, last in {"S": 3, "E": 13, "C": 2, "A": 5}.items() for number in range(1, last + 1)
]
ROW = re.compile(r"^\| ([A-Z]\d+) \|(.*)\|$", re.MULTILINE)
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def rows() -> dict[str, list[tuple[str, str]]]:
    """The tests of each row: file and function."""
    found = ROW.findall((ROOT / "docs" / "edge-cases.md").read_text())
    assert len(found) == len({row for row, _ in found}), "a row stands there twice"
    return {row: TEST.findall(text) for row, text in found}


@cache
def functions_of(file: str) -> frozenset[str]:
    """The test functions of a file, as pytest would collect them."""
    tree = ast.parse((ROOT / file).read_text())
    functions = (node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return frozenset(function.name for function in functions if function.name.startswith("test_"))


@pytest.mark.parametrize("row", PROMISED)
def test_every_promised_row_is_there(row: str) -> None:
    assert row in rows()


@pytest.mark.parametrize("row", sorted(rows()))
def test_every_row_names_tests_that_exist(row: str) -> None:
    tests = rows()[row]

    assert tests, f"{row} has no test"
    assert [f"{file}::{name}" for file, name in tests if name not in functions_of(file)] == []


def test_every_row_of_the_security_page_names_tests_that_exist() -> None:
    rows = [line for line in (ROOT / "docs" / "security.md").read_text().splitlines() if re.match(r"\| \d", line)]

    assert rows
    assert [row for row in rows if not TEST.search(row)] == []
    named = [pair for row in rows for pair in TEST.findall(row)]
    assert [f"{file}::{name}" for file, name in named if name not in functions_of(file)] == []
