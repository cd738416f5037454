"""What a benchmark measures with, and what it says."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

GROWTH = 1.15
"""A unit of work at full size may cost that many times what it costs at a tenth of the size."""


@dataclass(frozen=True)
class Measured:
    """One row of the table. `floor` is the peer measured in the same run, `ratio` the value over it.

    One without a target is there to be compared with. `note` says how it was come by, where there was a choice.
    """

    name: str
    value: float
    unit: str
    floor: float | None
    target: str
    passed: bool
    note: str = ""

    @property
    def ratio(self) -> float | None:
        return self.value / self.floor if self.floor else None

    def to_json(self) -> dict[str, Any]:
        row = asdict(self)
        row["pass"] = row.pop("passed")
        if not self.note:
            del row["note"]
        return {**row, "ratio": self.ratio}


def at_most_times(name: str, value: float, unit: str, floor: float, most: float) -> Measured:
    return Measured(name, value, unit, floor, f"at most {most:g} times", value <= most * floor)


def at_most(name: str, value: float, unit: str, most: float) -> Measured:
    return Measured(name, value, unit, None, f"at most {most:g}", value <= most)


def at_least(name: str, value: float, unit: str, least: float) -> Measured:
    return Measured(name, value, unit, None, f"at least {least:g}", value >= least)


def at_least_times(name: str, value: float, unit: str, floor: float, least: float) -> Measured:
    return Measured(name, value, unit, floor, f"at least {least:g} times", value >= least * floor)


def grows(name: str, value: float, unit: str, at_a_tenth: float) -> Measured:
    return at_most_times(f"{name}.growth", value, unit, at_a_tenth, GROWTH)


@dataclass
class Spent:
    """CPU seconds of this process, all its threads; and the seconds that passed."""

    cpu: float = 0.0
    wall: float = 0.0


@contextmanager
def spending() -> Iterator[Spent]:
    spent = Spent()
    cpu, wall = time.process_time(), time.perf_counter()
    try:
        yield spent
    finally:
        spent.cpu, spent.wall = time.process_time() - cpu, time.perf_counter() - wall


def microseconds(call: Callable[[], object], times: int) -> float:
    """Return µs of CPU for each call, of which the first is not counted: it connects."""
    call()
    with spending() as spent:
        for _ in range(times):
            call()
    return spent.cpu / times * 1e6


def peak_mib(process: int | str = "self") -> float:
    """Return the most memory that a process has held, in MiB."""
    status = Path(f"/proc/{process}/status")
    if status.exists():  # ru_maxrss counts what its parent held before it started, too
        held = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(held.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def resident_mib(process: int) -> float:
    """Return the memory that a process holds now, in MiB."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1024**2


def say(text: str) -> None:
    """Tell of progress; the results go to the standard output."""
    print(f"  {text}", file=sys.stderr, flush=True)
