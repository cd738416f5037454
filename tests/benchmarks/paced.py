"""What a recipient costs at 500 a second, where a claim carries one call: beside d9542ea, in the same run.

`python paced.py KIND SIZE` prints the CPU of one broadcast and that of its floor, in µs a recipient, for the tree that
it is started in; so it uses only what both trees have.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median

if __name__ == "__main__":
    sys.path[0] = os.getcwd()  # noqa: PTH109 - before anything of either tree is imported

from tests.benchmarks import sending
from tests.benchmarks.measure import Measured, at_most_times, say
from tests.benchmarks.rig import rig
from tests.benchmarks.ses import started
from tests.databases import Databases

BEFORE = "d9542ea"
RATE = 500
SIZE = 10_000
ROUNDS = 3
_LEFT = 0.75  # of what it cost then


async def paced(kind: str, scale: float) -> Sequence[Measured]:
    """Return how many times its floor a recipient costs, beside the same at d9542ea; medians of some rounds in turn."""
    size = max(2_500, int(SIZE * scale))
    name = "send_cpu_500" if kind == "sqlite" else "send_cpu_500_postgres"
    here = Path.cwd()
    times: dict[Path, list[float]] = {}
    with _tree(BEFORE) as before:
        for number in range(ROUNDS):
            for tree in (before, here):
                cost, floor = _in(tree, kind, size)
                times.setdefault(tree, []).append(cost / floor)
                say(f"{number + 1}. {'here' if tree == here else BEFORE}: {cost:.0f} µs, floor {floor:.0f}")
    now, then = median(times[here]), median(times[before])
    return [at_most_times(name, now, f"floors, {BEFORE} beside", then, _LEFT)]


@contextmanager
def _tree(commit: str) -> Iterator[Path]:
    """Have a commit of this repository checked out."""
    with tempfile.TemporaryDirectory(prefix="mailroom-") as folder:
        tree = Path(folder) / commit
        git = ["git", "worktree"]
        subprocess.run([*git, "add", "--quiet", "--detach", str(tree), commit], check=True)  # noqa: S603 - ourselves
        try:
            yield tree
        finally:
            subprocess.run([*git, "remove", "--force", str(tree)], check=True)  # noqa: S603 - ourselves


def _in(tree: Path, kind: str, size: int) -> tuple[float, float]:
    command = [sys.executable, __file__, kind, str(size)]
    done = subprocess.run(command, cwd=tree, stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603 - ourselves
    cost, floor = json.loads(done.stdout.splitlines()[-1])
    return cost, floor


async def _measure(kind: str, size: int) -> tuple[float, float]:
    """Send it in this process; the SES says how many a second it takes, and the floor has one that takes all."""
    with Databases() as databases, started() as free, started(rate=RATE) as ses:
        async with rig(await databases.create(kind), free) as warm:
            await warm.confirmed(await warm.connect(), size // 5)
            await sending._run(warm, size // 5)
        async with rig(await databases.create(kind), ses) as made:
            broadcast = await made.confirmed(await made.connect(), size)
            loops = await sending._Loops.of(made, broadcast, free)
            before = loops.bulk(size // 4)
            spent = await sending._run(made, size)
            floor = (before + loops.bulk(size // 4)) / 2
    return spent.cpu / size * 1e6, floor


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_measure(sys.argv[1], int(sys.argv[2])))))
