"""Where the bot's token goes with a file, whose files it fetches, and how much it takes."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from slack_sdk.web.async_client import AsyncWebClient

from bot.errors import BotError
from handlers.slack import file_transfer as module
from handlers.slack.file_transfer import AUDIENCE, HTML, FileField, Files

ANN, BOB, NEWS, VAULT = "U1", "U2", "C1", "G2"
TOKEN = "xoxb-1-canary"
CSV = b"email\nann@example.com\n"

Handler = Callable[[web.Request], Any]


class Host:
    """A Slack that says of every file what a test wants, and notes who asks it for what."""

    def __init__(self) -> None:
        self.file: dict[str, Any] = {"user": ANN, "size": len(CSV), "channels": [NEWS]}
        self.error = ""
        self.asked: list[str] = []
        self.tokens: list[str] = []
        self.url = ""
        self.download: Handler = lambda _: web.Response(body=CSV, content_type="application/octet-stream")

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        if request.path == "/api/files.info":
            if self.error:
                return web.json_response({"ok": False, "error": self.error})
            return web.json_response(
                {"ok": True, "file": {"id": "F1", "url_private_download": f"{self.url}/file", **self.file}}
            )
        self.tokens.append(request.headers.get("Authorization", ""))
        answer = self.download(request)
        return answer if isinstance(answer, web.StreamResponse) else await answer


@asynccontextmanager
async def serving(host: Host) -> AsyncIterator[Host]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", host.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield host
    await runner.cleanup()


@pytest.fixture
async def host() -> AsyncIterator[Host]:
    async with serving(Host()) as here:
        yield here


async def fetched(host: Host, *, by: str = ANN, channel: str = "", field: FileField = AUDIENCE) -> bytes:
    files = Files(f"{host.url}/api/")
    client = AsyncWebClient(token=TOKEN, base_url=f"{host.url}/api/")
    file = await (files.shared(client, "F1", channel) if channel else files.uploaded(client, "F1", by, field))
    with file.content as content:
        return content.read()


async def refused(host: Host, code: str = "FILE_UNREADABLE", **of: Any) -> BotError:
    with pytest.raises(BotError) as caught:
        await fetched(host, **of)
    assert (caught.value.code, caught.value.field) == (code, of.get("field", AUDIENCE).name)
    return caught.value


async def test_a_file_is_read_by_whoever_uploaded_it(host: Host) -> None:
    assert await fetched(host) == CSV
    assert host.tokens == [f"Bearer {TOKEN}"]


async def test_a_file_that_somebody_else_uploaded_is_as_one_that_is_gone(host: Host) -> None:
    another = await refused(host, by=BOB)
    assert host.asked == ["/api/files.info"]
    host.error = "file_not_found"
    assert (await refused(host, by=BOB)).text == another.text


@pytest.mark.parametrize(
    "shared",
    [
        {"channels": [NEWS], "groups": [VAULT]},
        {"groups": [NEWS]},
        {"shares": {"public": {"C9": []}, "private": {NEWS: [{"ts": "1.0"}]}}},
    ],
)
async def test_a_file_of_a_message_is_read_in_the_channel_where_it_is_shared(
    host: Host, shared: dict[str, Any]
) -> None:
    host.file = {"user": BOB, "size": len(CSV), **shared}
    assert await fetched(host, channel=NEWS) == CSV


@pytest.mark.parametrize("shared", [{"groups": [VAULT]}, {"ims": [NEWS]}, {"shares": {}}, {"channels": None}, {}])
async def test_a_file_that_only_the_bot_sees_elsewhere_is_not_read(host: Host, shared: dict[str, Any]) -> None:
    host.file = {"user": ANN, "size": len(CSV), **shared}
    assert "not shared in this channel" in (await refused(host, channel=NEWS)).text
    assert host.asked == ["/api/files.info"]


@pytest.mark.parametrize(
    ("file", "read"),
    [
        ({"user": ANN, "channels": [VAULT]}, True),
        ({"user": BOB, "channels": [NEWS]}, True),
        ({"user": BOB, "groups": [VAULT]}, False),
        ({"user": BOB}, False),
    ],
)
async def test_a_file_is_read_again_as_it_was_come_by(host: Host, file: dict[str, Any], read: bool) -> None:
    host.file = {"size": len(CSV), **file}
    files = Files(f"{host.url}/api/")
    client = AsyncWebClient(token=TOKEN, base_url=f"{host.url}/api/")
    if read:
        with (await files.again(client, "F1", ANN, NEWS)).content as content:
            assert content.read() == CSV
    else:
        with pytest.raises(BotError, match="FILE_UNREADABLE"):
            await files.again(client, "F1", ANN, NEWS)
        assert host.tokens == []


@pytest.mark.parametrize("spoofed", ["{other}/file", "https://files.slack.com/file", "//127.0.0.1/file", "/file", ""])
async def test_the_token_goes_to_no_other_host(host: Host, spoofed: str) -> None:
    async with serving(Host()) as other:
        host.file["url_private_download"] = spoofed.format(other=other.url)
        await refused(host)
        assert (other.asked, host.tokens) == ([], [])


async def test_slacks_own_file_host_is_the_only_one_beside_slacks_own_api(host: Host) -> None:
    files = Files("https://slack.com/api/")
    assert files._origin == ("https", "files.slack.com")
    client = AsyncWebClient(token=TOKEN, base_url=f"{host.url}/api/")
    for address in (f"{host.url}/file", "http://files.slack.com/file", "https://files.slack.com.evil.test/file"):
        host.file["url_private_download"] = address
        with pytest.raises(BotError, match="FILE_UNREADABLE"):
            await files.uploaded(client, "F1", ANN)
    assert host.tokens == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed_with_the_token(host: Host, status: int) -> None:
    async with serving(Host()) as other:
        host.download = lambda _: web.Response(status=status, headers={"Location": f"{other.url}/file"})
        await refused(host)
        assert other.asked == []


async def test_a_login_page_is_no_file(host: Host) -> None:
    host.download = lambda _: web.Response(text="<html>Sign in", content_type="text/html")
    await refused(host)


async def test_a_size_that_is_too_large_is_not_fetched(host: Host) -> None:
    host.file["size"] = module.MAX_BYTES + 1
    assert "larger than 100 MB" in (await refused(host, "FILE_TOO_LARGE")).text
    assert host.tokens == []


async def test_a_page_is_as_long_as_slack_says(host: Host) -> None:
    host.download = lambda _: web.Response(text="<p>Hello", content_type="text/html")
    host.file["size"] = len("<p>Hello")
    assert await fetched(host, field=HTML) == b"<p>Hello"


async def test_a_size_that_lies_ends_where_the_limit_is(host: Host) -> None:
    sent = 0

    async def endless(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        answer = web.StreamResponse(headers={"Content-Type": "application/octet-stream"})
        await answer.prepare(request)
        while sent < 64 * 1024 * 1024:
            await answer.write(b"x" * 64 * 1024)
            sent += 64 * 1024
        return answer

    host.download = endless
    await refused(host, "HTML_TOO_LARGE", field=HTML)
    assert sent < 32 * 1024 * 1024
