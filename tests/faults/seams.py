"""Where faults are let in: one seam a medium, below everything of Mailroom's, which knows from the stack who waits.

The database fails in SQLAlchemy's dialect, AWS at botocore's transport or in the playground, Slack and other hosts at
aiohttp's client or in the playground, name servers in dnspython.
"""

import asyncio
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from types import FrameType
from typing import Any, cast
from unittest.mock import patch
from weakref import WeakKeyDictionary

import aiohttp
import dns.asyncresolver
import dns.resolver
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError
from botocore.httpsession import URLLib3Session
from greenlet import getcurrent  # type: ignore[import-untyped]
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.util import await_only
from yarl import URL

from bot.ses.client import SesClients
from storage.database import Database
from tests.faults.sites import FLOORS, GATEWAYS, ROOT, Medium, Site, every_site, every_transaction
from tests.flows.world import World
from tests.playground.slack.faults import Fault as SlackFault
from tests.playground.slack.faults import Kind as SlackKind

STALL = 120.0  # seconds that go by in a hang, which is longer than every lease of what is under way
CALLS = 4  # that fail one after the other: more than whatever is repeated at once is


class How(StrEnum):
    ERROR = "error"
    HANG = "hang"
    """Of the database: it goes on after a while. Of the others: no answer, and nothing was done."""
    LOST_REPLY = "lost reply"
    """It was done, and nobody is told."""


@dataclass
class Plan:
    """What befalls the first waits at a site; `met` counts them."""

    site: Site
    how: How
    met: int = 0

    def befalls(self, site: Site | None) -> bool:
        """Whether a wait there fails; a database that is gone is so for whoever waits for it next, too."""
        away = self.met and self.how is How.ERROR and self.site.medium is Medium.DATABASE
        return site == self.site or bool(away and site and site.medium is Medium.DATABASE)

    @property
    def times(self) -> int:
        return CALLS if self.how is How.ERROR else 1


Watch = Callable[[Site, Site, str], Awaitable[None] | None]
"""Is told of each statement of a writing transaction, by transaction, place and SQL, before it is sent; it may wait."""


@dataclass
class Seams:
    """Args: `world` has the clock that goes on in a hang, and the playgrounds."""

    world: World
    plan: Plan | None = None
    watch: Watch | None = None
    reached: dict[Site, None] = field(default_factory=dict)  # in order
    unknown: dict[str, None] = field(default_factory=dict)  # waits that the walk over the code does not know
    _came_from: "WeakKeyDictionary[asyncio.Task[Any], list[_Place]]" = field(default_factory=WeakKeyDictionary)

    def meet(self, media: tuple[Medium, ...]) -> How | None:
        """Return what is to happen to the wait that the caller's stack is in."""
        return self.befall(self.waiting(media))

    def waiting(self, media: tuple[Medium, ...]) -> Site | None:
        places = [*self._places()]
        found = [site for place in places for medium in media if (site := _known(medium, *place))]
        site = next((each for each in found if not each.passes_on), next(iter(found), None))
        if site:
            self.reached.setdefault(site)
        elif places:
            self.unknown.setdefault(f"{'/'.join(media)}: {places[0][0]}:{places[0][1]}")
        return site

    def watched(self, statement: str) -> None:
        """Tell `watch` of a statement that is about to be sent, from within SQLAlchemy."""
        if self.watch is None:
            return
        places = [*self._places()]
        transaction = next((found for place in places if (found := _transaction(*place))), None)
        site = next((found for place in places if (found := _known(Medium.DATABASE, *place))), None)
        if transaction and site and (waits := self.watch(transaction, site, statement)):
            await_only(waits)

    def befall(self, site: Site | None) -> How | None:
        plan = self.plan
        if plan is None or plan.met >= plan.times or not plan.befalls(site):
            return None
        plan.met += 1
        if plan.how is How.HANG:
            self.world.clock.advance(STALL)
        return plan.how

    def task(self, loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any], **options: Any) -> Any:
        """Make a task that knows where it was started, as a stack does not."""
        made = asyncio.Task(work, loop=loop, **options)
        self._came_from[made] = [*self._places()]
        return made

    def _places(self) -> "Iterator[_Place]":
        """Walk out of Mailroom's own frames, from the innermost, through greenlets and tasks."""
        for frame in _frames():
            file = frame.f_code.co_filename
            if file.startswith(_PREFIXES) and (short := file[len(_ROOT) :]) not in GATEWAYS:
                yield short, frame.f_lineno
        try:
            task = asyncio.current_task()
        except RuntimeError:
            return
        if task is not None:
            yield from self._came_from.get(task, ())


_Place = tuple[str, int]
_ROOT = f"{ROOT}/"
_PREFIXES = tuple(f"{_ROOT}{floor}/" for floor in FLOORS)
_thread = threading.local()


@asynccontextmanager
async def seams(world: World) -> AsyncIterator[Seams]:
    """Have every wait of this world's bot pass through."""
    made = Seams(world)
    loop = asyncio.get_running_loop()
    loop.set_task_factory(cast("Any", made.task))
    with ExitStack() as stack:
        for change in (_database(made), _bulk(made), _aws(made), _http(made), _dns(made)):
            for each in change:
                stack.enter_context(each)
        yield made
    loop.set_task_factory(None)


