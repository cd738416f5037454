"""How long Slack waits for an acknowledgement from a busy Mailroom, beside a Bolt app that does nothing else.

The bot is a process of its own in HTTP mode, with a broadcast under way and 1,000 mailers to look at. Each interaction
is brought at its time, whether or not those before it are answered, and the wait counts from that time.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from statistics import median, quantiles
from typing import Any

import aiohttp

from handlers.slack.ids import Button, Ref
from storage.models import Broadcast
from tests.benchmarks.measure import Measured, at_most, at_most_times, say
from tests.benchmarks.polling import have_due, looked_at, store_mailers
from tests.benchmarks.rig import Rig, rig
from tests.benchmarks.ses import running, started, tally
from tests.benchmarks.slack import PERSON, RESPONSES, WORKSPACE
from tests.benchmarks.starting import bot_environment
from tests.databases import Databases
from tests.playground.slack.delivery import Kind, encoded, signed_headers
from tests.playground.stage import ROOT, Bot

RATE, SECONDS = 100, 10  # interactions a second, in each run
RUNS = 5
MAILERS = 1_000
SENDING = 500  # recipients a second
LEAD = 10  # seconds that the broadcast has to do beyond the load
_triggers = count(1)


async def ack_p99(scale: float) -> Sequence[Measured]:
    seconds = max(3, SECONDS * scale)
    with Databases() as databases, started(rate=SENDING) as ses, running("tests.benchmarks.slack") as slack:
        url = await databases.create("sqlite")
        async with rig(url, ses) as made:
            broadcast = await _busy(made, RUNS * seconds)
        environment = bot_environment(
            SLACK_API_URL=f"{slack}/api/",
            DATABASE_URL=url,
            MAILROOM_KEYS=made.keys.export().reveal(),
            AWS_ENDPOINT_URL=ses,
        )
        load = _Load(environment, slack, broadcast, seconds)
        with _empty(environment):
            floor = await load.median_p99()
        bot = Bot(environment, databases.directory / "bot.log")
        await bot.start()
        value = await load.median_p99()
        sent, answers = tally(ses)["accepted"], tally(slack)["answers"]
        await bot.stop()
        async with rig(url, ses, made.keys) as left:
            looks = await looked_at(left.db)
    say(f"meanwhile {sent:,.0f} recipients, {looks:,} of {MAILERS:,} mailers, {answers:,.0f} answers to people")
    return [at_most_times("ack_p99", value, "ms", floor, 3), at_most("ack_p99.most", value, "ms", 500)]


async def _busy(made: Rig, seconds: float) -> Broadcast:
    """Leave a broadcast and the looks for the bot to begin with."""
    await store_mailers(made, MAILERS)
    team = await made.connect(MAILERS + 1)
    broadcast = await made.confirmed(team, int(SENDING * (seconds + LEAD)))
    await have_due(made.db, MAILERS)
    return broadcast


@contextmanager
def _empty(environment: dict[str, str]) -> Iterator[None]:
    command = [sys.executable, "-m", "tests.benchmarks.empty"]
    with subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.DEVNULL) as process:  # noqa: S603 - ourselves
        try:
            yield
        finally:
            process.terminate()


@dataclass
class _Load:
    """Interactions of people: how things stand, help, and how the broadcast is doing."""

    environment: dict[str, str]
    slack: str
    broadcast: Broadcast
    seconds: float

    async def median_p99(self) -> float:
        return median([await self.p99() for _ in range(RUNS)])

    async def p99(self) -> float:
        """Return how many ms it took until all but one of a hundred were acknowledged."""
        async with aiohttp.ClientSession(f"http://127.0.0.1:{self.environment['PORT']}") as http:
            await self._until_there(http)
            began = time.perf_counter()
            waits = [
                asyncio.create_task(self._wait(http, began + number / RATE, number))
                for number in range(int(RATE * self.seconds))
            ]
            return 1000 * quantiles(await asyncio.gather(*waits), n=100)[-1]

    async def _wait(self, http: aiohttp.ClientSession, at: float, number: int) -> float:
        await asyncio.sleep(at - time.perf_counter())
        kind, payload = self._interaction(number)
        content_type, body = encoded(kind, payload)
        secret = self.environment["SLACK_SIGNING_SECRET"]
        headers = {"Content-Type": content_type, **signed_headers(secret, body, int(time.time()))}
        async with http.post("/slack/events", data=body, headers=headers) as answer:
            assert answer.status == 200, await answer.text()
            return time.perf_counter() - at

    def _interaction(self, number: int) -> tuple[Kind, dict[str, Any]]:
        both = {"trigger_id": f"{next(_triggers)}.1", "response_url": f"{self.slack}{RESPONSES}/{number}"}
        if number % 3 == 2:
            button = {"type": "button", "action_id": Button.SHOW, "block_id": "b", "value": self._ref, "action_ts": "1"}
            person = {"id": PERSON, "team_id": WORKSPACE}
            click = {"type": "block_actions", "team": {"id": WORKSPACE}, "user": person, "actions": [button], **both}
            return Kind.INTERACTION, click
        return Kind.COMMAND, {
            "team_id": WORKSPACE,
            "channel_id": f"C{1 + number % MAILERS}",
            "channel_name": f"news-{1 + number % MAILERS}",
            "user_id": PERSON,
            "command": "/mailer",
            "text": "help" if number % 3 else "",
            **both,
        }

    @property
    def _ref(self) -> str:
        return str(Ref(self.broadcast.team_id, self.broadcast.id, self.broadcast.version))

    @staticmethod
    async def _until_there(http: aiohttp.ClientSession) -> None:
        while True:
            try:
                async with http.get("/readyz"):
                    return
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.05)  # another process: there is nothing to wait on but its port
