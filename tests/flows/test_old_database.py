"""A database from before the packages and classes were renamed opens, and what was under way in it goes on."""

import contextlib
import json
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from storage.sealing import Secret
from tests.databases import Clock
from tests.flows.program import Program
from tests.flows.world import World, open_world
from tests.playground.aws import ACCOUNT, AwsPlayground

HERE = Path(__file__).parent
FACTS: dict[str, Any] = json.loads((HERE / "old_database.json").read_text())
DAY = 86_400.0


@pytest.fixture
async def old(aws: AwsPlayground, tmp_path: Path, clock: Clock) -> AsyncIterator[World]:
    """The bot as it is now, on what it stored then: a sent broadcast, one for tomorrow, an alert, a token."""
    file = tmp_path / "mailroom.db"
    with contextlib.closing(sqlite3.connect(file)) as old_one:
        old_one.executescript((HERE / "old_database.sql").read_text())
    clock.advance((datetime.fromisoformat(FACTS["now"]) - clock()).total_seconds())
    made = aws.create_key(ACCOUNT)  # which is then the one that was sealed
    credential = aws.directory.credentials.pop(made.access_key_id)
    credential.key = replace(made, access_key_id=FACTS["key"][0], secret_access_key=FACTS["key"][1])
    aws.directory.credentials[credential.key.access_key_id] = credential
    url = f"sqlite+aiosqlite:///{file}"
    async with open_world(aws, url, clock, mailroom_keys=Secret(FACTS["keys"])) as built:
        built.ses.verify("acme.test")
        built.ses.grant_production(50_000, 50)
        yield built


async def test_what_was_scheduled_then_goes_out_now(old: World) -> None:
    assert old.news.id == FACTS["news"]  # so that it is the same channel
    await old.slack.invite_bot(old.news)
    await old.settle()
    await old.asks(old.bob, "/mailer", "acme.test is verified")
    listed = await old.asks(old.bob, "/broadcast list", "Spring news")
    assert "2 recipients" in listed.text
    assert "3 recipients" in listed.text

    await old.passes(DAY)

    mailed = sorted(address for mail in old.aws.outbox.mails for address in mail.to)
    assert mailed == ["cyd@elsewhere.test", "dee@elsewhere.test", "gone@elsewhere.test"]
    async with aiohttp.ClientSession() as session:
        program = Program(session, f"http://127.0.0.1:{old.bot.http.port}", FACTS["token"])
        broadcasts = (await program.get("/broadcasts")).json["items"]
    assert [one["state"] for one in broadcasts] == ["done", "done"]