def _frames() -> Iterator[FrameType]:
    frame: FrameType | None = sys._getframe(1)
    greenlet = getcurrent()
    while frame is not None:
        yield frame
        frame = frame.f_back
        while frame is None and (greenlet := greenlet.parent) is not None:
            frame = greenlet.gr_frame


@cache
def _index() -> dict[tuple[Medium, str], list[Site]]:
    index: dict[tuple[Medium, str], list[Site]] = {}
    for site in sorted(every_site(), key=lambda each: each.end - each.line):
        index.setdefault((site.medium, site.file), []).append(site)
    return index


@cache
def _known(medium: Medium, file: str, line: int) -> Site | None:
    return next((site for site in _index().get((medium, file), ()) if site.line <= line <= site.end), None)


@cache
def _transaction(file: str, line: int) -> Site | None:
    return next((each for each in every_transaction() if each.file == file and each.line <= line <= each.end), None)


def _database(seams: Seams) -> Iterator[Any]:
    def waits(name: str) -> Callable[..., Any]:
        original = getattr(DefaultDialect, name)

        def wait(dialect: Any, *arguments: Any, **options: Any) -> Any:
            seams.watched("COMMIT" if name == "do_commit" else str(arguments[1]))
            in_bulk = hasattr(_thread, "database")
            how = seams.befall(_thread.database) if in_bulk else seams.meet((Medium.DATABASE,))
            if how is How.ERROR:
                raise dialect.loaded_dbapi.OperationalError("the database is gone")
            done = original(dialect, *arguments, **options)
            if how is How.LOST_REPLY:
                raise dialect.loaded_dbapi.OperationalError("the connection is gone")
            return done

        return wait

    for name in ("do_execute", "do_executemany", "do_commit"):
        yield patch.object(DefaultDialect, name, waits(name))


def _bulk(seams: Seams) -> Iterator[Any]:
    """Have the thread of `Database.run` know who waits for it."""
    original = Database.run

    async def run(db: Database, work: Callable[[Any], Any]) -> Any:
        site = seams.waiting((Medium.DATABASE,))

        def known(connection: Any) -> Any:
            _thread.database = site
            return work(connection)

        if db.dialect == "sqlite":
            return await original(db, known)
        return await original(db, work)

    yield patch.object(Database, "run", run)


def _aws(seams: Seams) -> Iterator[Any]:
    run, send = SesClients.run, URLLib3Session.send

    async def keyed(clients: SesClients, work: Callable[[], Any]) -> Any:
        site = seams.waiting((Medium.AWS,))

        def known() -> Any:
            _thread.aws = site
            return work()

        return await run(clients, known)

    def sends(session: Any, request: Any) -> Any:
        how = seams.befall(getattr(_thread, "aws", None))
        if how is How.ERROR:
            seams.world.aws.fail("*", "unavailable", times=1)
        elif how is How.HANG:
            raise ReadTimeoutError(endpoint_url=request.url)
        answer = send(session, request)
        if how is How.LOST_REPLY:
            raise ConnectionClosedError(endpoint_url=request.url)
        return answer

    yield patch.object(SesClients, "run", keyed)
    yield patch.object(URLLib3Session, "send", sends)


def _http(seams: Seams) -> Iterator[Any]:
    original = aiohttp.ClientSession._request

    async def request(session: aiohttp.ClientSession, method: str, url: Any, **options: Any) -> Any:
        how = seams.meet((Medium.SLACK, Medium.HTTP))
        slack = str(url).startswith(seams.world.slack.api_url)
        if how is How.ERROR and slack:
            seams.world.slack.faults.plan(URL(str(url)).name, SlackFault(SlackKind.ERROR, "internal_error"))
        elif how is How.ERROR:
            raise aiohttp.ClientOSError("the connection is refused")
        elif how is How.HANG:
            raise TimeoutError
        answer = await original(session, method, url, **options)
        if how is How.LOST_REPLY:
            answer.close()
            raise aiohttp.ServerDisconnectedError
        return answer

    yield patch.object(aiohttp.ClientSession, "_request", request)


def _dns(seams: Seams) -> Iterator[Any]:
    resolve, look_up = dns.asyncresolver.Resolver.resolve, aiohttp.ThreadedResolver.resolve

    async def resolves(resolver: Any, *arguments: Any, **options: Any) -> Any:
        how = seams.meet((Medium.DNS,))
        if how is How.ERROR:
            raise dns.resolver.NoNameservers
        found = None if how is How.HANG else await resolve(resolver, *arguments, **options)
        if how is not None:
            raise dns.resolver.LifetimeTimeout(timeout=5.0, errors=[])  # type: ignore[no-untyped-call]
        return found

    async def looks_up(resolver: Any, *arguments: Any, **options: Any) -> Any:
        how = seams.meet((Medium.DNS,))
        if how is How.HANG:
            raise TimeoutError
        found = None if how is How.ERROR else await look_up(resolver, *arguments, **options)
        if how is not None:
            raise OSError("no name server answers")
        return found

    yield patch.object(dns.asyncresolver.Resolver, "resolve", resolves)
    yield patch.object(aiohttp.ThreadedResolver, "resolve", looks_up)
