"""Failures on command: the next calls of an operation are refused, throttled, left hanging or cut off."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from random import Random


class How(StrEnum):
    """Ways to fail that are more than an error code."""

    THROTTLE = "throttle"
    """Refused as too many requests; nothing happens."""
    UNAVAILABLE = "unavailable"
    """503; nothing happens."""
    REFUSE = "refuse"
    """The connection is cut before anything happens. The client cannot tell this from CLOSE_AFTER; for
    connections that are really refused let the whole service go away."""
    CLOSE_AFTER = "close_after"
    """The effect happens and the connection is cut: the answer is lost."""
    HANG = "hang"
    """The effect happens, the answer is not sent until the fault is released."""
    HANG_BEFORE = "hang_before"
    """Nothing happens until the fault is released; then it happens and is answered."""


@dataclass(slots=True, eq=False)
class Fault:
    """A planted failure. `how` is a value of How or an AWS error code; `times=None` is until `remove`; `chance` is
    the share of the calls it concerns that it befalls."""

    operation: str
    how: str
    times: int | None
    message: str | None = None
    account: str | None = None
    region: str | None = None
    chance: float = 1.0
    hits: int = 0
    reached: threading.Event = field(default_factory=threading.Event)
    """Set when the first call has run into it (for CLOSE_AFTER and HANG: when its effect has happened)."""
    released: threading.Event = field(default_factory=threading.Event)

    def release(self) -> None:
        """Let every call go that hangs in this fault."""
        self.released.set()

    def concerns(self, operation: str, account: str | None, region: str) -> bool:
        return (
            fnmatchcase(operation.lower(), self.operation.lower())
            and self.account in {None, account}
            and self.region in {None, region}
        )


@dataclass(slots=True)
class Faults:
    random: Random = field(default_factory=Random)
    planted: list[Fault] = field(default_factory=list)
    _met: list[Fault] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def plant(self, fault: Fault) -> Fault:
        with self._lock:
            self.planted.append(fault)
        return fault

    def meet(self, operation: str, account: str | None, region: str) -> Fault | None:
        """The oldest fault that concerns this call, counted as used once."""
        if not self.planted:
            return None
        with self._lock:
            for fault in self.planted:
                if fault.concerns(operation, account, region) and self.random.random() < fault.chance:
                    fault.hits += 1
                    if fault.times is not None and fault.hits >= fault.times:
                        self.planted.remove(fault)
                    self._met.append(fault)
                    return fault
        return None

    def remove(self, fault: Fault) -> None:
        with self._lock:
            if fault in self.planted:
                self.planted.remove(fault)
        fault.release()

    def release(self) -> None:
        """Let every hanging call go."""
        with self._lock:
            met, self._met = self._met, []
        for fault in met:
            fault.release()

    def clear(self) -> None:
        """Forget every fault and let every hanging call go."""
        with self._lock:
            self.planted = []
        self.release()
