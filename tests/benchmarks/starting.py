"""How long a start takes on an empty database, beside a process that only imports the libraries; memory, idle."""

from __future__ import annotations

import ast
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.measure import Measured, at_most, at_most_times, resident_mib, say
from tests.playground.ports import free_port
from tests.playground.stage import ROOT, Bot

ROUNDS = 10
_UNTIL_IDLE = 2  # seconds, in which every tick has run
OURS = ("bot", "handlers", "storage")


async def start(scale: float) -> Sequence[Measured]:
    script = f"import {', '.join(sorted(_libraries()))}"
    starts, imports, resident = [], [], []
    for _ in range(max(2, int(ROUNDS * scale))):
        imports.append(_import(script))
        seconds, mib = await _start()
        starts.append(seconds)
        resident.append(mib)
    say(f"{min(starts):.2f} to {max(starts):.2f} s; the libraries alone {min(imports):.2f} to {max(imports):.2f} s")
    return [
        at_most_times("start", min(starts), "seconds until it is ready", min(imports), 1.2),
        at_most("start.memory", max(resident), "MiB resident, idle", 150),
    ]


def bot_environment(**settings: str) -> dict[str, str]:
    """Return what a bot in HTTP mode needs; what Slack there is, is for `settings` to say."""
    return {
        "PATH": os.environ["PATH"],
        "SLACK_BOT_TOKEN": "xoxb-1",
        "SLACK_SIGNING_SECRET": "8f742231b10e8888abcd99yyyzzz85a5",
        "SLACK_API_URL": "http://127.0.0.1:9/api/",
        "AWS_EC2_METADATA_DISABLED": "true",
        "PORT": str(free_port()),
        **settings,
    }


async def _start() -> tuple[float, float]:
    """Return the seconds until it is ready, and its memory after its ticks have run for a while."""
    with tempfile.TemporaryDirectory(prefix="mailroom-") as folder:
        database = f"sqlite+aiosqlite:///{folder}/mailroom.db"
        bot = Bot(bot_environment(DATABASE_URL=database), Path(folder) / "bot.log")
        began = time.perf_counter()
        await bot.start()
        seconds = time.perf_counter() - began
        await asyncio.sleep(_UNTIL_IDLE)
        mib = resident_mib(bot.pid)
        await bot.stop()
        return seconds, mib


def _import(script: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", script], check=True)  # noqa: S603 - ourselves
    return time.perf_counter() - began


def _libraries() -> set[str]:
    """Return every module that those of Mailroom import from elsewhere."""
    found: set[str] = set()
    for file in (ROOT / "app.py", *(file for folder in OURS for file in (ROOT / folder).rglob("*.py"))):
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.Import):
                found.update(each.name for each in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module)
    return {name for name in found if name.partition(".")[0] not in {*OURS, "__future__"}}
