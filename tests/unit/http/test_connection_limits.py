"""Slow clients: whoever keeps the listener waiting is closed, and keeps nobody else out."""

import asyncio
import resource
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from handlers.http import connection_limits as limits
from handlers.http.connection_limits import HttpConnections
from tests.databases import Clock

Client = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Connect = Callable[[str], Awaitable[Client]]

GET, HALF_A_HEADER = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"GET / HTTP/1.1\r\nHost: "
HALF_A_BODY = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab"


@pytest.fixture
def handled() -> asyncio.Event:
    """Set: what is handled may end."""
    event = asyncio.Event()
    event.set()
    return event


@asynccontextmanager
async def serving(connections: HttpConnections, handled: asyncio.Event) -> AsyncIterator[Connect]:
    async def handle(request: web.Request) -> web.Response:
        await request.read()
        await handled.wait()
        return web.Response(text="here")

    app = web.Application(middlewares=[connections.middleware])
    app.router.add_route("*", "/", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    listening = await connections.listen(runner, "127.0.0.1", 0)
    writers = []

    async def connect(address: str = "127.0.0.1") -> Client:
        port = listening.sockets[0].getsockname()[1]
        client = await asyncio.open_connection("127.0.0.1", port, local_addr=(address, 0))
        writers.append(client[1])
        return client

    yield connect
    for writer in writers:
        writer.transport.abort()
    listening.close()
    await runner.cleanup()


def seconds_of(clock: Clock) -> Callable[[], float]:
    return lambda: clock().timestamp()


async def said(client: Client, sent: bytes) -> bytes:
    """Send it, and return the first line of the answer; nothing where there is none, since it was closed."""
    client[1].write(sent)
    try:
        line = await client[0].readline()
        while line and (await client[0].readline()).strip():
            pass
        return line and line + await client[0].readexactly(4)
    except ConnectionError:
        return b""


async def is_closed(client: Client) -> bool:
    try:
        async with asyncio.timeout(5):
            return await client[0].read(1) == b""
    except TimeoutError:
        return False
    except ConnectionError:
        return True


async def has_come(connections: HttpConnections, is_it: Callable[[limits._Connection], bool], times: int = 1) -> None:
    """Wait until the server knows of so many such connections."""
    while sum(map(is_it, connections._open)) < times:  # noqa: ASYNC110 - only the server knows what has come
        await asyncio.sleep(0)


@pytest.mark.parametrize(("sent", "seconds"), [(b"", 10), (HALF_A_HEADER, 10), (HALF_A_BODY, 30)])
async def test_whoever_sends_no_whole_request_is_closed_however_much_it_goes_on_sending(
    clock: Clock, handled: asyncio.Event, sent: bytes, seconds: float
) -> None:
    connections = HttpConnections(monotonic=seconds_of(clock))
    async with serving(connections, handled) as connect:
        slow = await connect("127.0.0.1")
        slow[1].write(sent)
        await has_come(connections, lambda one: (one.request is not None) is (sent is HALF_A_BODY))
        for _ in range(int(seconds) - 1):
            clock.advance(1)
            if sent is HALF_A_HEADER:
                slow[1].write(b"x")
            await connections.tick()
            assert len(connections._open) == 1

        clock.advance(1)
        await connections.tick()

        assert await is_closed(slow)


async def test_a_connection_waits_for_its_next_request_longer_than_a_proxy_keeps_it(
    clock: Clock, handled: asyncio.Event
) -> None:
    connections = HttpConnections(monotonic=seconds_of(clock))
    async with serving(connections, handled) as connect:
        client = await connect("127.0.0.1")
        for _ in range(2):
            assert await said(client, GET) == b"HTTP/1.1 200 OK\r\nhere"
            clock.advance(129)
            await connections.tick()

        client[1].write(HALF_A_HEADER)
        await has_come(connections, lambda one: not one.is_idle)
        clock.advance(10)
        await connections.tick()

        assert await is_closed(client)


async def test_no_connection_is_kept_after_its_answer_once_we_stop(clock: Clock, handled: asyncio.Event) -> None:
    connections = HttpConnections(monotonic=seconds_of(clock))
    async with serving(connections, handled) as connect:
        client = await connect("127.0.0.1")
        assert await said(client, GET) == b"HTTP/1.1 200 OK\r\nhere"

        connections.draining = True

        assert await said(client, GET) == b"HTTP/1.1 200 OK\r\nhere"
        assert await is_closed(client)
        assert await said(await connect("127.0.0.1"), GET) == b"HTTP/1.1 200 OK\r\nhere"


async def test_what_we_are_slow_with_ourselves_is_not_closed(clock: Clock, handled: asyncio.Event) -> None:
    connections = HttpConnections(monotonic=seconds_of(clock), in_all=2)
    handled.clear()
    async with serving(connections, handled) as connect:
        client = await connect("127.0.0.1")
        client[1].write(HALF_A_BODY + b"cd")
        await has_come(connections, lambda one: not one.waits)
        clock.advance(3600)
        await connections.tick()
        refused = await connect("127.0.0.1")

        assert await is_closed(refused)
        handled.set()
        assert await said(client, b"") == b"HTTP/1.1 200 OK\r\nhere"


async def test_of_too_many_from_one_address_the_one_that_has_waited_longest_gives_way(
    clock: Clock, handled: asyncio.Event
) -> None:
    connections = HttpConnections(in_all=6, monotonic=seconds_of(clock))
    async with serving(connections, handled) as connect:
        other = await connect("127.0.0.2")
        slow = [await connect("127.0.0.1") for _ in range(3)]
        await has_come(connections, lambda one: one.waits, 4)
        assert await said(slow[0], GET) == b"HTTP/1.1 200 OK\r\nhere"  # it begins to wait anew

        another = await connect("127.0.0.1")

        assert await is_closed(slow[1])
        for client in (slow[0], slow[2], another, other):
            assert await said(client, GET) == b"HTTP/1.1 200 OK\r\nhere"


@pytest.mark.parametrize("proxied", [False, True])
async def test_six_hundred_slow_connections_keep_nobody_out_and_are_all_closed(
    clock: Clock, handled: asyncio.Event, proxied: bool
) -> None:
    connections = HttpConnections(proxied=proxied, in_all=150, monotonic=seconds_of(clock))
    async with serving(connections, handled) as connect:
        slow = [await connect("127.0.0.1") for _ in range(600)]
        for client in slow:
            client[1].write(HALF_A_HEADER)
        assert len(connections._open) <= 150

        assert await said(await connect("127.0.0.1"), GET) == b"HTTP/1.1 200 OK\r\nhere"
        assert await said(await connect("127.0.0.2"), GET) == b"HTTP/1.1 200 OK\r\nhere"
        clock.advance(10)
        await connections.tick()

        assert all([await is_closed(client) for client in slow])
        assert len(connections._of_network) == len({one.network for one in connections._open})


@pytest.mark.parametrize(("soft", "most"), [(400, 100), (1024, 256), (1_000_000, 1000), (resource.RLIM_INFINITY, 1000)])
def test_connections_take_a_part_of_the_files_that_may_be_open(
    monkeypatch: pytest.MonkeyPatch, soft: int, most: int
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _what: (soft, soft))

    assert limits.most_connections() == most
