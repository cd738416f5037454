"""Makes Slack misbehave on command: refuse, throttle, hang, be late, lose the answer after doing the work, go away."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from dataclasses import dataclass, field
from enum import StrEnum

FOREVER = 10**9


class Kind(StrEnum):
    ERROR = "error"
    RATE_LIMIT = "rate limit"
    HTTP_STATUS = "http status"
    HANG = "hang"
    LATE = "late"
    LOSE_REPLY = "lose reply"
    REFUSE = "refuse"


@dataclass
class Fault:
    """What happens to the next `times` calls of a method; `value` is the error, Retry-After or status.

    A late call is held on its way from when it is `held` until it may `arrive`; only then does it have an effect.
    """

    kind: Kind
    value: str = ""
    times: int = 1
    body_type: str = "text/html"
    held: asyncio.Event = field(default_factory=asyncio.Event)
    arrive: asyncio.Event = field(default_factory=asyncio.Event)


class Faults:
    """Faults by method, first in, first out; those for `*` hit any method that has none of its own."""

    def __init__(self) -> None:
        self.planned: defaultdict[str, deque[Fault]] = defaultdict(deque)

    def plan(self, method: str, fault: Fault) -> None:
        self.planned[method].append(fault)

    def clear(self, method: str | None = None) -> None:
        for name in [method] if method else list(self.planned):
            self.planned.pop(name, None)

    def next_for(self, method: str) -> Fault | None:
        for name in (method, "*"):
            planned = self.planned.get(name)
            if planned:
                fault = planned[0]
                fault.times -= 1
                if fault.times <= 0:
                    planned.popleft()
                return fault
        return None
