"""Every regular expression of the product on 30 KB of what is worst for it: the time grows with the text, not faster.

What people type, what AWS says and what files hold reaches them. Nothing here measures speed: an expression that reads
its text once takes milliseconds, one that reads it again from each place took 1.5 seconds.
"""

import ast
import importlib
import re
import time
from collections.abc import Iterator
from functools import cache
from itertools import product
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SIZE = 30_000
SECONDS = 0.3  # of this thread's CPU, for one text
_SEARCHES = ("search", "sub", "split", "findall", "finditer")
_READS = {"match": "match", "fullmatch": "fullmatch"} | dict.fromkeys(_SEARCHES, "split")
_ANY = ("a", " ", "\n")


def _modules() -> Iterator[tuple[str, Path]]:
    for package in ("bot", "handlers", "storage"):
        for path in sorted((ROOT / package).rglob("*.py")):
            if "versions" not in path.parts and path.stem not in {"env", "__main__"}:
                yield ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"), path


def _uses(module: object, path: Path) -> Iterator[tuple[str, str]]:
    """Yield each expression of a module and how it reads: `_NAME.fullmatch(…)`, or in place `re.sub("…", …)`."""
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name("re"), attr=how), args=[ast.Constant(str(text)), *_]):
                if how in _READS:
                    yield text, _READS[how]
            case ast.Attribute(value=ast.Name(name), attr=how):
                if how in _READS and isinstance(pattern := getattr(module, name, None), re.Pattern):
                    text = pattern.pattern
                    yield text if isinstance(text, str) else text.decode(), _READS[how]


@cache
def _all_uses() -> list[tuple[str, str]]:
    """Return what is found. Imports the whole product: for the tests, not for who collects them."""
    return sorted({use for name, path in _modules() for use in _uses(importlib.import_module(name), path)})


def _worst(pattern: str) -> Iterator[str]:
    """Yield texts that begin to match again and again and never end: made of the expression's own words."""
    own = re.findall(r"[\w%{}:/@=,;<>\"'-]+", re.sub(r"\\[a-zA-Z]|\\", "", pattern))
    for first, second in product(dict.fromkeys([*own[:5], *_ANY]), repeat=2):
        yield (first + second) * (SIZE // len(first + second))
        yield first + second * (SIZE // len(second)) + "\0"


def test_no_expression_reads_its_text_again_from_each_place(subtests: pytest.Subtests) -> None:
    for pattern, how in _all_uses():
        with subtests.test(pattern=pattern, how=how):
            read = getattr(re.compile(pattern, re.DOTALL), how)
            for text in _worst(pattern):
                began = time.thread_time()
                read(text)
                assert time.thread_time() - began < SECONDS, text[:40]


def test_the_expressions_are_found() -> None:
    assert len(_all_uses()) > 30
    assert any("%7B%7B" in pattern for pattern, _ in _all_uses())
