"""The buckets of tokens and addresses: how much fits in, how fast one fills, and that one says nothing of another."""

from dataclasses import dataclass, fields
from typing import Any, cast
from unittest.mock import Mock

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer, make_mocked_request

from bot.ses.sns_messages import RefusedError
from handlers.http.api.endpoints import Api
from handlers.http.api.endpoints import application as api_application
from handlers.http.api.problems import MEDIA_TYPE, Refusal
from handlers.http.api.rate_limit import REMEMBERED, PerAddress, Rate
from handlers.http.api.routing import Server
from handlers.http.connection_limits import HttpConnections
from handlers.http.health import Health
from handlers.http.loop_lag import LoopLag
from handlers.http.metrics import MetricsPage
from handlers.http.preview import PreviewPages
from handlers.http.server import application
from handlers.http.sns import SnsMessages
from handlers.http.unsubscribe import UnsubscribePages
from tests.databases import Clock

PER_SECOND, BURST = 50, 500


def test_a_burst_passes_and_the_next_request_waits_for_its_share(clock: Clock) -> None:
    rate = Rate(clock, per_second=PER_SECOND, burst=BURST)
    assert [rate.seconds_to_wait("a") for _ in range(BURST)] == [0] * BURST

    assert rate.seconds_to_wait("a") == pytest.approx(1 / PER_SECOND)
    assert rate.seconds_to_wait("b") == 0


def test_a_refused_request_takes_nothing_out(clock: Clock) -> None:
    rate = Rate(clock, per_second=PER_SECOND, burst=BURST)
    for _ in range(BURST + 1000):
        rate.seconds_to_wait("a")

    clock.advance(1)

    assert [bool(rate.seconds_to_wait("a")) for _ in range(PER_SECOND + 1)] == [False] * PER_SECOND + [True]


def test_a_bucket_holds_no_more_than_a_burst_however_long_it_fills(clock: Clock) -> None:
    rate = Rate(clock, per_second=PER_SECOND, burst=BURST)
    clock.advance(86_400)
    for _ in range(BURST):
        assert rate.seconds_to_wait("a") == 0
    assert rate.seconds_to_wait("a") > 0


def test_a_large_request_takes_as_much_as_it_is_large(clock: Clock) -> None:
    rate = Rate(clock, per_second=100, burst=1_000)

    assert [rate.seconds_to_wait("a", cost) for cost in (600, 400, 1)] == [0, 0, 0.01]
    assert rate.seconds_to_wait("a", 250) == 2.5


def test_full_buckets_are_forgotten(clock: Clock) -> None:
    rate = Rate(clock, per_second=PER_SECOND, burst=BURST)
    for number in range(REMEMBERED):
        rate.seconds_to_wait(str(number))
    clock.advance(1)

    rate.seconds_to_wait("another")

    assert len(rate._full_at) == 1


def test_a_refusal_says_who_and_how_long(clock: Clock) -> None:
    rate = Rate(clock, per_second=0.4, burst=1)
    rate.take("a", "This token asks too often")

    with pytest.raises(Refusal) as refused:
        rate.take("a", "This token asks too often")

    assert (refused.value.problem.status, refused.value.headers) == (429, {"Retry-After": "3"})
    assert refused.value.problem.detail.startswith("This token asks too often")


def request(peer: str, *forwarded: str) -> web.Request:
    transport = Mock()
    transport.get_extra_info = lambda name, default=None: (peer, 1) if name == "peername" else default
    return make_mocked_request("GET", "/", [("X-Forwarded-For", told) for told in forwarded], transport=transport)


