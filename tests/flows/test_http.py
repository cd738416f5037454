"""The HTTP listener: health, what Slack signs, bodies that are too large, and the unsubscribe page."""

import asyncio
import contextlib
import gzip
import io
import re
import time
import tomllib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlmodel import select

from bot import unknown_answers
from storage.models import ProcessedRequest
from tests.databases import Databases
from tests.flows.program import counted, make_token
from tests.flows.world import OVER_HTTP, OVER_SOCKET_MODE, World
from tests.playground.slack.delivery import Kind, encoded, signed_headers

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]


Slow = Callable[[bytes], Awaitable[asyncio.StreamReader]]


@pytest.fixture
async def http(world: World) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(f"http://127.0.0.1:{world.bot.http.port}") as session:
        yield session


@pytest.fixture
async def slow(world: World) -> AsyncIterator[Slow]:
    """Opens a connection, on which it sends this and nothing more."""
    writers = []

    async def send(what: bytes) -> asyncio.StreamReader:
        reader, writer = await asyncio.open_connection("127.0.0.1", world.bot.http.port)
        writers.append(writer)
        writer.write(what)
        return reader

    yield send
    for writer in writers:
        writer.transport.abort()


async def test_alive_and_ready(http: aiohttp.ClientSession) -> None:
    for path, body in (
        ("/healthz", {"status": "ok"}),
        ("/readyz", {"status": "ok", "checks": {"database": "ok", "scheduler": "ok", "slack": "ok"}}),
    ):
        async with http.get(path) as answer:
            assert answer.status == 200
            assert await answer.json() == body
            assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.long
