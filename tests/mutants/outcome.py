"""Runs beside one pytest of a mutant, and writes down how each test ended: pytest's exit code does not say why."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest


class Outcome:
    """A plugin of pytest that writes to `file`; where a guard `is_out`, the first assertion that fails ends the run."""

    def __init__(self, file: Path, *, is_out: bool) -> None:
        self._file = file
        self._is_out = is_out
        self._ended: list[dict[str, str]] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Keep SQLite's of a test on two kinds of database, but where PostgreSQL's is what was asked for."""
        there = {item.nodeid for item in items}
        items[:] = [
            item
            for item in items
            if (twin := item.nodeid.replace("postgresql", "sqlite")) == item.nodeid
            or twin not in there
            or item.nodeid in config.args
        ]

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
        report = (yield).get_result()
        if report.when != "call" and not report.failed:
            return
        error = call.excinfo.value if call.excinfo else None
        how = report.outcome if not report.failed else "assertion" if is_assertion(error) else "error"
        self._ended.append({"test": item.nodeid, "how": how, "why": str(error or "")[:300]})
        if how == "assertion" and self._is_out:
            item.session.shouldstop = "it is killed"

    def pytest_sessionfinish(self) -> None:
        modules = [name for name, module in sys.modules.items() if getattr(module, "__spec__", None)]
        self._file.write_text(json.dumps({"ended": self._ended, "modules": modules}))


def is_assertion(error: BaseException | None) -> bool:
    """Tell an assertion, or several of them, as Hypothesis raises them, from every other error and from a time-out."""
    if isinstance(error, BaseExceptionGroup):
        return all(map(is_assertion, error.exceptions))
    if isinstance(error, pytest.fail.Exception):
        return not str(error).startswith("Timeout")  # of pytest-timeout
    return isinstance(error, AssertionError)
