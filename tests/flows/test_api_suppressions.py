"""The suppression list for programs: in step by its changes, filled in bulk, lifted with evidence; and people."""

import json
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any

from sqlmodel import select

from storage.models import Audit, Suppression
from tests.flows.program import Got, Program
from tests.flows.world import BOTH_DATABASES, OVER_HTTP, World

ANN = "ann@elsewhere.test"
NDJSON = {"Content-Type": "application/x-ndjson"}
BULK = "/api/v1/suppressions/bulk"


async def bulk(program: Program, *lines: Any, invalid: str = "", **headers: str) -> Got:
    body = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    query = {"invalid": invalid} if invalid else {}
    return await program.ask("POST", BULK, data=BytesIO(body.encode()), params=query, headers=NDJSON | headers)


def answered(got: Got) -> list[tuple[int, str | None, str]]:
    assert got.status == 200, got.raw
    assert got.headers["Content-Type"] == "application/x-ndjson"
    lines = [json.loads(line) for line in got.raw.decode().splitlines()]
    return [(one["line"], one["address"], one["result"]) for one in lines]


async def lift(program: Program, address: str, at: datetime, how: str = "By mail") -> Got:
    consent = {"at": at.isoformat(), "how": how}
    return await program.ask("POST", "/api/v1/suppressions/lift", json={"address": address, "consent": consent})


@BOTH_DATABASES
async def test_a_program_keeps_in_step_by_the_order_of_change(world: World, program: Program) -> None:
    await world.is_connected()
    first = await program.reads("/suppressions", since="", limit=2)
    assert first["items"] == []
    await bulk(program, {"address": "b@else.test"}, {"address": "a@else.test"}, {"address": "A_1@else.test"})
    world.clock.advance(60)
    await program.ask("POST", "/api/v1/suppressions", json={"address": "_c@else.test"})

    seen, cursor = [], first["next_cursor"]
    while (page := await program.reads("/suppressions", since=cursor, limit=2))["items"]:
        seen += page["items"]
        cursor = page["next_cursor"]
    assert [one["address"] for one in seen] == ["a@else.test", "A_1@else.test", "b@else.test", "_c@else.test"]
    assert page["next_cursor"] == cursor
    await program.ask("DELETE", "/api/v1/suppressions", params={"address": "b@else.test"})

    (item,) = (await program.reads("/suppressions", since=cursor))["items"]
    assert (item["address"], item["state"], item["id"]) == ("b@else.test", "lifted", None)
    assert item["changed_at"] == item["lifted_at"]
    assert len((await program.reads("/suppressions", since=""))["items"]) == 4
    assert (await program.reads("/suppressions", since="", reason="bounce"))["items"] == []
    assert len((await program.reads("/suppressions", reason="by_hand"))["items"]) == 3
    assert (await program.reads("/suppressions", reason="bounce"))["items"] == []
    for query in ({"since": "x"}, {"since": "", "cursor": cursor}, {"since": "", "reason": "any"}):
        assert (await program.get("/suppressions", **query)).status == 422, query


@BOTH_DATABASES
async def test_many_lines_are_answered_one_by_one_and_the_stronger_reason_counts(
    world: World, program: Program
) -> None:
    await world.is_connected()
    await bulk(program, {"address": "known@else.test", "reason": "cleaned", "at": "2026-01-05T10:00:00Z"})

    got = await bulk(
        program,
        {"address": "Ann@else.test", "reason": "opt-out"},
        "",
        {"address": "known@else.test", "reason": "spam"},
        {"address": "nobody"},
        "{",
        {"address": "x@else.test", "why": "typo"},
        {"address": "x@else.test", "at": "2026-01-05"},
        "[]",
        {"address": "ann@else.test"},
        {"address": "y@else.test", "reason": "left"},
    )

    assert answered(got) == [
        (1, "Ann@else.test", "added"),
        (3, "known@else.test", "known"),
        (4, None, "invalid"),
        (5, None, "invalid"),
        (6, None, "invalid"),
        (7, None, "invalid"),
        (8, None, "invalid"),
        (9, "ann@else.test", "known"),
        (10, "y@else.test", "added"),
    ]
    async with world.bot.db.read() as session:
        rows = {row.address: (row.reason, row.word) for row in await session.exec(select(Suppression))}
    assert rows == {
        "known@else.test": ("complaint", "spam"),
        "Ann@else.test": ("unsubscribed", "opt-out"),
        "y@else.test": ("by_hand", "left"),
    }


