"""`make play` as a process of its own: it starts, serves this machine's own pages only, and ends at Ctrl-C."""

import asyncio
import re
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture
async def play() -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.playground.play", "--port", "0", cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    yield process
    if process.returncode is None:
        process.send_signal(signal.SIGTERM)
        await process.communicate()


async def test_it_serves_the_page_to_nobody_else_and_ends_at_ctrl_c(play: asyncio.subprocess.Process) -> None:
    assert play.stdout
    url = ""
    while not url:
        line = (await play.stdout.readline()).decode()
        assert line, "it ended before it said where the page is"
        url = "".join(re.findall(r"http://127\.0\.0\.1:\d+/", line))
    async with aiohttp.ClientSession() as http:
        async with http.get(url) as page:
            assert "Ada (admin)" in await page.text()
            assert "script-src 'self'" in page.headers["Content-Security-Policy"]
        async with http.get(url, headers={"Host": "evil.example"}) as rebound:
            assert rebound.status == 403
        async with http.post(f"{url}aws/revoke", headers={"Origin": "https://evil.example"}) as foreign:
            assert foreign.status == 403
        async with http.get(f"{url}people.csv?size=2") as audience:
            assert (await audience.text()).splitlines()[2] == "person2@elsewhere.test,Person 2"
    play.send_signal(signal.SIGINT)
    said, _ = await play.communicate()
    assert said.decode().endswith("\nended\n")
    assert play.returncode == 0
