"""An Amazon SES that answers at once, as a process of its own: `python -m tests.benchmarks.ses`.

It speaks as much of the protocol as sending and polling take, checks no signature, and costs next to nothing, so that a
benchmark measures its callers. It counts what it accepts, and tells at /tally.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import subprocess
import sys
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from urllib.request import urlopen

BULK, SINGLE = b"POST /v2/email/outbound-bulk-emails", b"POST /v2/email/outbound-emails"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_KEY = re.compile(rb"Credential=([^/]+)/")
_TO = re.compile(rb'"ToAddresses": ?\["([^"]+)"')
_TOO_FAST = json.dumps({"message": "Maximum sending rate exceeded."}).encode()
Answer = Callable[[bytes, bytes, float], tuple[int, bytes]]
"""What a server says to the head and body of a request, at that time: status and JSON."""

_IDENTITY = {
    "IdentityType": "DOMAIN",
    "IdentityName": "acme.test",
    "SendingEnabled": True,
    "VerificationStatus": "SUCCESS",
}


@dataclass
class Tally:
    """What was accepted: recipients, and how many addresses they are; calls made, and refused as too fast."""

    accepted: int = 0
    addresses: set[bytes] = field(default_factory=set)
    calls: int = 0
    throttled: int = 0
    first: float = 0
    last: float = 0

    def take(self, to: list[bytes], now: float) -> None:
        self.first, self.last = self.first or now, now
        self.accepted += len(to)
        self.addresses.update(to)

    def to_json(self) -> dict[str, float]:
        twice = self.accepted - len(self.addresses)
        seconds = self.last - self.first
        counted = {"accepted": self.accepted, "twice": twice, "calls": self.calls, "throttled": self.throttled}
        return {**counted, "seconds": seconds}


class Second:
    """The recipients that an account was let send in the last second."""

    def __init__(self) -> None:
        self._lately: deque[tuple[float, int]] = deque()
        self._total = 0

    def takes(self, count: int, rate: int, now: float) -> bool:
        while self._lately and self._lately[0][0] <= now - 1:
            self._total -= self._lately.popleft()[1]
        if rate and self._total + count > rate:
            return False
        self._lately.append((now, count))
        self._total += count
        return True


class Ses:
    """Every access key is an account: its recipients in any one second are at most `rate`, where one is given."""

    def __init__(self, rate: int) -> None:
        self.tally = Tally()
        self._rate = rate
        self._seconds: defaultdict[bytes, Second] = defaultdict(Second)
        self._ids = count(1)

    def answer(self, head: bytes, body: bytes, now: float) -> tuple[int, bytes]:
        if head.startswith((BULK, SINGLE)):
            return self._send(head, body, now)
        if head.startswith(b"GET /v2/email/account"):
            return 200, json.dumps(_account(self._rate)).encode()
        if head.startswith(b"POST /v2/email/list-identities"):
            return 200, json.dumps({"EmailIdentities": [_IDENTITY]}).encode()
        if head.startswith(b"GET /tally"):
            return 200, json.dumps(self.tally.to_json()).encode()
        return 200, b"{}"

    def _send(self, head: bytes, body: bytes, now: float) -> tuple[int, bytes]:
        to = _TO.findall(body)
        self.tally.calls += 1
        key = _KEY.search(head)
        if not self._seconds[key[1] if key else b""].takes(len(to), self._rate, now):
            self.tally.throttled += 1
            return 429, _TOO_FAST
        self.tally.take(to, now)
        ids = [f"0102{next(self._ids):056x}" for _ in to]
        if head.startswith(SINGLE):
            return 200, b'{"MessageId":"%s"}' % ids[0].encode()
        results = ",".join(f'{{"Status":"SUCCESS","MessageId":"{each}"}}' for each in ids)
        return 200, f'{{"BulkEmailEntryResults":[{results}]}}'.encode()


def _account(rate: int) -> dict[str, Any]:
    quota = {"Max24HourSend": -1.0, "MaxSendRate": float(rate or 100_000), "SentLast24Hours": 0.0}
    return {
        "SendingEnabled": True,
        "ProductionAccessEnabled": True,
        "EnforcementStatus": "HEALTHY",
        "SendQuota": quota,
    }


class _Connection(asyncio.Protocol):
    """One kept-alive connection, one request at a time."""

    def __init__(self, answer: Answer, latency: float) -> None:
        self._answer = answer
        self._latency = latency
        self._buffer = bytearray()
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self._buffer[:end])
        length = _LENGTH.search(head)
        total = end + 4 + (int(length[1]) if length else 0)
        if len(self._buffer) < total:
            return
        body = bytes(self._buffer[end + 4 : total])
        del self._buffer[:total]
        status, reply = self._answer(head, body, self._loop.time())
        if self._latency:
            self._loop.call_later(self._latency, self._reply, status, reply)
        else:
            self._reply(status, reply)

    def _reply(self, status: int, body: bytes) -> None:
        kind = b"x-amzn-ErrorType: TooManyRequestsException\r\n" if status == 429 else b""
        head = b"HTTP/1.1 %d .\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n"
        if self._transport and not self._transport.is_closing():
            self._transport.write(head % (status, kind, len(body)) + body)


def started(*, rate: int = 0, latency: float = 0) -> AbstractContextManager[str]:
    """Run one in a process of its own, and give its address. `latency` is in seconds."""
    return running("tests.benchmarks.ses", f"--rate={rate}", f"--latency={latency}")


@contextmanager
def running(module: str, *arguments: str) -> Iterator[str]:
    """Run a server of this kind in a process of its own, and give its address."""
    command = [sys.executable, "-m", module, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - ourselves
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def tally(url: str) -> dict[str, float]:
    """Return what the one at `url` has counted."""
    with urlopen(f"{url}/tally") as answer:  # noqa: S310 - our own
        read: dict[str, float] = json.load(answer)
        return read


async def serve(answer: Answer, latency: float = 0) -> None:
    """Listen on a free port, and print the address."""
    server = await asyncio.get_running_loop().create_server(lambda: _Connection(answer, latency), "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("--rate", type=int, default=0)
    options.add_argument("--latency", type=float, default=0)
    given = options.parse_args()
    asyncio.run(serve(Ses(given.rate).answer, given.latency))
