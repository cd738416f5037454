"""The whole of Mailroom between a Slack and an AWS of its own: SQLite over signed HTTP, PostgreSQL over Socket Mode."""

from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest

from tests.databases import Clock
from tests.flows.program import Program, make_token
from tests.flows.world import World, open_world
from tests.playground.aws import AwsPlayground
from tests.principal import forget_credentials


@pytest.fixture(scope="session")
def started_aws() -> Iterator[AwsPlayground]:
    with AwsPlayground() as aws:
        yield aws


@pytest.fixture
def aws(started_aws: AwsPlayground, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> AwsPlayground:
    """An AWS as new, on the test's clock; botocore's own variable leads to it."""
    started_aws.reset()
    started_aws.clock = clock
    monkeypatch.setenv("AWS_ENDPOINT_URL", started_aws.url)
    forget_credentials(monkeypatch)
    return started_aws


@pytest.fixture
async def world(aws: AwsPlayground, database_url: str, clock: Clock, database_kind: str) -> AsyncIterator[World]:
    async with open_world(aws, database_url, clock, socket_mode=database_kind == "postgresql") as built:
        yield built


@pytest.fixture
async def anyone(world: World) -> AsyncIterator[Program]:
    """A program without a token."""
    async with aiohttp.ClientSession() as session:
        yield Program(session, f"http://127.0.0.1:{world.bot.port}", None)


@pytest.fixture
async def program(world: World, anyone: Program) -> Program:
    """A program with a token of the channel's."""
    return anyone.holding(await make_token(world))
