"""Saved audiences by API: a program keeps one in step with its own list."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from typing import Any

from tests.flows.program import Got, Program
from tests.flows.test_api_sending import create
from tests.flows.world import OVER_HTTP, World

PATH = "/api/v1/audiences/EU%2Fcustomers"
CSV, NDJSON = {"Content-Type": "text/csv"}, {"Content-Type": "application/x-ndjson"}
GZIP = {"Content-Encoding": "gzip"}
LIST = "Mail,external_id,Plan\nann@elsewhere.test,17,pro\nben@elsewhere.test,18,free\nBEN@elsewhere.test,19,free\n,,pro"
COUNTS = ("added", "changed", "removed", "unchanged", "duplicates", "invalid", "size", "revision")


async def put(program: Program, body: bytes | str, headers: dict[str, str], query: str = "") -> Got:
    data = body.encode() if isinstance(body, str) else body
    return await program.ask("PUT", f"{PATH}{query}", data=data, headers=headers)


def lines(*rows: Any) -> bytes:
    return "".join(f"{json.dumps(row)}\n" for row in rows).encode()


def counts(got: Got) -> list[int]:
    assert got.status in {200, 201}, got.raw
    return [got.json[name] for name in COUNTS]


def code(got: Got) -> tuple[int, str]:
    return got.status, got.json["code"]


@OVER_HTTP
async def test_a_program_keeps_a_list_in_step_and_mails_to_it_as_it_is_at_that_moment(
    world: World, program: Program
) -> None:
    await world.is_open()
    made = await put(program, LIST, CSV | {"If-None-Match": "*"})
    assert (made.status, made.headers["ETag"]) == (201, '"1"')
    assert counts(made) == [2, 0, 0, 0, 1, 1, 2, 1]
    assert made.json["columns"] == ["email", "external_id", "plan"]
    assert made.json["rejected"] == [
        {"line": 4, "value": "BEN@elsewhere.test", "reason": "is the same as line 3"},
        {"line": 5, "value": "", "reason": "has no address"},
    ]

    sent = await create(program, subject="News", saved_audience="EU/Customers", audience=None)
    assert sent.json["audience"] == {"name": "EU/customers", "revision": 1}

    rows = [
        {"email": "ann@elsewhere.test", "external_id": 17, "plan": "pro"},
        {"email": "ben@elsewhere.test", "external_id": "18", "plan": "pro"},
        {"email": "cyd@elsewhere.test", "external_id": None, "plan": True},
    ]
    changed = await put(program, gzip.compress(lines(*rows)), NDJSON | GZIP | {"If-Match": '"1"'})
    assert (changed.status, changed.headers["ETag"]) == (200, '"2"')
    assert counts(changed) == [1, 1, 0, 1, 0, 0, 3, 2]
    same = await put(program, lines(*rows), NDJSON)
    assert counts(same) == [0, 0, 0, 3, 0, 0, 3, 2]

    patch = {"upsert": [{"email": "dee@elsewhere.test", "plan": "free"}], "remove": ["cyd@elsewhere.test", "x@y.test"]}
    patched = await program.ask("PATCH", PATH, json=patch, headers={"If-Match": '"9", "2"'})
    assert (patched.headers["ETag"], counts(patched)) == ('"3"', [1, 0, 1, 1, 0, 0, 3, 3])

    got = await program.ask("GET", PATH)
    assert (got.status, got.headers["ETag"], got.headers["Content-Type"]) == (200, '"3"', "text/csv; charset=utf-8")
    assert got.raw.decode().splitlines() == [
        "email,external_id,plan",
        "ann@elsewhere.test,17,pro",
        "ben@elsewhere.test,18,pro",
        "dee@elsewhere.test,,free",
    ]
    as_json = await program.ask("GET", PATH, headers={"Accept": "application/x-ndjson"})
    assert json.loads(as_json.raw.splitlines()[0]) == {
        "email": "ann@elsewhere.test",
        "external_id": "17",
        "plan": "pro",
    }
    (item,) = (await program.reads("/audiences"))["items"]
    assert (item["name"], item["size"], item["revision"]) == ("EU/customers", 3, 3)

    await world.passes(120)
    deliveries = (await program.reads(f"/broadcasts/{sent.json['id']}/deliveries"))["items"]
    assert [(one["address"], one["external_id"]) for one in deliveries] == [
        ("ann@elsewhere.test", "17"),
        ("ben@elsewhere.test", "18"),
    ]
    later = await create(program, subject="More news", saved_audience="eu/customers", audience=None)
    assert (later.json["audience"]["revision"], later.json["size"]) == (3, 3)

    assert (await program.ask("DELETE", PATH, headers={"If-Match": '"2"'})).status == 412
    assert (await program.ask("DELETE", PATH)).status == 204
    assert [(await program.ask(method, PATH)).status for method in ("GET", "DELETE")] == [404, 404]
    assert (await program.reads(f"/broadcasts/{later.json['id']}"))["size"] == 3
    await world.passes(15)
    said = [text for one in world.slack.messages(world.news) if "audience “" in (text := world.slack.text_of(one))]
    assert said == [
        ":busts_in_silhouette: API token “Deploy script” on 24 November 2026: audience “EU/customers” removed."
    ]


@OVER_HTTP
async def test_what_cannot_be_taken_is_said_with_its_line_and_nothing_of_it_stays(
    world: World, program: Program
) -> None:
    await world.is_open()
    assert (await put(program, LIST, CSV)).status == 201
    many = [f'{{"email": "p{number}@elsewhere.test"}}' for number in range(1, 9_999)]
    body = "\n".join([*many, "{cut", '{"email": "last@elsewhere.test"}']).encode()
    refused = await put(program, body, NDJSON, "?invalid=refuse")
    assert (*code(refused), refused.json["line"]) == (422, "LINE_INVALID", 9_999)
    stale = await put(program, LIST, CSV | {"If-Match": '"7"'})
    assert (*code(stale), stale.headers["ETag"]) == (412, "PRECONDITION_FAILED", '"1"')
    packed = gzip.compress(lines({"email": "ann@elsewhere.test"}))
    for body, headers, query, expected in (
        (LIST.encode(), CSV | {"If-None-Match": "*"}, "", (412, "PRECONDITION_FAILED")),
        (LIST.encode(), CSV | GZIP, "", (400, "NOT_GZIP")),
        (packed[:-9], NDJSON | GZIP, "", (400, "BODY_INCOMPLETE")),
        (packed, NDJSON | {"Content-Encoding": "br"}, "", (415, "UNSUPPORTED_MEDIA_TYPE")),
        (LIST.encode(), {"Content-Type": "application/json"}, "", (415, "UNSUPPORTED_MEDIA_TYPE")),
        (LIST.encode(), CSV, "?address_column=nothing", (422, "UNKNOWN_COLUMN")),
        (b"email,email_2\na@x.test,b@x.test\n", CSV, "", (201, "")),
        (b"work,home\na@x.test,b@x.test\n", CSV, "", (422, "AUDIENCE_AMBIGUOUS")),
        (b"\n\n", NDJSON, "", (422, "AUDIENCE_EMPTY")),
        (b'{"email": 17}\n[]\n{"mail": "a@x.test"}\n', NDJSON, "", (422, "AUDIENCE_NO_RECIPIENTS")),
    ):
        got = await put(program, body, headers, query)
        assert (got.status, got.json.get("code", "")) == expected or expected[0] == 201, got.raw
    nothing = {"upsert": [{"plan": "pro"}]}
    assert code(await program.ask("PATCH", PATH, json=nothing)) == (422, "INVALID")
    assert (await program.ask("PATCH", "/api/v1/audiences/other", json={})).status == 404
    everybody = {"remove": ["ann@elsewhere.test", "ben@elsewhere.test", "a@x.test"]}
    assert code(await program.ask("PATCH", PATH, json=everybody)) == (422, "AUDIENCE_NO_RECIPIENTS")
    named = await program.ask("PUT", f"/api/v1/audiences/{'x' * 61}", data=LIST, headers=CSV)
    assert (*code(named), named.json["errors"][0]["parameter"]) == (422, "AUDIENCE_NAME", "name")


@OVER_HTTP
async def test_one_file_of_a_channel_comes_in_at_a_time_and_one_that_is_cut_off_changes_nothing(
    world: World, program: Program
) -> None:
    await world.is_open()
    begun, goes_on = asyncio.Event(), asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield LIST.encode()
        begun.set()
        await goes_on.wait()
        yield b"\ndee@elsewhere.test,20,pro\n"

    first = asyncio.create_task(program.ask("PUT", PATH, data=slowly(), headers=CSV))
    await begun.wait()
    for _ in range(50):
        if (second := await put(program, LIST, CSV)).status != 201:
            break
        await program.ask("DELETE", PATH)  # the first one was not here yet
        world.clock.advance(60)  # so that its token may ask again
    assert second.status == 429
    assert (*code(second), second.headers["Retry-After"]) == (429, "IMPORT_UNDER_WAY", "5")
    goes_on.set()
    assert (await first).json["size"] == 3

    reader, writer = await asyncio.open_connection("127.0.0.1", world.bot.http.port)
    head = f"PUT {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {program.token}\r\nContent-Type: text/csv\r\n"
    writer.write(f"{head}Content-Length: 500\r\n\r\n{LIST}".encode())
    writer.write_eof()
    answer = (await reader.read()).decode()
    writer.close()
    assert "BODY_INCOMPLETE" in answer
    assert (await program.ask("GET", PATH)).headers["ETag"] == '"1"'
