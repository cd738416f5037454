"""Limits how many files are read at once: a few in this process, and one for each team."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

from bot.broadcast.audience.codes import AudienceCode
from bot.errors import BotError

AT_ONCE = 3
PATIENCE = 5.0  # seconds; until then a program's next file has its turn, as a rule


class ImportLimits:
    """Gives each import its turn.

    Attributes:
        patience: seconds that a program waits for its turn; a person, who sees that it takes a while, waits for it.
    """

    def __init__(self, patience: float = PATIENCE) -> None:
        self.patience = patience
        self._all = asyncio.Semaphore(AT_ONCE)
        self._of_team: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def turn(self, team_id: str, *, waits: bool) -> AsyncIterator[None]:
        """Wait for the turn of a team's import, and have it.

        Raises:
            BotError: IMPORT_UNDER_WAY, unless it `waits`.
        """
        lock = self._of_team.setdefault(team_id, asyncio.Lock())
        try:
            async with asyncio.timeout(None if waits else self.patience):
                await lock.acquire()
        except TimeoutError:
            raise BotError(AudienceCode.IMPORT_UNDER_WAY) from None
        try:
            async with self._all:
                yield
        finally:
            lock.release()
