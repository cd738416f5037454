"""A team with a connected AWS account over HTTP, on both databases."""

from collections.abc import AsyncIterator

import pytest

from bot.ses.client import SesClients
from storage.database import Database
from tests.databases import Clock
from tests.playground.aws import AwsPlayground
from tests.unit.broadcast.fixtures import Station


@pytest.fixture
async def station(db: Database, clock: Clock, aws: AwsPlayground) -> AsyncIterator[Station]:
    """A station whose team has nothing connected yet."""
    clients = SesClients(threads=8, sleep=clock.sleep)
    yield Station(db, clock, aws, clients)
    aws.heal()
    clients.close()


@pytest.fixture
async def connected(station: Station) -> Station:
    """In production: 14 recipients a second, 50,000 a day; example.com is verified."""
    await station.connect(station.team)
    return station
