"""What is looked for at the end of every world is found where it is planted, and a copy of the database has none."""

import logging
from pathlib import Path

import aiohttp
import pytest
from sqlmodel import update

from storage.backup.backup import backup
from storage.models import Team
from tests import canaries
from tests.databases import Clock
from tests.flows.program import make_token
from tests.flows.world import BOTH_DATABASES, World, open_world
from tests.playground.aws import AwsPlayground

ANN = "ann@elsewhere.test"


async def plant(world: World) -> None:
    """Put secrets and addresses where they may not be."""
    secret = (await world.is_connected()).secret_access_key
    logging.getLogger("bot.planted").debug("mailed %s", ANN)
    await world.bot.slack.bolt.client.chat_postMessage(channel=world.news.id, text=f"mailed {ANN} by {secret}")
    async with world.bot.db.write() as session:
        await session.exec(update(Team).values(name=ANN, external_id=secret))
    world.bot.http._version = ANN
    await world.bot.http.stop()
    await world.bot.http.start()
    async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{world.bot.http.port}/metrics") as answer:
        assert ANN in await answer.text()


@BOTH_DATABASES
async def test_what_is_planted_is_found(
    aws: AwsPlayground, database_url: str, clock: Clock, database_kind: str
) -> None:
    with pytest.raises(AssertionError) as found:
        async with open_world(aws, database_url, clock, socket_mode=database_kind == "postgresql") as world:
            await plant(world)
    canaries.logged.clear()

    stored = "the database's files" if database_kind == "sqlite" else "team"
    assert {(leak.what, leak.place) for leak in found.value.args[0]} == {
        ("address", "the log"),
        ("address", "the channel"),
        ("secret", "the channel"),
        ("address", "team.name"),
        ("secret", stored),
        ("address", "an answer to anybody"),
    }


@BOTH_DATABASES
async def test_a_copy_of_the_database_has_addresses_and_no_secret(world: World, tmp_path: Path) -> None:
    await world.is_open()
    await make_token(world)
    await world.sends()
    async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{world.bot.http.port}/metrics") as answer:
        assert "mailroom_" in await answer.text()

    await backup(world.bot.db, world.bot.keys, tmp_path / "copy", lambda _done, _whole: None)

    assert ANN.encode() in (tmp_path / "copy").read_bytes()
    assert canaries.leaks_in_file(tmp_path / "copy") == []
