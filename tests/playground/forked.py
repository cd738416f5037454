"""The bot as a process that starts fast enough to be killed again and again.

Each one is forked from a process that has imported everything and done nothing else. From there on it is `serve` of the
command line with settings of its own, and a kill is a kill -9.
"""

import asyncio
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from types import CoroutineType
from typing import Any

from app import Mailroom
from bot.logs import configure as configure_logs
from bot.settings import load
from handlers.cli.commands import serve
from tests.playground.clock import SharedClock
from tests.playground.stage import Bot

HOURLY = ("forget", "tokens", "behind")

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

    @property
    def pid(self) -> int:
        assert self._child is not None
        assert self._child.pid is not None
        return self._child.pid

    def is_an_hour_later(self) -> None:
        """Have it do now what it does once an hour by the machine's clock."""
        self._signal(signal.SIGUSR2)

    async def explain(self) -> None:
        self._signal(signal.SIGUSR1)
        await asyncio.sleep(2)  # another process writes it

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
    asyncio.run(_serve(lambda: Mailroom(settings, clock=clock)))


async def _serve(build: Callable[[], Mailroom]) -> None:
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, _print_tasks)

    def built() -> Mailroom:
        bot = build()
        loop.add_signal_handler(signal.SIGUSR2, lambda: list(map(bot.scheduler.wake, HOURLY)))
        return bot

    await serve(built)


def _print_tasks() -> None:
    """Write into the log what every task waits for."""
    tasks = asyncio.all_tasks()
    print(f"{len(tasks)} tasks", flush=True)
    for task in tasks:
        print(task.get_name(), *_frames(task.get_coro()), sep="\n    ", flush=True)


def _frames(waiting: Any) -> Iterator[str]:
    while isinstance(waiting, CoroutineType) and waiting.cr_frame:
        yield f"{waiting.cr_frame.f_code.co_filename}:{waiting.cr_frame.f_lineno} {waiting.__qualname__}"
        waiting = waiting.cr_await