@OVER_HTTP
async def test_refuse_keeps_nothing_and_names_the_line(world: World, program: Program) -> None:
    await world.is_connected()
    lines = [{"address": f"p{number}@else.test"} for number in range(9_998)]

    refused = await bulk(program, *lines, "{", {"address": ANN}, invalid="refuse")

    assert refused.status == 422
    assert (refused.json["code"], refused.json["line"]) == ("LINE_INVALID", 9_999)
    async with world.bot.db.read() as session:
        assert (await session.exec(select(Suppression))).first() is None
    taken = answered(await bulk(program, *lines, "{", {"address": ANN}))
    assert len(taken) == 10_000
    assert {result for _, _, result in taken} == {"added", "invalid"}


@OVER_HTTP
async def test_too_much_is_refused_and_the_same_key_has_one_effect(world: World, program: Program) -> None:
    await world.is_connected()

    assert (await bulk(program, *(f'{{"address":"p{number}@else.test"}}' for number in range(10_001)))).status == 413
    assert (await bulk(program, "x" * (5 * 1024 * 1024 + 1))).status == 413
    assert (await program.ask("POST", BULK, json={"address": ANN})).status == 415
    assert (await bulk(program, {"address": ANN}, invalid="perhaps")).status == 422
    key = {"Idempotency-Key": "k1"}
    once, twice = [await bulk(program, {"address": ANN}, **key) for _ in range(2)]
    assert once.raw == twice.raw
    assert (await bulk(program, {"address": ANN}, invalid="refuse", **key)).json["code"] == "KEY_REUSED"


@OVER_HTTP
async def test_an_unsubscribe_is_lifted_by_a_younger_consent_and_a_complaint_by_none(
    world: World, program: Program
) -> None:
    await world.is_connected()
    left = world.clock() - timedelta(days=10)
    await bulk(program, {"address": ANN, "reason": "unsubscribed", "at": left.isoformat()})
    await bulk(program, {"address": "ben@else.test", "reason": "complaint", "at": left.isoformat()})

    assert (await lift(program, ANN, left)).json["code"] == "CONSENT_TOO_OLD"
    assert (await lift(program, ANN, left)).status == 409
    assert (await lift(program, ANN, world.clock() + timedelta(days=1))).json["code"] == "CONSENT_IN_FUTURE"
    assert (await lift(program, "ben@else.test", world.clock())).json["code"] == "SUPPRESSION_STAYS"
    assert (await lift(program, "nobody@else.test", world.clock())).status == 404
    done = await lift(program, ANN, left + timedelta(days=1), "Form on the web site")

    assert (done.status, done.json) == (200, {"at_aws": "not_listed"})
    async with world.bot.db.read() as session:
        (told,) = await session.exec(select(Audit).where(Audit.action == "suppression.lift"))
    assert told.after["how"] == "Form on the web site"


async def test_a_person_is_read_and_erased(world: World, program: Program) -> None:
    await world.is_open()
    await world.sends()
    path = f"/people/{ANN}"
    known = await program.reads(path)
    assert (known["state"], known["suppression"]) == ("known", None)
    assert [one["subject"] for one in known["deliveries"]] == ["Spring news"]
    assert known["audiences"][0]["fields"]["email"] == ANN
    assert (await program.get("/people/nobody@else.test")).status == 404
    assert (await program.get("/people/nobody")).status == 422

    erased = await program.ask("DELETE", f"/api/v1{path}")
    assert (erased.status, erased.json) == (202, {"state": "erasing"})
    assert (await program.reads(path))["state"] == "erasing"
    await world.bot.services.erasures.tick()
    await world.bot.services.erasures.idle()

    assert (await program.get(path)).status == 404
    assert (await program.ask("DELETE", f"/api/v1{path}")).status == 404
    (item,) = (await program.reads("/suppressions"))["items"]
    assert item["reason"] == "erased"
    assert item["address"].endswith("@erased.invalid")
    answer = answered(await bulk(program, {"address": ANN}))
    assert answer == [(1, item["address"], "known")]  # the answer is kept too, for the same key
    assert len((await program.reads("/suppressions"))["items"]) == 1
