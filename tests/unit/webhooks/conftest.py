from collections.abc import AsyncIterator

import pytest

from storage.database import Database
from tests.databases import Clock
from tests.unit.webhooks.fixtures import Hooked, hooked


@pytest.fixture
async def hook(db: Database, clock: Clock) -> AsyncIterator[Hooked]:
    async with hooked(db, clock) as made:
        yield made
