"""How often one may ask, so that one program in a loop does not slow the others down."""

import math
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from ipaddress import IPv4Address, ip_address, ip_network

from aiohttp import web
from cachetools import TLRUCache

from bot.pacing import next_fit, seconds_until
from handlers.http.api.codes import ProblemCode
from handlers.http.api.problems import Refusal

REMEMBERED = 10_000
_SNS, _OWN = "/sns/", ("/slack/", "/api/")
V6_PREFIX = 64  # bits of an IPv6 address that name a network; its holder has all addresses in it


class Rate:
    """A bucket per key that holds a `burst` and gains `per_second`, of requests or bytes; one time per key."""

    def __init__(self, clock: Callable[[], datetime], *, per_second: float, burst: int) -> None:
        self._clock = clock
        self._one = timedelta(seconds=1 / per_second)
        self._burst = self._one * burst
        self._full_at = TLRUCache[str, datetime](  # when a bucket is full again, and can be forgotten
            REMEMBERED, ttu=lambda _key, full_at, _now: full_at.timestamp(), timer=lambda: clock().timestamp()
        )

    def seconds_to_wait(self, key: str, cost: int = 1) -> float:
        """Take so much out; 0, or how long until it is there to be taken."""
        now = self._clock()
        full_at = next_fit(self._full_at.get(key), now, self._one * cost)
        wait = seconds_until(full_at, now, burst=self._burst)
        if not wait:
            self._full_at[key] = full_at
        return wait

    def take(self, key: str, complaint: str, cost: int = 1) -> None:
        """Take so much out.

        Raises:
            Refusal: 429, with the complaint, and the seconds to wait in Retry-After.
        """
        if wait := self.seconds_to_wait(key, cost):
            raise Refusal(
                429,
                ProblemCode.TOO_MANY_REQUESTS,
                f"{complaint}: wait as Retry-After says.",
                headers={"Retry-After": str(math.ceil(wait))},
            )


@web.middleware
class PerAddress:
    """Limits every address, before anything is looked up for it; also those who have no token, or guess at one.

    What Slack sends, what programs ask, and all else has a bucket each: behind a proxy that MAILROOM_PROXIES does not
    name, all have one address. SNS is not limited: its events are as many as the mails, and each is signed.

    Args:
        rate: of an address.
        proxies: how many reverse proxies of our own stand in front. Each adds the address it was asked from to the end
            of `X-Forwarded-For`; what stands before those, anybody may have written.
    """

    def __init__(self, rate: Rate, proxies: int) -> None:
        self._rate = rate
        self._proxies = proxies

    async def __call__(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        bucket = next((prefix for prefix in (_SNS, *_OWN) if request.path.startswith(prefix)), "")
        if bucket != _SNS:
            self._rate.take(f"{bucket} {self.network(request)}", "This address asks too often")
        return await handler(request)

    def network(self, request: web.Request) -> str:
        """Return where a request comes from: an IPv4 address, or an IPv6 network."""
        told = ",".join(request.headers.getall("X-Forwarded-For", [])).split(",")
        text = told[-self._proxies].strip() if 0 < self._proxies <= len(told) else request.remote or ""
        return network_of(text) or request.remote or ""


def network_of(text: str) -> str:
    """Return an IPv4 address unchanged, the network of an IPv6 address, and "" for anything else."""
    try:
        address = ip_address(text)
    except ValueError:
        return ""
    if isinstance(address, IPv4Address):
        return str(address)
    return str(address.ipv4_mapped or ip_network((address, V6_PREFIX), strict=False))
