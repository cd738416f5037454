"""The whole path of a recipient, claim to record, beside a bare loop of calls; and how near it comes to the rate."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from statistics import median
from typing import Any

from bot.broadcast.content.message import PersonalizerCache, Recipient
from bot.ses.bulk_send import request_body
from storage.models import Broadcast
from tests.benchmarks.measure import (
    Measured,
    Spent,
    at_least_times,
    at_most,
    at_most_times,
    grows,
    microseconds,
    say,
    spending,
)
from tests.benchmarks.rig import SENDER, Rig, bare_client, rig
from tests.benchmarks.ses import started, tally
from tests.databases import Databases

CHUNK = 50
SIZE = 100_000
ROUNDS = 3  # other work on the machine moved one by a third


async def cpu(kind: str, scale: float) -> Sequence[Measured]:
    """CPU of this process for each recipient, with an SES that answers at once: medians of some rounds."""
    size = max(10 * CHUNK, int(SIZE * scale))
    name = "send_cpu_sqlite" if kind == "sqlite" else "send_cpu_postgres"
    with Databases() as databases, started() as ses:
        rounds = [await _round(databases, kind, ses, size) for _ in range(ROUNDS)]
    at_a_tenth, value, floor, single = (median(costs) for costs in zip(*rounds, strict=True))
    unit = "µs CPU a recipient"
    return [
        at_most_times(name, value, unit, floor, 2.7),
        Measured(f"{name}.single", single, unit, value, "at least 7 times", single >= 7 * value),
        grows(name, value, unit, at_a_tenth),
    ]


async def _round(databases: Databases, kind: str, ses: str, size: int) -> tuple[float, float, float, float]:
    """Return µs for each recipient: of a tenth of them, of all, of a bare loop in bulk, and one by one."""
    async with rig(await databases.create(kind), ses) as small:
        at_a_tenth = await _send(small, size // 10)
    async with rig(await databases.create(kind), ses) as full:
        broadcast = await full.confirmed(await full.connect(), size)
        loops = await _Loops.of(full, broadcast, ses)
        before = loops.bulk(size // 10)
        spent = await _run(full, size)
        floor = (before + loops.bulk(size // 10)) / 2
        single = loops.single(size // 100)
    say(f"{size:,} recipients in {spent.wall:.1f} s; a bare loop takes {floor:.1f} µs each")
    return at_a_tenth, spent.cpu / size * 1e6, floor, single


async def _send(made: Rig, size: int) -> float:
    await made.confirmed(await made.connect(), size)
    return (await _run(made, size)).cpu / size * 1e6


async def _run(made: Rig, size: int) -> Spent:
    engine = made.engine()
    await engine.tick()  # it starts
    with spending() as spent:
        while (await made.counts()).get("sent", 0) < size:
            await engine.tick()
            await engine.idle()
    return spent


class _Loops:
    """What a user would write: calls in a loop, of one client, with what they carry made beforehand."""

    def __init__(self, url: str, request: dict[str, Any]) -> None:
        self._client = bare_client(url)
        self._request = request

    @classmethod
    async def of(cls, made: Rig, broadcast: Broadcast, url: str) -> _Loops:
        """Take the request that Mailroom itself would make for the first recipients."""
        personalizers = PersonalizerCache(made.keys.derive("unsubscribe"))
        personalizer = await made.db.run(lambda connection: personalizers.of(connection, broadcast))
        people = [
            Recipient(seq, f"r{seq}@c1.example", [f"r{seq}@c1.example", f"Name {seq}", "Springfield", f"{seq:08x}"])
            for seq in range(1, CHUNK + 1)
        ]
        entries, tags = personalizer.entries(people), personalizer.tags("0" * 32)
        sender, reply_to = personalizer.fixed.sender, personalizer.reply_to
        body = request_body(sender, reply_to, "mailroom", personalizer.template, entries, tags)
        return cls(url, json.loads(body))

    def bulk(self, size: int) -> float:
        """Return µs of CPU for each recipient, with calls of 50."""
        return microseconds(lambda: self._client.send_bulk_email(**self._request), size // CHUNK + 1) / CHUNK

    def single(self, size: int) -> float:
        """Return µs of CPU for each recipient, with a call for each."""
        content = self._request["DefaultContent"]["Template"]["TemplateContent"]
        body = {"Html": {"Data": content["Html"]}, "Text": {"Data": content["Text"]}}
        request = {
            "FromEmailAddress": SENDER,
            "ConfigurationSetName": "mailroom",
            "Destination": self._request["BulkEmailEntries"][0]["Destination"],
            "Content": {"Simple": {"Subject": {"Data": content["Subject"]}, "Body": body}},
            "EmailTags": self._request["DefaultEmailTags"],
        }
        return microseconds(lambda: self._client.send_email(**request), size + 1)


async def rate(limit: int, scale: float) -> Sequence[Measured]:
    """How near a broadcast comes to `limit` recipients a second, where SES counts every one of them."""
    size = max(4 * min(limit, CHUNK), int(limit * 40 * scale))
    with Databases() as databases, started(rate=limit) as ses:
        async with rig(await databases.create("sqlite"), ses) as made:
            await made.confirmed(await made.connect(), size)
            engine = made.engine()
            began = time.monotonic()
            while (await made.counts()).get("sent", 0) < size:
                await engine.tick()
                await asyncio.sleep(0.5)
                if time.monotonic() - began > 20 + 3 * size / limit:
                    break
            await engine.stop()
        told = tally(ses)
    name = f"send_rate_{limit}"
    # The first call of many goes at once: what is accepted after it took the time.
    accepted = (told["accepted"] - min(limit, CHUNK)) / told["seconds"]
    refused = 100 * told["throttled"] / max(1, told["calls"])
    return [
        at_least_times(name, accepted, "recipients a second", limit, 0.97),
        at_most(f"{name}.throttled", refused, "% of calls", 0.5),
        Measured(f"{name}.twice", told["twice"], "recipients", None, "none", told["twice"] == 0),
    ]