async def test_prometheus_reads_how_mailroom_itself_is_doing(world: World, http: aiohttp.ClientSession) -> None:
    await world.is_open()
    await world.sends()
    await world.passes(600)
    key = world.aws.calls[-1].access_key_id
    await world.slack.down()
    world.aws.revoke(str(key))
    await world.passes(600)
    await world.passes(30)
    world.clock.advance(400)
    unknown_answers.answers.met("slack", "chat.postMessage", "brand_new")

    async with http.get("/metrics") as answer:
        assert (answer.status, answer.content_type) == (200, "text/plain")
        text = await answer.text()

    values = {
        f"{sample.name}{sorted(sample.labels.values())}": sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert values["mailroom_mailers['lost']"] == values["mailroom_incidents_open['access_lost']"] == 1
    assert values["mailroom_mailers['ok']"] == values["mailroom_broadcasts['sending']"] == 0
    assert values["mailroom_approvals_waiting[]"] == 0
    assert values["mailroom_mails_last_24_hours['sent']"] == 2
    assert values["mailroom_messages_due[]"] > 0
    assert values["mailroom_message_lag_seconds[]"] > 0
    assert values["mailroom_message_unsent_seconds[]"] > 0
    assert values["mailroom_sending_lag_seconds[]"] == 0
    assert {"mailroom_poll_lag_seconds[]", "mailroom_event_loop_lag_seconds[]"} <= set(values)
    assert values["mailroom_ready['database']"] == values["mailroom_ready['scheduler']"] == 1
    assert values["process_open_fds[]"] > 0
    assert values["mailroom_webhook_lag_seconds[]"] == 0
    assert values["mailroom_unknown_answers_total['chat.postMessage', 'slack']"] >= 1
    assert values[f"mailroom_build_info['{PROJECT['version']}']"] == 1
    assert world.news.id not in text
    assert "111122223333" not in text


async def test_not_ready_when_a_tick_has_not_come_through_for_minutes(
    world: World, http: aiohttp.ClientSession
) -> None:
    world.bot.scheduler._came_through["engine"] -= 200  # seconds

    async with http.get("/readyz") as answer:
        assert answer.status == 503
        body = await answer.json()
    assert body["status"] == "unavailable"
    assert body["checks"]["scheduler"] == "stalled: engine"
    assert body["checks"]["database"] == "ok"
    async with http.get("/healthz") as answer:
        assert answer.status == 200
    world.bot.scheduler._came_through["engine"] += 200
    assert (await ask(http, "/readyz"))[0] == 200  # at once: only what costs something is remembered


async def test_not_ready_once_it_is_told_to_stop_so_that_a_balancer_leaves_it_out_while_it_still_answers(
    world: World, http: aiohttp.ClientSession
) -> None:
    world.bot.scheduler.stop()

    async with http.get("/readyz") as answer:
        assert answer.status == 503
        assert (await answer.json())["checks"]["scheduler"] == "stopping"
    async with http.get("/healthz") as answer:
        assert answer.status == 200


@OVER_SOCKET_MODE
async def test_not_ready_while_the_database_is_gone_and_ready_again_when_it_is_back(
    world: World, http: aiohttp.ClientSession, databases: Databases, database_url: str
) -> None:
    await databases.shut(database_url)
    async with http.get("/readyz") as answer:
        gone = answer.status, await answer.json()
    async with http.get("/metrics") as answer:
        metrics = answer.status, await answer.text()
    await databases.open(database_url)
    world.clock.advance(5)

    assert gone[0] == 503
    assert gone[1]["checks"]["database"] not in {"", "ok"}
    assert "postgres" not in str(gone[1])  # no address, no name
    assert metrics[0] == 200
    assert 'mailroom_ready{check="database"} 0.0' in metrics[1]
    assert "mailroom_mailers" not in metrics[1]
    async with http.get("/readyz") as answer:
        assert answer.status == 200


@pytest.mark.parametrize("path", ["/readyz", "/metrics"])
async def test_what_needs_no_token_asks_the_database_once_in_five_seconds(
    world: World, http: aiohttp.ClientSession, path: str
) -> None:
    statements = counted(world)
    first = await ask(http, path)
    asked = len(statements)
    again = await asyncio.gather(*(ask(http, path) for _ in range(50)))
    assert asked == len(statements) > 0
    of_now = re.compile(r"^(?:.* )?(?:process_|mailroom_event_loop_lag).*\n", re.MULTILINE)  # not asked of the database
    assert [(status, of_now.sub("", body)) for status, body in again] == [(first[0], of_now.sub("", first[1]))] * 50

    world.clock.advance(5)
    await ask(http, path)

    assert len(statements) == 2 * asked


async def ask(http: aiohttp.ClientSession, path: str) -> tuple[int, str]:
    async with http.get(path) as answer:
        return answer.status, await answer.text()


HEADERS = ("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff"), ("Server", "Mailroom")


async def test_every_answer_has_the_headers_and_none_names_a_version(world: World, http: aiohttp.ClientSession) -> None:
    for method, path, status in (
        ("GET", "/healthz", 200),
        ("GET", "/nothing", 404),
        ("DELETE", "/healthz", 405),
        ("PUT", "/u/x", 405),
        ("POST", "/api/v1/mailer", 405),
        ("GET", "/api/v1/mailer", 401),
        ("GET", "/u/a%00b", 400),
        ("GET", "/slack/events", 404 if world.bot.settings.socket_mode else 405),
    ):
        async with http.request(method, path) as answer:
            assert answer.status == status, path
            assert {*HEADERS} <= {*answer.headers.items()}
            assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
            assert "aiohttp" not in str(answer.headers) + await answer.text()


@OVER_HTTP
async def test_what_is_no_http_is_not_repeated_in_the_answer_nor_in_the_log(
    slow: Slow, caplog: pytest.LogCaptureFixture
) -> None:
    reader = await slow(b"GET / HTTP/1.1\r\nAuthorization: Bearer mr_canary\x01\r\n\r\n")
    answer = (await reader.read()).decode()

    assert answer.split(" ")[1] == "400"
    assert {*HEADERS} <= {(name, value) for name, _, value in (line.partition(": ") for line in answer.split("\r\n"))}
    assert "mr_canary" not in answer + caplog.text
    assert "aiohttp" not in answer


@pytest.mark.parametrize("place", ["/healthz?x={}", "/u/{}", "/sns/{}", "/{}", "/api/v1/mailer?{}=1"])
async def test_a_character_that_nobody_can_see_is_refused_on_every_route(slow: Slow, place: str) -> None:
    for unseen in (b"%00", b"a%00b", b"%7F", b"%C2%85", b"%0A", b"\xff", b"\xed\xa0\x80"):
        target = place.encode().replace(b"{}", unseen)
        reader = await slow(b"POST " + target + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert (await reader.read()).split(b" ")[1] == b"400", target


@OVER_SOCKET_MODE
async def test_not_ready_while_socket_mode_is_not_connected(world: World, http: aiohttp.ClientSession) -> None:
    await world.slack.down()
    async with http.get("/readyz") as answer:
        assert answer.status == 503
        assert (await answer.json())["checks"]["slack"] == "Socket Mode is not connected"
    await world.slack.up()


@OVER_SOCKET_MODE
async def test_a_connection_that_the_sdk_has_given_up_is_opened_again(world: World) -> None:
    socket = world.bot.slack.socket
    assert socket is not None
    assert socket.handler is not None
    sdk, closed = socket.handler.client, asyncio.Event()

    async def closes(_message: aiohttp.WSMessage) -> None:
        closed.set()

    sdk.on_close_listeners.append(closes)
    sdk.auto_reconnect_enabled = False  # what two of the SDK's reconnects at one moment leave behind
    await world.slack.sockets.drop()
    await asyncio.wait_for(closed.wait(), 5)
    await socket.watch()
    assert await socket.check() == "Socket Mode is not connected"
    world.clock.advance(59)
    await socket.watch()
    assert await socket.check() == "Socket Mode is not connected"
    world.clock.advance(1)
    await socket.watch()
    assert await socket.check() == ""
    await world.asks(world.bob, "/mailer help", "/mailer")


def a_command(world: World) -> bytes:
    return encoded(Kind.COMMAND, world.slack.payloads.command(world.bob.user, world.news, "/mailer", ""))[1]


@OVER_HTTP
async def test_what_slack_has_not_signed_is_refused_and_has_no_effect(
    world: World, http: aiohttp.ClientSession
) -> None:
    body, now = a_command(world), int(time.time())
    good = signed_headers(world.slack.signing_secret, body, now)
    for wrong in (
        {},
        {"X-Slack-Signature": good["X-Slack-Signature"]},
        {"X-Slack-Request-Timestamp": str(now)},
        good | {"X-Slack-Signature": "v0=" + "0" * 64},
        good | {"X-Slack-Signature": "v1=" + good["X-Slack-Signature"][3:]},
        good | {"X-Slack-Signature": "v0=ß"},
        good | {"X-Slack-Request-Timestamp": "abc"},
        good | {"X-Slack-Request-Timestamp": "１２３"},
        good | {"X-Slack-Request-Timestamp": str(now + 1)},
        signed_headers("another secret", body, now),
        signed_headers(world.slack.signing_secret, body + b"&user_id=U1", now),
        signed_headers(world.slack.signing_secret, body, now - 600),
        signed_headers(world.slack.signing_secret, body, now + 600),
    ):
        headers = {"Content-Type": "application/x-www-form-urlencoded", **wrong}
        async with http.post("/slack/events", data=body, headers=headers) as answer:
            assert answer.status == 401, wrong
            assert await answer.text() in {"", '{"error": "invalid request"}'}
    await world.bot.tasks.idle()

    assert world.bob.reads(world.news) == []
    assert {name for name, rows in (await world.everything_stored()).items() if rows} == {"link_key", "sealing_check"}


@OVER_HTTP
@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/x-www-form-urlencoded", "ssl_check=1&token=x&command=/mailer&text=connect&trigger_id=1.2.3"),
        ("application/json", '{"type": "url_verification", "challenge": "x", "event": {"type": "app_uninstalled"}}'),
    ],
)
async def test_slacks_own_trials_of_an_address_are_no_way_round_the_signature(
    world: World, http: aiohttp.ClientSession, kind: str, body: str
) -> None:
    before = await world.everything_stored()

    async with http.post("/slack/events", data=body, headers={"Content-Type": kind}) as answer:
        assert answer.status == 401
        assert "challenge" not in await answer.text()
    await world.bot.tasks.idle()

    assert await world.everything_stored() == before
    assert world.bob.reads(world.news) == []


