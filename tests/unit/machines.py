"""What the state machines of Hypothesis have in common: a clock, a database, and a loop for what is asynchronous."""

import asyncio
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from storage.database import Database
from tests.databases import Clock, Databases


class DatabaseMachine(RuleBasedStateMachine):
    """Rules that work on a database of their own, on SQLite."""

    databases: Databases
    loop: asyncio.AbstractEventLoop

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.url = self.run(self.databases.create("sqlite"))
        self.db = Database(self.url, clock=self.clock)
        self.run(self.db.start())

    def run(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    def teardown(self) -> None:
        self.run(self.db.stop())
        self.run(self.databases.drop(self.url))


def play(machine: type[DatabaseMachine], databases: Databases, *, examples: int, steps: int, **options: Any) -> None:
    """Play so many histories of so many steps, the same ones in every run. `options` are Hypothesis's settings."""
    machine.databases = databases
    how = settings(
        max_examples=examples,
        stateful_step_count=steps,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
        **options,
    )
    with asyncio.Runner() as runner:
        machine.loop = runner.get_loop()
        run_state_machine_as_test(machine, settings=how)
