"""Runs beside one pytest of a mutant, and writes down how each test ended: pytest's exit code does not say why."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

FILE = "MUTANT_OUTCOME"
_ended: list[dict[str, str]] = []


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    report = (yield).get_result()
    if report.when == "call" or report.failed:
        by_assertion = call.excinfo is not None and _is_assertion(call.excinfo.value)
        how = report.outcome if not report.failed else "assertion" if by_assertion else "error"
        _ended.append({"test": item.nodeid, "how": how, "why": str(call.excinfo.value)[:300] if call.excinfo else ""})


def _is_assertion(error: BaseException) -> bool:
    """Tell an assertion, or several of them, as Hypothesis raises them, from every other error."""
    if isinstance(error, BaseExceptionGroup):
        return all(map(_is_assertion, error.exceptions))
    return isinstance(error, AssertionError | pytest.fail.Exception)


def pytest_sessionfinish() -> None:
    Path(os.environ[FILE]).write_text(json.dumps(_ended))
