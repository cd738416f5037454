"""What is to become of members of an audience, by their addresses."""

import json
import tempfile
from array import array
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from bot.broadcast.audience.deduplication import AddressDeduplicator
from bot.email_addresses import address_key

_dumped = json.JSONEncoder(separators=(",", ":")).encode  # in ASCII: a line is what ends with a line feed


class Change(NamedTuple):
    """A member who is to be there, with values of which None is to stay as it is; without values: to be removed."""

    line: int
    address: str
    values: Sequence[str | None] | None


class Changes:
    """Each is found by its address, once, and those that were not found are left.

    They are kept in a file, since there may be a million; in memory are 20 to 40 bytes for each.
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - `close` closes it
        self._numbers = AddressDeduplicator()
        self._starts = array("Q")
        self._taken = bytearray()

    def add(self, change: Change) -> None:
        """Add one; its address was not there before."""
        self._starts.append(self._file.tell())
        self._taken.append(0)
        self._file.write(_dumped(change).encode() + b"\n")
        self._numbers.first_line(address_key(change.address), len(self._taken))

    def __len__(self) -> int:
        return len(self._taken)

    def take(self, key: str) -> Change | None:
        """Return the change of who has this key, if there is one."""
        number = self._numbers.find(key) - 1
        if number < 0:
            return None
        self._file.seek(self._starts[number])
        change = Change._make(json.loads(self._file.readline()))
        if address_key(change.address) != key:  # another one, whose number is the same
            return None
        self._taken[number] = 1
        return change

    def rest(self) -> Iterator[Change]:
        """Yield those that were not taken, in order."""
        self._file.seek(0)
        for taken, line in zip(self._taken, self._file, strict=True):
            if not taken:
                yield Change._make(json.loads(line))

    def close(self) -> None:
        self._file.close()