@OVER_HTTP
async def test_a_signed_request_that_is_sent_again_has_one_effect(world: World) -> None:
    await world.ada.types(world.news, "/mailer suppress ann@elsewhere.test")
    await world.ada.sees(world.news, "never mailed again")
    first = next(each for each in world.slack.deliveries if each.kind is Kind.COMMAND)

    await world.slack.redeliver(first)
    await world.bot.tasks.idle()

    assert len(world.ada.reads(world.news)) == 1
    async with world.bot.db.read() as session:
        keys = [row.key for row in await session.exec(select(ProcessedRequest))]
    assert any(first.payload["trigger_id"] in key for key in keys)


@OVER_HTTP
async def test_bodies_that_slack_never_sends_are_refused(world: World, http: aiohttp.ClientSession) -> None:
    compressed = {"Content-Encoding": "gzip"}
    for headers, body, refusal in (
        (compressed, gzip.compress(b"payload={}"), 415),
        ({}, b"x" * (1024 * 1024 + 1), 413),
        ({}, b"payload=\xff\xfe", 400),
    ):
        signed = signed_headers(world.slack.signing_secret, body, int(time.time()))
        async with http.post("/slack/events", data=io.BytesIO(body), headers=headers | signed) as answer:
            assert answer.status == refusal, body[:20]


