"""Take the guards of docs/security.md out one by one, and see whether the test that each row names goes red.

    python -m tests.mutants            all of them
    python -m tests.mutants 56 H7      those of these rows
    MUTANTS=fifth python -m tests.mutants    another fifth every day, for CI

The list is `mutants.toml`. A mutant is killed where its test is green without it, and fails with it by an assertion:
not by an import error, a crash or a time-out. A place that is not there once is an error. The last line counts; the
exit code is 0 where all are killed.
"""

import os
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from tests.mutants.forks import Copy, Ended, Job, carry_out, preload
from tests.mutants.mutant import Mutant, fifth_of, mutants

AT_ONCE = 2


def run(chosen: Sequence[Mutant]) -> int:
    """Judge them all; return the exit code."""
    began, killed = time.monotonic(), 0
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copies = [Copy(Path(folder) / str(number)) for number in range(AT_ONCE)]
        red = _red(copies, sorted({mutant.runs for mutant in chosen}))
        print(f"  {'green' if not red else 'RED'} without them, {time.monotonic() - began:.0f} s", *red, flush=True)
        for job, ended in carry_out(copies, [Job([mutant.runs], mutant) for mutant in chosen]):
            why = "its test is not green without it" if job.tests[0] in red else _alive(ended)
            killed += not why
            if job.mutant:
                about = f"{job.mutant.row:>12}  {job.mutant.file}"
                print(f"  {'killed' if not why else 'ALIVE '} {about}  {why}", flush=True)
    print(f"mutants: {killed} of {len(chosen)} killed, {time.monotonic() - began:.0f} s")
    return 0 if killed == len(chosen) else 1


def _red(copies: Sequence[Copy], tests: Sequence[str]) -> list[str]:
    """Return those that are not green though nothing was changed, also where they run a second time."""
    red = list(tests)
    for _ in range(2):
        parts = [Job(part) for at in range(len(copies)) if (part := red[at :: len(copies)])]
        red = []
        for job, ended in carry_out(copies, parts):
            preload(ended.modules)
            red += [test for test in job.tests if not _is_green(test, ended)]
    return red


def _is_green(test: str, ended: Ended) -> bool:
    of_it = [each["how"] for each in ended.tests if test in {each["test"], each["test"].partition("[")[0]}]
    return bool(of_it) and set(of_it) == {"passed"}


def _alive(ended: Ended) -> str:
    """Say why the mutant is not killed; nothing where it is."""
    failed = [each for each in ended.tests if each["how"] in {"assertion", "error"}]
    if any(each["how"] == "assertion" for each in failed):
        return ""
    return ended.why or (f"no assertion: {failed[0]['why']}" if failed else "survived")


def main(rows: Sequence[str]) -> int:
    chosen = [mutant for mutant in mutants() if not rows or set(rows) & set(mutant.row.replace(",", " ").split())]
    if os.environ.get("MUTANTS") == "fifth":
        chosen = fifth_of(datetime.now(UTC).date(), chosen)
    if not chosen:
        print(__doc__, file=sys.stderr)
        return 2
    return run(chosen)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
