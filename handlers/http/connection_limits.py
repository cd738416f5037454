"""The connections to the HTTP listener: how many there may be, and how long each of them may keep us waiting.

All of it stands below the routes, so that none is forgotten. A connection costs a file descriptor, of which a process
has few: one that sends its request a byte at a time, or none at all, must not keep others out.
"""

import asyncio
import logging
import resource
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import cast

from aiohttp import web

from handlers.http.api.codes import ProblemCode
from handlers.http.api.problems import HEADERS, IncompleteBodyError, Refusal
from handlers.http.api.rate_limit import network_of

log = logging.getLogger(__name__)

_MOST = 1_000
_OF_DESCRIPTORS = 4  # one part in so many of what the process may open; the database, AWS and Slack need theirs


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds. A connection between two requests is kept for longer than the usual proxies keep it (Caddy: 120)."""

    headers: float = 10
    body: float = 30
    idle: float = 130


class HttpConnections:
    """Where one too many is opened, the one that has kept us waiting for longest gives way, else the new one.

    Args:
        proxied: all come from a proxy of ours; else one IPv4 address, or IPv6 network, may have half of them.
        in_all: how many there may be; None: what the limit of open files allows.
    """

    def __init__(
        self,
        *,
        proxied: bool = False,
        in_all: int | None = None,
        deadlines: Deadlines = Deadlines(),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.deadlines = deadlines
        self._in_all = in_all or most_connections()
        self._per_network = self._in_all if proxied else self._in_all // 2
        self._monotonic = monotonic
        self.draining = False  # no connection is kept after its answer, so that the next request goes elsewhere
        self._open: dict[_Connection, None] = {}  # in the order in which they began to do what they are doing
        self._of_network: dict[str, dict[_Connection, None]] = {}

    async def listen(self, runner: web.BaseRunner, host: str, port: int) -> asyncio.Server:
        """Take connections for a runner that is set up. Raises OSError where the port cannot be had."""
        server, loop = cast("web.Server", runner.server), asyncio.get_running_loop()
        return await loop.create_server(lambda: _Connection(self, server, loop), host, port)

    async def tick(self) -> None:
        """Close what has kept us waiting for too long."""
        now = self._monotonic()
        for connection in [one for one in self._open if one.waits and now >= one.until]:
            connection.abort()

    @web.middleware
    async def middleware(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Tell when the headers of a request are there, and when it has been dealt with. It comes before all others."""
        connection = request.protocol
        if not isinstance(connection, _Connection):
            return await handler(request)
        connection.request = request
        self.turns(connection, self.deadlines.body)
        if connection.has_ended:
            connection.end_body(request)
        try:
            response = await handler(request)
        except OSError:
            if request.transport is not None:
                raise
            return web.Response(status=408)  # the client has gone or was closed
        else:
            if connection.has_ended or self.draining:
                response.force_close()
            return response
        finally:
            connection.request = None
            connection.is_idle = True
            self.turns(connection, self.deadlines.idle)

    def opened(self, connection: "_Connection") -> None:
        """Count a new one; where there are too many already, one is closed."""
        connection.until = self._monotonic() + self.deadlines.headers
        of_network = self._of_network.get(connection.network, {})
        for group, limit in ((of_network, self._per_network), (self._open, self._in_all)):
            if len(group) >= limit and (waiting := next((one for one in group if one.waits), None)):
                waiting.abort()
            elif len(group) >= limit:
                return connection.abort()
        self._open[connection] = self._of_network.setdefault(connection.network, {})[connection] = None
        return None

    def turns(self, connection: "_Connection", seconds: float) -> None:
        """Give a connection so long for what comes next."""
        connection.until = self._monotonic() + seconds
        if connection in self._open:
            for group in (self._open, self._of_network[connection.network]):
                del group[connection]
                group[connection] = None

    def closed(self, connection: "_Connection") -> None:
        if connection in self._open:
            of_network = self._of_network[connection.network]
            del self._open[connection], of_network[connection]
            if not of_network:
                del self._of_network[connection.network]


class _Connection(web.RequestHandler):
    """Knows what it waits for: headers, a body, the next request; or nothing, since it is our turn."""

    __slots__ = ("_all", "_transport", "has_ended", "is_idle", "network", "request", "until")

    def __init__(self, connections: HttpConnections, server: web.Server, loop: asyncio.AbstractEventLoop) -> None:
        # A small body must not become a large one: who takes compressed ones unpacks them, and counts. No log is None.
        super().__init__(server, loop=loop, access_log=None, auto_decompress=False)  # type: ignore[arg-type]
        self._all = connections
        self._transport: asyncio.Transport | None = None
        self.network = ""
        self.request: web.Request | None = None
        self.until = 0.0
        self.is_idle = False
        self.has_ended = False  # nothing more is sent to us

    @property
    def waits(self) -> bool:
        return self.request is None or not self.request.content.is_eof()

    def abort(self) -> None:
        """Close it at once, whatever is still to be written; the server knows of it when this is done."""
        self._all.closed(self)
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._transport = cast("asyncio.Transport", transport)
        self.network = network_of(str((transport.get_extra_info("peername") or [""])[0]))
        self._all.opened(self)

    def data_received(self, data: bytes) -> None:
        if self.is_idle:
            self.is_idle = False
            self._all.turns(self, self._all.deadlines.headers)
        super().data_received(data)

    def eof_received(self) -> bool:  # type: ignore[override]  # asyncio's own signature, of which aiohttp has a part
        """Answer what was asked, where who has ended it still reads; a body that is cut off, too."""
        self.has_ended = True
        if self.request is not None:
            self.end_body(self.request)
        return self._waiter is None or self._waiter.done()  # else it waits for a request

    def goes_on(self) -> None:
        self._all.turns(self, self._all.deadlines.body)

    def end_body(self, request: web.Request) -> None:
        """Have whoever reads the body learn that no more of it comes."""
        if not request.content.is_eof():
            self._lingering_time = 0.0
            request.content.set_exception(IncompleteBodyError())

    def connection_lost(self, exc: BaseException | None) -> None:
        self._all.closed(self)
        super().connection_lost(exc)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what cannot be read as HTTP, and never with what was sent: the log would have a token in it too."""
        if status != 400:
            return super().handle_error(request, status, exc, message)
        log.info("a request that is not HTTP was refused: %s", type(exc).__name__)
        answer = Refusal(400, ProblemCode.BAD_REQUEST, "This cannot be read as HTTP.", headers=HEADERS).response()
        answer.force_close()
        return answer


def give_more_time(request: web.Request) -> None:
    """Let the rest of a long body take as long as a whole one, since so far it comes."""
    if isinstance(request.protocol, _Connection):
        request.protocol.goes_on()


def most_connections() -> int:
    """Return how many leave enough of the files that this process may open at once."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MOST if soft == resource.RLIM_INFINITY else min(_MOST, soft // _OF_DESCRIPTORS)
