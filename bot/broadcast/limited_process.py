"""Parsers of what strangers made run in processes of their own: with limits, and without our environment."""

import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

SECONDS: Final = 20
CPU_SECONDS: Final = 10
MEMORY_BYTES: Final = 1_000_000_000  # of address space
_ROOT: Final = Path(__file__).parents[2]


class CrashedError(Exception):
    """The program ended otherwise than well, or not in time."""


def run(module: str, data: bytes, *arguments: str) -> dict[str, Any]:
    """Give data, and arguments, to a module that is a program, and return the JSON that it writes.

    Raises:
        CrashedError: what crashes it costs nobody else anything.
    """
    command = [sys.executable, "-m", module, *arguments]
    try:
        ran = subprocess.run(command, input=data, capture_output=True, timeout=SECONDS, cwd=_ROOT, env={}, check=True)  # noqa: S603
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        raise CrashedError from None
    made: dict[str, Any] = json.loads(ran.stdout)
    return made


def limit_process() -> None:
    """What such a program does first."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
