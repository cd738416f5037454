"""The whole of Mailroom between a Slack and an AWS of its own: SQLite over signed HTTP, PostgreSQL over Socket Mode."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from tests.databases import Clock
from tests.flows.program import Program, make_token
from tests.flows.world import World, open_world
from tests.playground.aws import AwsPlayground


@pytest.fixture
async def world(aws: AwsPlayground, database_url: str, clock: Clock, database_kind: str) -> AsyncIterator[World]:
    async with open_world(aws, database_url, clock, socket_mode=database_kind == "postgresql") as built:
        yield built


@pytest.fixture
async def anyone(world: World) -> AsyncIterator[Program]:
    """A program without a token."""
    async with aiohttp.ClientSession() as session:
        yield Program(session, f"http://127.0.0.1:{world.bot.http.port}", None)


@pytest.fixture
async def program(world: World, anyone: Program) -> Program:
    """A program with a token of the channel's."""
    return anyone.holding(await make_token(world))
