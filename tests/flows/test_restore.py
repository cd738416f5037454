"""The database is set back to a copy in the middle of a broadcast: nobody is mailed twice, and the channel is asked."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from sqlmodel import select

from bot.suppression.recording import suppress
from handlers.cli.copies import make_backup, put_back
from storage.models import Team
from storage.states import SuppressionReason
from tests.databases import Clock, DatabaseMissingError, Databases
from tests.flows.program import Program, make_token
from tests.flows.test_api_sending import create, steer
from tests.flows.world import BOTH_DATABASES, UNDO_SECONDS, World, open_world
from tests.playground.aws import AwsPlayground

HOUR = 3600
SIZE = 60
ADDRESSES = [f"person{number}@elsewhere.test" for number in range(SIZE)]
LATE = b"email\nlate@elsewhere.test\nleft@elsewhere.test\nerased@elsewhere.test\n"
PEOPLE = "\n".join(["email", *ADDRESSES]).encode()


@pytest.fixture
async def world(
    databases: Databases, database_kind: str, aws: AwsPlayground, clock: Clock, tmp_path: Path
) -> AsyncIterator[World]:
    """A world with a database of its own, which is another one after the restore."""
    try:
        url = await databases.create(database_kind)
    except DatabaseMissingError as error:
        pytest.skip(str(error))
    journal = f"{tmp_path}/journal-*"
    socket_mode = database_kind == "postgresql"
    async with open_world(aws, url, clock, socket_mode=socket_mode, mailroom_suppression_journal=journal) as built:
        yield built
    await databases.drop(url)


async def is_set_back(world: World, copy: Path) -> list[str]:
    """The bot ends, the copy is put back, and it starts again; what the command says."""
    said: list[str] = []
    await world.bot.stop()
    await put_back(world.bot.settings, copy, said.append, world.clock)
    world.bot = await world.start_bot()
    return said


async def is_copied_in_the_middle(world: World, copy: Path) -> None:
    """A copy is made while the first call is under way; then all of it goes out, of which nothing is heard yet."""
    call = world.aws.fail("ses:SendBulkEmail", "hang", 1)
    world.clock.advance(UNDO_SECONDS)
    await world.bot.services.dispatcher.tick()
    assert await asyncio.to_thread(call.reached.wait, 20)
    await make_backup(world.bot.settings, copy, lambda _line: None, world.clock)
    world.aws.heal(call)
    await world.bot.services.dispatcher.idle()


async def goes_out(world: World) -> None:
    """What waits for *Undo* goes out; what becomes of it is not heard yet."""
    world.clock.advance(UNDO_SECONDS)
    await world.bot.services.dispatcher.tick()
    await world.bot.services.dispatcher.idle()


async def leave(world: World) -> None:
    """One unsubscribes and another one is to be erased, since the copy was made."""
    async with world.bot.db.write() as session:
        team, now = (await session.exec(select(Team))).one(), world.clock()
        left = SuppressionReason.UNSUBSCRIBED
        await suppress(session, team.id, "left@elsewhere.test", left, source="their link", now=now)
    await world.bot.services.people.erase(team, "erased@elsewhere.test", "U1")


def at(world: World, seconds: float) -> int:
    return int(world.clock().timestamp() + seconds)


def program(world: World, client: aiohttp.ClientSession, token: str) -> Program:
    return Program(client, f"http://127.0.0.1:{world.bot.http.port}", token)


def mailed(world: World) -> Counter[str]:
    return Counter(address for mail in world.aws.outbox.mails for address in mail.to)


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@BOTH_DATABASES
async def test_a_copy_3_hours_old_from_the_middle_of_a_broadcast_mails_nobody_twice(
    world: World, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    await world.is_ready(rate=10)
    token = await make_token(world)
    late = await world.composes(LATE, send_at=at(world, 5 * HOUR))
    await world.confirms(late)
    await world.confirms(await world.composes(PEOPLE))
    copy = tmp_path / "copy"
    await is_copied_in_the_middle(world, copy)
    assert mailed(world).total() == SIZE
    assert (
        await create(program(world, client, token), "since", audience="email\nsince@elsewhere.test\n")
    ).status == 201
    await goes_out(world)
    await leave(world)
    world.clock.advance(3 * HOUR)

    said = "\n".join(await is_set_back(world, copy))

    assert "as it was 3 hours" in said
    assert "to 60 recipients, 50 recipients in doubt" in said  # ten more were being sent already
    assert "to 3 recipients, 0 recipients in doubt" in said
    assert "From 1 file of the journal 2 suppressions came back" in said
    await world.says_what_it_has_to()
    question = await world.bob.sees(world.news, "restored from 3 hours")
    assert "go on or cancel?" in question.text
    assert "2 suppressions since came back from the journal" in question.text
    assert question.buttons == ["Cancel broadcast", "Cancel broadcast", "Go on"]
    asking = program(world, client, token)
    assert [(await create(asking, key)).json["code"] for key in ("since", "new")] == ["RESTORED", "RESTORED"]
    running = await world.bob.sees(world.news, "60 recipients is paused: the database was restored")
    assert running.buttons == ["Go on", "Cancel broadcast", "Get the list"]
    held = await world.bob.sees(world.news, "3 recipients is paused: the database was restored")
    assert held.buttons == ["Go on", "Cancel broadcast"]
    for each in (await asking.reads("/broadcasts"))["items"]:
        assert each["paused_for"] == ["restored"]
        for what in ("resume", "undo"):
            assert (await steer(asking, each["id"], what)).json["code"] in {"RESTORED", "ALREADY"}
    await world.passes(60)
    assert max(mailed(world).values()) == 1

    await world.bob.press(question, "Go on")
    await world.settle()
    await world.bob.sees(world.news, "@Bob let everything go on")
    await world.bob.sees(world.news, f"{SIZE} recipients is done")  # what was told since was waiting in the queue
    await world.passes(2 * HOUR)
    await world.bob.sees(world.news, "3 recipients is done")
    assert mailed(world) == dict.fromkeys([*ADDRESSES, "late@elsewhere.test", "since@elsewhere.test"], 1)
    await world.bot.services.erasures.tick()
    await world.bot.services.erasures.idle()
    assert "erased@elsewhere.test" not in str(await world.everything_stored())
    assert (await create(asking, "new", audience="email\nnew@elsewhere.test\n")).status == 201
