"""The one clock of all processes of a chaos run: the real time, and whatever was let pass at once.

A minute beyond a lease is a minute for everybody in the same moment, as it is for those who were stopped meanwhile.
"""

import mmap
import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path

_AHEAD = struct.Struct("d")


class SharedClock:
    """Reads how far it is ahead of the real time from a file that all processes have in memory."""

    def __init__(self, file: Path) -> None:
        self.file = file
        if not file.exists():
            file.write_bytes(_AHEAD.pack(0.0))
        with file.open("r+b") as opened:
            self._memory = mmap.mmap(opened.fileno(), _AHEAD.size)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=_AHEAD.unpack_from(self._memory)[0])

    def advance(self, seconds: float) -> None:
        """Let time pass for everybody. Only one process may."""
        _AHEAD.pack_into(self._memory, 0, _AHEAD.unpack_from(self._memory)[0] + seconds)
