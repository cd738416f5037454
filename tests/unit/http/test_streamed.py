"""A file that cannot be sent to its end is cut off where whoever reads it notices."""

from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from handlers.http.api.files.streamed import StreamedFile


async def parts(*, whole: bool) -> AsyncIterator[bytes]:
    yield b"email\n"
    yield b"ann@x.test\n"
    if not whole:
        raise RuntimeError("it was deleted")


@pytest.mark.parametrize("whole", [True, False])
async def test_what_is_not_whole_does_not_look_as_if_it_were(whole: bool) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return await StreamedFile({"Content-Type": "text/csv"}, parts(whole=whole)).sent(request)

    app = web.Application()
    app.router.add_get("/", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        async with aiohttp.ClientSession() as session, session.get(site.name) as got:
            if whole:
                assert await got.read() == b"email\nann@x.test\n"
                return
            with pytest.raises(aiohttp.ClientPayloadError):
                await got.read()
    finally:
        await runner.cleanup()