@pytest.mark.parametrize(
    ("proxies", "peer", "forwarded", "network"),
    [
        (0, "192.0.2.1", [], "192.0.2.1"),
        (0, "192.0.2.1", ["203.0.113.9"], "192.0.2.1"),  # nobody is in front, so somebody made it up
        (1, "10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        (1, "10.0.0.1", ["198.51.100.7, 203.0.113.9"], "203.0.113.9"),
        (1, "10.0.0.1", ["198.51.100.7", "203.0.113.9"], "203.0.113.9"),
        (2, "10.0.0.1", ["198.51.100.7, 203.0.113.9, 10.0.0.2"], "203.0.113.9"),
        (2, "10.0.0.1", ["203.0.113.9"], "10.0.0.1"),  # it came round the outer one
        (1, "10.0.0.1", [], "10.0.0.1"),
        (1, "10.0.0.1", ["unknown"], "10.0.0.1"),
        (0, "2001:db8:1:2:3:4:5:6", [], "2001:db8:1:2::/64"),
        (0, "::ffff:192.0.2.1", [], "192.0.2.1"),
    ],
)
def test_an_address_is_what_the_outermost_proxy_of_ours_saw(
    clock: Clock, proxies: int, peer: str, forwarded: list[str], network: str
) -> None:
    limit = PerAddress(Rate(clock, per_second=1, burst=1), proxies)

    assert limit.network(request(peer, *forwarded)) == network


@dataclass
class NoTokens:
    """Knows no token, and counts how often it was asked for one."""

    asked: int = 0

    async def bearer(self, _token: str) -> None:
        self.asked += 1


class NoLinks:
    def whose(self, _token: str) -> None: ...


class NoInstall:
    async def begin(self, _query: str, _headers: object) -> None: ...

    async def finish(self, _query: str, _headers: object) -> None: ...


def unlimited(clock: Clock) -> Rate:
    return Rate(clock, per_second=1_000, burst=1_000)


def everything(tokens: NoTokens, clock: Clock, limit: Rate) -> web.Application:
    """All routes, of which none comes as far as to need what it is made of."""
    nothing = dict.fromkeys((one.name for one in fields(Api)), cast("Any", None))
    return application(
        connections=HttpConnections(),
        per_address=PerAddress(limit, proxies=0),
        health=Health({}, {}, lambda: 0),
        metrics=MetricsPage(
            cast("Any", None), health=Health({}, {}, lambda: 0), loop_lag=LoopLag(), version="", clock=lambda: 0
        ),
        pages=(UnsubscribePages(cast("Any", NoLinks()), cast("Any", None)), PreviewPages(cast("Any", None))),
        api=api_application(Api(**nothing), Server(cast("Any", tokens), unlimited(clock), unlimited(clock))),
        sns=SnsMessages(refuses),
        slack=(cast("Any", refuses), cast("Any", NoInstall())),
    )


async def refuses(_connection: str, _body: bytes) -> None:
    raise RefusedError


async def test_an_address_that_asks_too_often_is_refused_before_its_token_is_looked_up(clock: Clock) -> None:
    tokens = NoTokens()
    app = everything(tokens, clock, Rate(clock, per_second=0.5, burst=3))
    guess = {"Authorization": "Bearer mr_guess"}

    async with TestClient(TestServer(app)) as anyone:
        statuses = [(await anyone.get("/api/v1/mailer", headers=guess)).status for _ in range(4)]
        refused = await anyone.get("/api/v1/nothing")
        asked = tokens.asked
        clock.advance(2)
        later = await anyone.get("/api/v1/mailer", headers=guess)

    assert statuses == [401, 401, 401, 429]
    assert asked == 3
    assert (refused.status, refused.content_type, refused.headers["Retry-After"]) == (429, MEDIA_TYPE, "2")
    assert later.status == 401


async def test_what_needs_no_token_is_limited_too_and_sns_is_not(clock: Clock) -> None:
    app = everything(NoTokens(), clock, Rate(clock, per_second=0.5, burst=3))

    async with TestClient(TestServer(app)) as anyone:
        pages = [(await anyone.get(path)).status for path in ("/healthz", "/readyz", "/u/x")]
        refused = [(await anyone.get(path)).status for path in ("/healthz", "/readyz", "/u/x", "/metrics", "/nothing")]
        slack = [(await anyone.get("/slack/events")).status for _ in range(4)]
        sns = [(await anyone.post("/sns/x", data=b"x")).status for _ in range(4)]

    assert (pages, refused) == ([200, 200, 404], [429] * 5)
    assert slack == [405, 405, 405, 429]
    assert sns == [403] * 4
