"""The pages of promises keep their word: every row is there, and names tests, or lines of the doctor, that exist."""

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
def functions_of(file: str) -> dict[str, bool]:
    """The test functions of a file, as pytest would collect them, and whether `make test` runs each."""
    tree = ast.parse((ROOT / file).read_text())
    functions = (node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return {
        function.name: "pytest.mark.long" not in map(ast.unparse, function.decorator_list)
        for function in functions
        if function.name.startswith("test_")
    }


@pytest.mark.parametrize("row", PROMISED)
def test_every_promised_row_is_there(row: str) -> None:
    assert row in rows()


@pytest.mark.parametrize("row", sorted(rows()))
def test_every_row_names_tests_that_exist(row: str) -> None:
    tests = rows()[row]

    assert tests, f"{row} has no test"
    assert [f"{file}::{name}" for file, name in tests if name not in functions_of(file)] == []
    assert any(functions_of(file)[name] for file, name in tests), f"{row} has tests in make test-long alone"


def test_every_row_of_the_security_page_names_tests_that_exist() -> None:
    rows = [line for line in (ROOT / "docs" / "security.md").read_text().splitlines() if re.match(r"\| \d", line)]

    assert rows
    assert [row for row in rows if not any(functions_of(file).get(name) for file, name in TEST.findall(row))] == []
    named = [pair for row in rows for pair in TEST.findall(row)]
    assert [f"{file}::{name}" for file, name in named if name not in functions_of(file)] == []


FIRST_CONTACT = {"H": 5, "M": 6, "L": 9, "K": 19, "U": 21}
SLACK = ROOT / "handlers" / "slack"
DOCTOR = [
    *(ROOT / "bot" / "ses" / "live").glob("*.py"),
    SLACK / "live_check.py",
    SLACK / "oauth" / "live_installation.py",
]


def first_contact() -> dict[str, str]:
    page = (ROOT / "docs" / "first-contact.md").read_text()
    return dict(re.findall(r"^\| ([A-Z]\d+) \|(.*)\|$", page, re.MULTILINE))


def test_the_page_of_the_first_contact_has_every_row() -> None:
    assert [*first_contact()] == [f"{kind}{n}" for kind, last in FIRST_CONTACT.items() for n in range(1, last + 1)]


@pytest.mark.parametrize("row", [row for row in first_contact() if not row.startswith("U")])
def test_every_row_of_the_first_contact_names_tests_that_exist(row: str) -> None:
    text = first_contact()[row]
    tests = TEST.findall(text)

    assert tests or text.endswith("| not built "), f"{row} has no test"
    assert [f"{file}::{name}" for file, name in tests if name not in functions_of(file)] == []


@pytest.mark.parametrize("row", [row for row in first_contact() if row.startswith("U")])
def test_what_only_a_real_account_can_show_is_a_line_of_the_doctor(row: str) -> None:
    lines = re.findall(r"`([^`]+)`", first_contact()[row].rpartition("|")[2])
    source = "".join(file.read_text() for file in DOCTOR).replace("{ASSUME_ROLE}", "sts:AssumeRole")

    assert lines, f"{row} names no line"
    assert [line for line in lines if line.replace("List-Unsubscribe", "{_HEADER}") not in source] == []
