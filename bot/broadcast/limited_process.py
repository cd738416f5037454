"""Parsers of what strangers made run in processes of their own: with limits, and without our environment."""

import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any, BinaryIO, Final

SECONDS: Final = 20
CPU_SECONDS: Final = 10
FILE_CPU_SECONDS: Final = 60  # where a whole file is read: a sheet of a million rows takes 20
MEMORY_BYTES: Final = 1_000_000_000  # of address space
_ROOT: Final = Path(__file__).parents[2]


class CrashedError(Exception):
    """The program ended otherwise than well, or not in time."""


def run(module: str, data: bytes, *arguments: str) -> dict[str, Any]:
    """Give data, and arguments, to a module that is a program, and return the JSON that it writes.

    Raises:
        CrashedError: what crashes it costs nobody else anything.
    """
    return _run([module, *arguments], SECONDS, input=data)


def run_on_file(module: str, source: BinaryIO, target: BinaryIO) -> dict[str, Any]:
    """Give a program a file as standard input, and the number of one to write to; return the JSON that it writes.

    Raises:
        CrashedError: what crashes it costs nobody else anything.
    """
    number = target.fileno()
    return _run([module, str(number)], 2 * FILE_CPU_SECONDS, stdin=source, pass_fds=[number])


def _run(arguments: list[str], seconds: float, **files: Any) -> dict[str, Any]:
    command = [sys.executable, "-m", *arguments]
    try:
        ran = subprocess.run(command, capture_output=True, timeout=seconds, cwd=_ROOT, env={}, check=True, **files)  # noqa: S603
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        raise CrashedError from None
    made: dict[str, Any] = json.loads(ran.stdout)
    return made


def limit_process(cpu_seconds: int = CPU_SECONDS) -> None:
    """What such a program does first."""
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
