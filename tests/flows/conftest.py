"""The whole of Mailroom between a Slack and an AWS of its own: SQLite over signed HTTP, PostgreSQL over Socket Mode."""

from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path
from zlib import crc32

import aiohttp
import pytest

from tests.databases import Clock
from tests.flows.program import Program, make_token
from tests.flows.world import World, open_world
from tests.playground.aws import AwsPlayground


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of a flow on two kinds of database keep one, half of the flows on each kind (docs/decisions/0013).

    Both are kept of those marked `both_databases`, and of all with `--long`.
    """
    if config.getoption("--long"):
        return
    kinds = defaultdict(list)
    for item in items:
        if kind := _kind_of(item):
            kinds[item.nodeid.replace(kind, "*")].append(item)
    left_out = []
    for name, same in kinds.items():
        if len(same) > 1 and not same[0].get_closest_marker("both_databases"):
            same.sort(key=_kind_of)
            left_out.append(same[crc32(name.encode()) % 2])
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)


def _kind_of(item: pytest.Item) -> str:
    called = getattr(item, "callspec", None)
    in_flows = Path(__file__).parent in item.path.parents
    return str(called.params.get("database_kind", "")) if called and in_flows else ""


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
