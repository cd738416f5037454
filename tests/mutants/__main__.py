"""Take the guards of docs/security.md out one by one, and see whether the test that each row names goes red.

    python -m tests.mutants            all of them
    python -m tests.mutants 56 H7      those of these rows
    MUTANTS=fifth python -m tests.mutants    another fifth every day, for CI

The list is `mutants.toml`. A mutant is killed where its test is green without it, and fails with it by an assertion:
not by an import error, a crash or a time-out. A place that is not there once is an error. The last line counts; the
exit code is 0 where all are killed.
"""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from tests.mutants.outcome import FILE

ROOT = Path(__file__).parents[2]
AT_ONCE = 2
SECONDS = 180  # for one run of a test
FIFTHS = 5


@dataclass(frozen=True)
class Mutant:
    """A guard of `row`, taken out: in `file` the text `find` becomes `replace`, and `test` must go red."""

    row: str
    file: str
    find: str
    replace: str
    test: str

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


class Copy:
    """The project's files in a folder of their own, in which one thing at a time is changed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S607
        for name in filter(None, listed.stdout.split("\0")):
            if (ROOT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, folder / name)

    async def judge(self, mutant: Mutant) -> str:
        """Say why it is not killed; nothing where it is."""
        try:
            mutant.apply(self.folder)
        except (OSError, ValueError) as error:
            return str(error)
        try:
            ended = await self.run([mutant.test])
        finally:
            shutil.copy(ROOT / mutant.file, self.folder / mutant.file)
        if isinstance(ended, str):
            return ended
        failed = [each for each in ended if each["how"] in {"assertion", "error"}]
        if not failed:
            return "survived"
        return "" if any(each["how"] == "assertion" for each in failed) else f"no assertion: {failed[0]['why']}"

    async def run(self, tests: Sequence[str]) -> list[dict[str, str]] | str:
        """Return how each test ended, or why that cannot be told."""
        outcome = self.folder / "outcome.json"
        outcome.unlink(missing_ok=True)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "tests.mutants.outcome", *tests),
            cwd=self.folder,
            env=os.environ | {FILE: str(outcome)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            await asyncio.wait_for(process.wait(), SECONDS * (1 + len(tests) // 10))
        except TimeoutError:
            process.kill()
            await process.wait()
            return "timed out"
        if not outcome.exists():
            return "pytest did not come to an end"
        ended: list[dict[str, str]] = json.loads(outcome.read_text())
        return ended or "no test was run"


async def run(chosen: Sequence[Mutant]) -> int:
    """Judge them all; return the exit code."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copies = [Copy(Path(folder) / str(number)) for number in range(AT_ONCE)]
        red = await _red(copies, sorted({mutant.test for mutant in chosen}))
        waiting = iter(chosen)
        survivors = await asyncio.gather(*(_judge_all(copy, waiting, red) for copy in copies))
    killed = len(chosen) - sum(survivors)
    print(f"mutants: {killed} of {len(chosen)} killed, {time.monotonic() - began:.0f} s")
    return 0 if killed == len(chosen) else 1


async def _red(copies: Sequence[Copy], tests: Sequence[str]) -> set[str]:
    """Return those that are not green though nothing was changed, also where they run a second time."""
    for _ in range(2):
        parts = [(copy, part) for at, copy in enumerate(copies) if (part := tests[at :: len(copies)])]
        ended = await asyncio.gather(*(copy.run(part) for copy, part in parts))
        tests = [test for (_, part), how in zip(parts, ended, strict=True) for test in part if not _is_green(test, how)]
    return set(tests)


def _is_green(test: str, ended: list[dict[str, str]] | str) -> bool:
    if isinstance(ended, str):
        return False
    of_it = [each["how"] for each in ended if each["test"].partition("[")[0] == test]
    return bool(of_it) and set(of_it) == {"passed"}


async def _judge_all(copy: Copy, waiting: Iterator[Mutant], red: Collection[str]) -> int:
    """Judge one after the other as long as there are any; return how many were not killed."""
    survivors = 0
    for mutant in waiting:
        why = "its test is not green without it" if mutant.test in red else await copy.judge(mutant)
        survivors += bool(why)
        print(f"  {'killed' if not why else 'ALIVE '} {mutant.row:>8}  {mutant.file}  {why}", flush=True)
    return survivors


def main(rows: Sequence[str]) -> int:
    chosen = [mutant for mutant in mutants() if not rows or set(rows) & set(mutant.row.replace(",", " ").split())]
    if os.environ.get("MUTANTS") == "fifth":
        chosen = fifth_of(datetime.now(UTC).date(), chosen)
    if not chosen:
        print(__doc__, file=sys.stderr)
        return 2
    return asyncio.run(run(chosen))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
