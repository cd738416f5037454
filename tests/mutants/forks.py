"""Runs pytest in forks of this process, each in a copy of the project, with every library imported before."""

import importlib
import json
import multiprocessing.process
import os
import shutil
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.mutants.mutant import ROOT, Mutant
from tests.mutants.outcome import Outcome

SECONDS = 180  # for one test
_OURS = {"app", "bot", "handlers", "storage", "tests"}


@dataclass(frozen=True)
class Job:
    """Tests to run, with one guard taken out or with all of them in place."""

    tests: Sequence[str]
    mutant: Mutant | None = None


@dataclass(frozen=True)
class Ended:
    """How each test of a job ended; or, where that cannot be told, why."""

    tests: Sequence[dict[str, str]] = ()
    modules: Sequence[str] = ()
    why: str = ""


class Copy:
    """The project's files in a folder of their own, in which one thing at a time is changed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._outcome, self._output, self._kept = folder / "outcome.json", folder / "output.txt", folder / "kept"
        self._job = Job(())
        self._until = 0.0
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S607
        for name in filter(None, listed.stdout.split("\0")):
            if (ROOT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, folder / name)

    def start(self, job: Job) -> int:
        """Start it, and return its process. OSError, ValueError: the place of its guard is not there once."""
        if job.mutant:
            shutil.copy2(self.folder / job.mutant.file, self._kept)
            job.mutant.apply(self.folder)
        self._job, self._until = job, time.monotonic() + SECONDS * (1 + len(job.tests) // 10)
        self._outcome.unlink(missing_ok=True)
        if pid := os.fork():
            return pid
        try:
            self._become_pytest(job)
        finally:
            os._exit(1)

    def end(self, why: str = "") -> Ended:
        """Put the guard back, and say how it ended; `why` where it was made to end."""
        if self._job.mutant:
            shutil.copy2(self._kept, self.folder / self._job.mutant.file)
        if not why and self._outcome.exists():
            found = json.loads(self._outcome.read_text())
            return Ended(found["ended"], found["modules"], "" if found["ended"] else f"no test was run: {self._said()}")
        return Ended(why=why or f"pytest did not come to an end: {self._said()}")

    @property
    def is_late(self) -> bool:
        return time.monotonic() > self._until

    def _said(self) -> str:
        return "".join(self._output.read_text().splitlines()[-1:])

    def _become_pytest(self, job: Job) -> None:
        os.setsid()
        output = os.open(self._output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        for stream in (1, 2):
            os.dup2(output, stream)
        os.chdir(self.folder)
        sys.path[:] = [str(self.folder), *(each for each in sys.path if each not in {"", str(ROOT)})]
        for name in [name for name in sys.modules if name.partition(".")[0] in _OURS]:
            del sys.modules[name]
        sys.modules["__main__"].__spec__ = None  # a process that multiprocessing starts imports it again
        multiprocessing.process.ORIGINAL_DIR = str(self.folder)  # type: ignore[attr-defined] # and begins here
        # What is compiled with a guard taken out must not be there when the guard is.
        sys.dont_write_bytecode = job.mutant is not None
        outcome = Outcome(self._outcome, is_out=job.mutant is not None)
        quiet = ("-W", "ignore::pytest.PytestAssertRewriteWarning")  # of plugins that were imported before
        pytest.main(["-q", "-p", "no:cacheprovider", *quiet, *job.tests], plugins=[outcome])
        sys.stdout.flush()


def carry_out(copies: Sequence[Copy], jobs: Iterable[Job]) -> Iterator[tuple[Job, Ended]]:
    """Carry each out in whichever copy is free, and yield it when it has ended."""
    waiting, free = iter(jobs), list(copies)
    running: dict[int, tuple[Copy, Job]] = {}
    try:
        while True:
            while free and (job := next(waiting, None)):
                try:
                    pid = free[-1].start(job)
                except (OSError, ValueError) as error:
                    yield job, Ended(why=str(error))
                else:
                    running[pid] = free.pop(), job
            if not running:
                return
            pid, why = _wait({pid: copy for pid, (copy, _) in running.items()})
            copy, job = running.pop(pid)
            free.append(copy)
            yield job, copy.end(why)
    finally:
        for pid in running:
            _kill(pid)


def _wait(running: Mapping[int, Copy]) -> tuple[int, str]:
    """Return the first that has ended, or was made to end, and why."""
    while True:
        pid, _ = os.waitpid(-1, os.WNOHANG)
        if pid in running:
            return pid, ""
        for late in [pid for pid, copy in running.items() if copy.is_late]:
            _kill(late)
            return late, "timed out"
        time.sleep(0.02)


def _kill(pid: int) -> None:
    os.killpg(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def preload(modules: Iterable[str]) -> None:
    """Import what is not ours of them: to import it takes longer than most tests."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in modules:
            if name.partition(".")[0] not in _OURS:
                with suppress(ImportError):
                    importlib.import_module(name)
