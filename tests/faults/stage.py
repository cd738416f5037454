"""The world in which faults are played: a warm bot, people, a program, a webhook, and all that they can read."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from bot.logs import OURS
from tests.databases import Clock
from tests.faults.seams import STALL, Seams, seams
from tests.flows.program import Got, Program
from tests.flows.world import World, open_world
from tests.playground.aws import AwsPlayground
from tests.playground.slack.driver import Person
from tests.playground.slack.surfaces import Modal
from tests.playground.slack.world import Channel
from tests.playground.webhooks import WebhookPlayground

PUBLIC_URL = "https://mail.example.net"
UNDO_SECONDS = int(STALL) * 10  # so that a hang does not take the time to undo
PATIENCE = 1.0  # seconds that people wait, while something fails, for what should be there


class Log(logging.Handler):
    """All that Mailroom logs at DEBUG, and others from WARNING on, with tracebacks: as an operator may have it."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.setFormatter(logging.Formatter("%(levelname)s %(name)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@dataclass
class Stage:
    """What the steps of a scenario are given.

    Attributes:
        answers: of the API, to the program.
        kept: what one step leaves to those after it.
    """

    world: World
    seams: Seams
    hooks: WebhookPlayground
    log: Log
    http: aiohttp.ClientSession
    answers: list[Got] = field(default_factory=list)
    kept: dict[str, Any] = field(default_factory=dict)
    secrets: set[str] = field(default_factory=set)
    closed: set[str] = field(default_factory=set)  # what stood in modals that were closed

    @property
    def people(self) -> tuple[Person, ...]:
        return self.world.ada, self.world.bob

    def reads(self) -> set[str]:
        """Everything that people and the program can read now."""
        world = self.world
        seen = {f"{got.status} {got.raw!r}" for got in self.answers} | self.closed
        for person in self.people:
            for channel in (world.news, person.dm):
                seen |= {*person.reads(channel)} if person.id in channel.members else set()
            seen |= {person.home_tab.text} if person.home_tab else set()
            views = world.slack.world.views.values()
            seen |= {Modal(person, view).text for view in views if view.user_id == person.id}
            seen |= {str(errors) for view in views if (errors := getattr(view, "errors", None))}
        return seen

    def has_read(self, text: str, channel: Channel | None = None) -> bool:
        return any(text in each for each in self.world.bob.reads(channel or self.world.news))

    async def asks(self, method: str, path: str, **options: Any) -> Got:
        program = Program(self.http, f"http://127.0.0.1:{self.world.bot.http.port}", self.kept.get("token"))
        got = await program.ask(method, path, **options)
        self.answers.append(got)
        return got

    async def settles(self) -> None:
        """Let all that is due now happen, whatever of it fails, as the scheduler does."""
        world, services = self.world, self.world.bot.services
        await world.settle()
        await services.webhook_delivery.tick()
        await services.webhook_delivery.idle()
        await services.approval_follow_up.tick()
        await services.erasures.tick()
        await services.erasures.idle()
        await world.bot.tasks.idle()
        await world.bot.slack.notifier.tick()

    async def passes(self, seconds: float) -> None:
        self.world.clock.advance(seconds)
        await self.settles()

    async def closes_modals(self) -> None:
        for person in self.people:
            while (top := person.top_modal) is not None:
                self.closed.add(top.text)
                await top.close()

    def heal(self) -> None:
        self.seams.plan = None
        self.world.aws.heal()
        self.world.slack.faults.clear()


@asynccontextmanager
async def open_stage(aws: AwsPlayground, database_url: str) -> AsyncIterator[Stage]:
    """Start the bot between playgrounds of its own; faults come later."""
    clock, log, root = Clock(), Log(), logging.getLogger()
    aws.reset()
    aws.clock = clock
    root.addHandler(log)
    levels = {name: logging.getLogger(name).level for name in OURS}
    for name in OURS:
        logging.getLogger(name).setLevel(logging.DEBUG)
    settings: dict[str, Any] = {
        "mailroom_webhook_networks": "127.0.0.0/8",
        "mailroom_undo_seconds": UNDO_SECONDS,
        "public_url": PUBLIC_URL,
    }
    try:
        async with (
            WebhookPlayground() as hooks,
            aiohttp.ClientSession() as http,
            open_world(aws, database_url, clock, **settings) as world,
            seams(world) as all_seams,
        ):
            stage = Stage(world, all_seams, hooks, log, http)
            _as_the_scheduler(world)
            yield stage
            stage.heal()
            await world.bot.tasks.idle()
    finally:
        root.removeHandler(log)
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


def _as_the_scheduler(world: World) -> None:
    """Have a tick that fails be logged, and nothing else, as `bot.scheduler` does."""
    bot, services = world.bot, world.bot.services
    for ticking in (
        services.identity_recovery,
        bot.slack.channel_life,
        services.monitor,
        services.dispatcher,
        services.event_collector,
        services.periodic_jobs,
        bot.slack.notifier,
        bot.slack.uploader,
        services.webhook_delivery,
        services.approval_follow_up,
        services.erasures,
    ):
        setattr(ticking, "tick", _logged(ticking.tick))  # noqa: B010 - mypy takes no method to be assigned to


def _logged(tick: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
    async def tried() -> None:
        try:
            await tick()
        except Exception:
            logging.getLogger("bot.scheduler").exception("the tick failed")

    return tried