@OVER_SOCKET_MODE
async def test_in_socket_mode_nothing_of_slack_is_taken_over_http(world: World, http: aiohttp.ClientSession) -> None:
    body = a_command(world)
    headers = signed_headers(world.slack.signing_secret, body, int(time.time()))

    async with http.post("/slack/events", data=body, headers=headers) as answer:
        assert answer.status == 404


@OVER_HTTP
async def test_the_unsubscribe_page_is_a_page_that_loads_nothing_and_is_not_indexed(
    http: aiohttp.ClientSession,
) -> None:
    async with http.get("/u/nonsense") as answer:
        page = await answer.text()
        assert answer.status == 404
        assert answer.content_type == "text/html"
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert page.startswith("<!doctype html>")
    assert '<html lang="en">' in page
    assert '<meta name="robots" content="noindex">' in page
    assert '<meta name="viewport"' in page
    assert "<script" not in page
    assert "src=" not in page
    assert "href=" not in page


@OVER_HTTP
async def test_hundreds_of_slow_clients_do_not_keep_health_from_answering(
    slow: Slow, http: aiohttp.ClientSession
) -> None:
    for _ in range(600):
        await slow(b"GET /healthz HTTP/1.1\r\nHost: ")

    async with http.get("/healthz") as answer:
        assert answer.status == 200


@OVER_HTTP
@pytest.mark.parametrize("path", ["/slack/events", "/sns/x", "/u/x", "/api/v1/suppressions", "/readyz", "/nothing"])
async def test_a_body_that_does_not_come_is_waited_for_on_no_route(
    world: World,
    slow: Slow,
    caplog: pytest.LogCaptureFixture,
    path: str,
) -> None:
    token = await make_token(world)
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer {token}"
    assert world.bot.http._runner and world.bot.http._runner.server
    server = world.bot.http._runner.server
    before = server.requests_count
    reader = await slow(f"{head}\r\nContent-Length: 9\r\n\r\nhalf".encode())
    while server.requests_count == before:  # noqa: ASYNC110 - only the server knows what has come
        await asyncio.sleep(0)

    await asyncio.sleep(0)  # it is being handled
    held, now = [*world.bot.http.connections._open], time.monotonic() + 131
    world.bot.http.connections._monotonic = lambda: now
    await world.bot.http.connections.tick()

    with contextlib.suppress(ConnectionError):
        await reader.read()
    while any(one.request for one in held):  # noqa: ASYNC110 - as above
        await asyncio.sleep(0)
    assert caplog.text == ""  # it is no error of ours
