"""The bot as a process that starts fast enough to be killed again and again.

Each one is forked from a process that has imported everything and done nothing else. From there on it is `serve` of the
command line with settings of its own, and a kill is a kill -9.
"""

import asyncio
import multiprocessing
import os
import signal
import sys
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from app import Mailroom
from bot.logs import configure as configure_logs
from bot.settings import load
from handlers.cli.commands import serve
from tests.playground.clock import SharedClock
from tests.playground.stage import Bot

_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload([__name__])


class ForkedBot(Bot):
    """Where CHAOS_CLOCK names a file, its clock is that one."""

    _child: ForkServerProcess | None = None

    async def launch(self) -> None:
        self._child = _forks.Process(target=_run, args=(self.environment, self.log_file))
        self._child.start()

    @property
    def is_alive(self) -> bool:
        return self._child is not None and self._child.is_alive()

    def _signal(self, how: signal.Signals) -> None:
        if self._child and self._child.pid and self.is_alive:
            os.kill(self._child.pid, how)

    async def _wait(self) -> None:
        if self._child:
            await asyncio.to_thread(self._child.join)


def _run(environment: dict[str, str], log: Path) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(log.parent)  # where there is no .env
    with log.open("ab") as written:
        os.dup2(written.fileno(), sys.stdout.fileno())
        os.dup2(written.fileno(), sys.stderr.fileno())
    settings = load()
    configure_logs(settings.log_level, settings.log_format)
    shared = environment.get("CHAOS_CLOCK")
    clock = SharedClock(Path(shared)) if shared else None
    asyncio.run(serve(lambda: Mailroom(settings, clock=clock)))
