"""Fetching a certificate: what stands there, and nothing else."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import web

from handlers.http.sns import MAX_CERTIFICATE, fetch_certificate


async def good(_request: web.Request) -> web.Response:
    return web.Response(body=b"certificate")


async def in_pieces(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    for piece in (b"cert", b"ifi", b"cate"):
        await response.write(piece)
    return response


async def elsewhere(_request: web.Request) -> web.Response:
    raise web.HTTPFound("/good")


async def missing(_request: web.Request) -> web.Response:
    raise web.HTTPNotFound


async def endless(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b"x" * MAX_CERTIFICATE)


@pytest.fixture
async def host() -> AsyncIterator[str]:
    app = web.Application()
    handlers: tuple[Callable[[web.Request], Awaitable[web.StreamResponse]], ...]
    handlers = (good, in_pieces, elsewhere, missing, endless)
    app.add_routes([web.get(f"/{handler.__name__}", handler) for handler in handlers])
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.mark.parametrize("path", ["good", "in_pieces"])
async def test_a_certificate_is_read_to_its_end(host: str, path: str) -> None:
    assert await fetch_certificate(f"{host}/{path}") == b"certificate"


@pytest.mark.parametrize("path", ["elsewhere", "missing", "endless"])
async def test_a_redirect_an_error_and_an_endless_answer_are_none(host: str, path: str) -> None:
    with pytest.raises(OSError):
        await fetch_certificate(f"{host}/{path}")


async def test_a_host_that_is_away_is_an_os_error() -> None:
    with pytest.raises(OSError):
        await fetch_certificate("http://127.0.0.1:9/x")
