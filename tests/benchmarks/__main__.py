"""`make bench`: every target of docs/performance.md, measured beside its floor; the rows go to benchmarks.json, too.

BENCH=send_cpu_sqlite,start  only these. BENCH_SCALE=0.1 makes everything smaller, which is for trying it out.
"""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from tests.benchmarks import (
    acking,
    compiling,
    growth,
    importing,
    million,
    paced,
    polling,
    replicas,
    scaling,
    sending,
    sharing,
    starting,
    uploading,
    versus,
)
from tests.benchmarks.measure import Measured
from tests.benchmarks.report import RESULTS, line, of_row

Bench = Callable[[float], Awaitable[Sequence[Measured]]]
BENCHES: dict[str, Bench] = {
    "send_cpu_sqlite": lambda scale: sending.cpu("sqlite", scale),
    "send_cpu_postgres": lambda scale: sending.cpu("postgresql", scale),
    "send_cpu_500": lambda scale: paced.paced("sqlite", scale),
    "send_cpu_500_postgres": lambda scale: paced.paced("postgresql", scale),
    "versus": versus.versus,
    "send_rate_14": lambda scale: sending.rate(14, scale),
    "send_rate_500": lambda scale: sending.rate(500, scale),
    "compile": compiling.compiling,
    "import_rows": importing.rows,
    "million": million.million,
    "growth": growth.growth,
    "audience_upload": uploading.upload,
    "fairness": sharing.fairness,
    "replicas": replicas.replicas,
    "ack_p99": acking.ack_p99,
    "poll_100k": polling.poll_100k,
    "scale": scaling.scaling,
    "start": starting.start,
}


def main() -> int:
    scale = float(os.environ.get("BENCH_SCALE", "1"))
    if sys.argv[1:2] == ["--alone"]:
        measured = asyncio.run(_alone(sys.argv[2], scale))
        print(json.dumps(measured))
        return 0
    wanted = [name for name in os.environ.get("BENCH", "").split(",") if name] or list(BENCHES)
    if unknown := set(wanted) - BENCHES.keys():
        print(f"There is no benchmark {', '.join(sorted(unknown))}; there are {', '.join(BENCHES)}.")
        return 2
    rows: list[dict[str, Any]] = []
    print(line("", "value", "unit", "floor", "ratio", "target", ""))
    for name in wanted:
        for row in _in_a_process_of_its_own(name):
            rows.append({"bench": name, **row, **({} if scale == 1 else {"scale": scale})})
            print(of_row(row), flush=True)
    RESULTS.write_text(json.dumps(_with_those_before(rows), indent=1) + "\n")
    missed = [row["name"] for row in rows if not row["pass"]]
    print(
        f"{len(rows) - len(missed)} of {len(rows)} targets met" + (f"; missed: {', '.join(missed)}" if missed else "")
    )
    return 1 if missed else 0


async def _alone(name: str, scale: float) -> list[dict[str, Any]]:
    return [measured.to_json() for measured in await BENCHES[name](scale)]


def _in_a_process_of_its_own(name: str) -> list[dict[str, Any]]:
    """So that no benchmark has the memory and the caches of the one before."""
    began = time.monotonic()
    print(f"{name} …", file=sys.stderr, flush=True)
    command = [sys.executable, "-m", "tests.benchmarks", "--alone", name]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603 - ourselves
    print(f"  {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    if done.returncode:
        return [
            {"name": name, "value": None, "unit": "failed", "floor": None, "ratio": None, "target": "", "pass": False}
        ]
    rows: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return rows


def _with_those_before(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Keep what an earlier run found by the benches that this one left out."""
    now = {row["bench"] for row in rows}
    before = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    both = [*(row for row in before if row.get("bench") in BENCHES.keys() - now), *rows]
    return sorted(both, key=lambda row: list(BENCHES).index(row["bench"]))


if __name__ == "__main__":
    sys.exit(main())
