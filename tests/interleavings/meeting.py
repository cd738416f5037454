"""A transaction held before a statement, on PostgreSQL, while another replica or a person does theirs."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import text

from app import Mailroom
from tests.databases import Databases
from tests.faults.play import Played, Plays
from tests.faults.scenarios import Scenario, Step
from tests.faults.sites import Site
from tests.faults.stage import Stage
from tests.flows.world import certificates_of
from tests.playground.aws import AwsPlayground

DUE_AFTER = 600.0  # seconds, in which looks, events and messages come to be due
_LOOK_EVERY = 0.02
_WAITING = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
_WRITES = re.compile(r'\b(?:INSERT INTO|UPDATE|DELETE FROM)\s+"?(\w+)', re.IGNORECASE)
_LOCKS = re.compile(r'\b(?:FROM|JOIN)\s+"?(\w+)', re.IGNORECASE)

Other = Callable[[Stage], Awaitable[None]]


def tables_of(statement: str) -> set[str]:
    """Return the tables whose rows a statement changes or locks."""
    found = {each.lower() for each in _WRITES.findall(statement)}
    if "FOR UPDATE" in statement.upper() or "FOR NO KEY UPDATE" in statement.upper():
        found |= {each.lower() for each in _LOCKS.findall(statement)}
    return found - {"set", "of"}


@dataclass(frozen=True, order=True)
class Hold:
    """Where a transaction is stopped: before the statement, or the commit, at this place, in this step."""

    transaction: Site
    site: Site
    step: int


@dataclass
class Recorded:
    """What a scenario's transactions do: where each may be held, and the tables that it writes or locks."""

    holds: dict[Hold, None] = field(default_factory=dict)
    tables: dict[Site, set[str]] = field(default_factory=dict)
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)


@dataclass
class Met:
    """What came of a play; `others` are the transactions that ran while the first was held, with their tables."""

    held: bool = False
    waited: bool = False  # for a row of the first
    others: dict[Site, set[str]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)


class Meetings(Plays):
    """Plays scenarios on PostgreSQL."""

    def __init__(self, databases: Databases, aws: AwsPlayground) -> None:
        super().__init__(databases, aws, "postgresql")

    async def watch(self, scenario: Scenario) -> Recorded:
        """Play it as it is, and note every writing transaction in its steps."""
        recorded = Recorded()
        number = 0

        def note(transaction: Site, site: Site, statement: str) -> None:
            recorded.holds.setdefault(Hold(transaction, site, number))
            recorded.tables.setdefault(transaction, set()).update(tables_of(statement))

        async with self._warm(scenario) as on:
            on.world.clock.advance(DUE_AFTER)
            on.seams.watch = note
            played = Played()
            for number, step in enumerate(scenario.steps):  # noqa: B007 - `note` reads it
                await step(on)
            on.seams.watch = None
            self._right[scenario.name] = await self._end(on, played)
            recorded.wrong = played.wrong
        return recorded

    async def meet(self, scenario: Scenario, hold: Hold, other: Other, *, same_end: bool) -> Met:
        """Hold it there while the other runs to its end, or until that waits for a row that the held one has."""
        met, played = Met(), Played()
        async with self._warm(scenario) as on:
            on.world.clock.advance(DUE_AFTER)
            for step in scenario.steps[: hold.step]:
                await step(on)
            meanwhile = _Meanwhile(on, hold, other, met)
            on.seams.watch = meanwhile.watch
            await self._go_on(on, scenario.steps[hold.step :], meanwhile, met)
            on.seams.watch = None
            digest = await self._end(on, played)
        right = self._right[scenario.name]
        met.wrong += played.wrong
        if same_end:
            met.wrong += [
                f"{name}: {digest[name]} instead of {right[name]}" for name in right if digest[name] != right[name]
            ]
        return met

    @staticmethod
    async def _go_on(on: Stage, steps: tuple[Step, ...], meanwhile: "_Meanwhile", met: Met) -> None:
        for step in steps:
            try:
                await step(on)
                await meanwhile.ends()
            except Exception as error:  # noqa: BLE001 - the other was there first: the books are what counts
                await meanwhile.ends()
                await on.passes(60)
                await on.closes_modals()
                try:
                    await step(on)
                except Exception as again:  # noqa: BLE001
                    met.wrong.append(f"{getattr(step, '__name__', '')}: {error!r}, and then {again!r}"[:500])


class _Meanwhile:
    def __init__(self, on: Stage, hold: Hold, other: Other, met: Met) -> None:
        self._on, self._hold, self._other, self._met = on, hold, other, met
        self._task: asyncio.Task[None] | None = None
        self._held = False

    def watch(self, transaction: Site, site: Site, statement: str) -> Awaitable[None] | None:
        if self._held:  # whoever comes now is another
            self._met.others.setdefault(transaction, set()).update(tables_of(statement))
            return None
        if self._met.held or (transaction, site) != (self._hold.transaction, self._hold.site):
            return None
        return self._let_the_other_go_first()

    async def ends(self) -> None:
        """Wait for the other, where it was stopped by the held one."""
        if self._task is not None:
            try:
                await self._task
            except Exception as error:  # noqa: BLE001 - whatever it is, it must not fail for having met somebody
                self._met.wrong.append(f"the other fails: {error!r}"[:300])
            self._task = None

    async def _let_the_other_go_first(self) -> None:
        self._met.held = self._held = True
        self._task = asyncio.create_task(_run(self._other(self._on)))
        while not self._task.done():
            await asyncio.wait({self._task}, timeout=_LOOK_EVERY)
            if not self._task.done() and await self._waits():
                self._met.waited = True
                break
        self._held = False

    async def _waits(self) -> bool:
        async with self._on.world.bot.db.read() as session:
            return bool((await (await session.connection()).execute(_WAITING)).scalar_one())


async def _run(work: Awaitable[None]) -> None:
    await work


async def another_replica(on: Stage) -> None:
    """Do everything that is due, as a second process on the same database would."""
    world = on.world
    options: dict[str, Any] = {"clock": world.clock, "sleep": world.clock.sleep, "event_wait": 0}
    replica = Mailroom(world.bot.settings, fetch=certificates_of(world.aws), **options)
    await replica.open()
    services = replica.services
    for ticking in (
        services.identity_recovery,
        replica.slack.channel_life,
        services.monitor,
        services.dispatcher,
        services.event_collector,
        services.periodic_jobs,
        services.webhook_delivery,
        services.erasures,
    ):
        await ticking.tick()
        await ticking.idle()
    await services.approval_follow_up.tick()
    await replica.slack.notifier.tick()
    await replica.housekeeping.rouse()
    await asyncio.to_thread(services.close)


def presses(name: str, *labels: str) -> Other:
    """Have another person press the first of these buttons that the message about the broadcast has."""

    async def other(on: Stage) -> None:
        bot, person = on.world.bot, getattr(on.world, name)
        busy = len(bot.tasks)
        if not on.has_read("Spring news"):
            return
        seen = await person.sees(on.world.news, "Spring news")
        label = next((each for each in labels if each in seen.buttons), None)
        if label is None:
            return
        await person.press(seen, label)
        while len(bot.tasks) > busy:  # noqa: ASYNC110 - it has no event for one of several tasks
            await asyncio.sleep(_LOOK_EVERY)

    return other


RIVALS: dict[str, Other] = {
    "undo": presses("ada", "Cancel broadcast", "Discard"),
    "cancel": presses("ada", "Undo", "Cancel broadcast"),
    "approval": presses("bob", "Withdraw"),
    "channel": presses("ada", "Cancel broadcast"),
}
"""What another person does in a scenario, besides everything that is due."""
