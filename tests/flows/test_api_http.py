"""The API as HTTP: errors, headers, idempotency keys, and a description that is true."""

import asyncio
import io
import json
import re
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel import select

from bot.suppression import unsubscribe_links
from storage.models import Broadcast, Suppression
from storage.states import DeliveryState, SuppressionReason
from tests.audit_log import audits
from tests.flows.program import PROBLEM, Got, Program, counted, make_token
from tests.flows.schema import Schemas, references
from tests.flows.test_api_sending import create
from tests.flows.test_feedback import broadcasts, states
from tests.flows.world import BOTH_DATABASES, OVER_HTTP, OVER_SOCKET_MODE, World
from tests.links import link_token


async def suppress(program: Program, address: str, key: str = "") -> Got:
    headers = {"Idempotency-Key": key} if key else {}
    return await program.ask("POST", "/api/v1/suppressions", json={"address": address}, headers=headers)


async def lift(program: Program, address: str) -> Got:
    return await program.ask("DELETE", "/api/v1/suppressions", params={"address": address})


# Suppressions


async def test_an_address_is_suppressed_once_and_may_be_let_go_again(world: World, program: Program) -> None:
    first = await suppress(program, "Ann@Elsewhere.test")
    again = await suppress(program, "ann@elsewhere.test")

    assert (first.status, again.status) == (201, 200)
    assert first.json == again.json
    assert (first.json["address"], first.json["reason"]) == ("Ann@elsewhere.test", "by_hand")
    assert (await program.reads("/suppressions"))["items"] == [first.json]
    gone = await lift(program, "ann@elsewhere.test")
    assert (gone.status, gone.raw) == (204, b"")
    assert (await program.reads("/suppressions"))["items"] == []
    assert (await lift(program, "ann@elsewhere.test")).status == 404
    done = [row.action for row in await audits(world.bot.db) if row.actor.startswith("token:")]
    assert done == ["suppression.add", "suppression.remove"]


@pytest.mark.long
async def test_what_is_lifted_here_is_lifted_at_aws_too(world: World, program: Program) -> None:
    await world.is_ready()
    await suppress(program, "ann@elsewhere.test")
    world.ses.suppress("Ann@elsewhere.test")

    assert (await lift(program, "ann@elsewhere.test")).status == 204

    assert world.ses.suppressed == {}
    await broadcasts(world, "email\nann@elsewhere.test\n")
    assert await states(world) == {"ann@elsewhere.test": DeliveryState.DELIVERED}


@OVER_HTTP
async def test_what_stays_on_the_list_of_aws_is_said(world: World, program: Program) -> None:
    key = await world.is_connected()
    world.ses.grant_production()
    world.aws.set_permissions(key, deny=["ses:DeleteSuppressedDestination"])
    await world.passes(60)
    for address in ("ann@elsewhere.test", "ben@elsewhere.test"):
        await suppress(program, address)
    world.ses.suppress("ann@elsewhere.test")

    still = await lift(program, "ann@elsewhere.test")
    assert (still.status, still.json["at_aws"]) == (200, "not_allowed")
    assert "on AWS's own list" in still.json["detail"]
    assert (await lift(program, "ben@elsewhere.test")).status == 204
    assert (await program.reads("/suppressions"))["items"] == []
    removals = await audits(world.bot.db, "suppression.remove")
    assert [row.after for row in removals] == [{"at_aws": "not_allowed"}, {"at_aws": "not_listed"}]


@OVER_HTTP
@pytest.mark.parametrize("reason", [SuppressionReason.UNSUBSCRIBED, SuppressionReason.COMPLAINT])
async def test_what_a_recipient_said_is_not_taken_back(
    world: World, program: Program, reason: SuppressionReason
) -> None:
    await suppress(program, "ann@elsewhere.test")
    async with world.bot.db.write() as session:
        (await session.exec(select(Suppression).with_for_update())).one().reason = reason

    refused = await lift(program, "ann@elsewhere.test")

    assert (refused.status, refused.json["code"]) == (409, "SUPPRESSION_STAYS")
    assert len((await program.reads("/suppressions"))["items"]) == 1


@BOTH_DATABASES
async def test_a_key_has_one_effect_and_one_answer(world: World, program: Program) -> None:
    answers = await asyncio.gather(*(suppress(program, "ann@elsewhere.test", "k1") for _ in range(20)))

    assert {answer.shown[:2] for answer in answers} == {answers[0].shown[:2]}
    assert answers[0].status == 201
    await lift(program, "ann@elsewhere.test")
    assert (await suppress(program, "ann@elsewhere.test", "k1")).shown[:2] == answers[0].shown[:2]
    assert (await program.reads("/suppressions"))["items"] == []
    other_body = await suppress(program, "ben@elsewhere.test", "k1")
    assert (other_body.status, other_body.json["code"]) == (422, "KEY_REUSED")
    other_team = program.holding(await make_token(world, channel=world.slack.channel("other", people=[world.ada])))
    assert (await suppress(other_team, "ben@elsewhere.test", "k1")).status == 201


@OVER_SOCKET_MODE
async def test_a_refused_request_does_not_use_its_key_up(program: Program) -> None:
    assert (await suppress(program, "ann", "k1")).status == 422

    assert (await suppress(program, "ann@elsewhere.test", "k1")).status == 201


@OVER_HTTP
async def test_a_key_is_forgotten_after_a_day_and_not_before(world: World, program: Program) -> None:
    first = await suppress(program, "ann@elsewhere.test", "k1")
    world.clock.advance(86_399)
    await world.bot.housekeeping.purge()
    assert (await suppress(program, "ann@elsewhere.test", "k1")).raw == first.raw

    world.clock.advance(2)
    await world.bot.housekeeping.purge()
    assert (await suppress(program, "ann@elsewhere.test", "k1")).status == 200


# Errors and headers


BAD_PARAMETERS = [
    ("/identities?limit=0", "limit"),
    ("/identities?limit=101", "limit"),
    ("/broadcasts?limit=many", "limit"),
    ("/suppressions?limit=1&limit=2", "limit"),
    ("/suppressions?limits=1", "limits"),
    ("/identities?cursor=!", "cursor"),
    ("/identities?cursor=IgAi", "cursor"),
    ("/identities?cursor=Ilx1MDAwMCI=", "cursor"),
    ("/broadcasts?cursor=WzEsMl0=", "cursor"),
    ("/broadcasts?cursor=WyIwMDAxLTAxLTAxVDAwOjAwOjAwKzE0OjAwIiwgIngiXQ==", "cursor"),
    (f"/broadcasts/{'0' * 32}/deliveries?cursor=OTk5OTk5OTk5OTk5", "cursor"),
    (f"/broadcasts/{'0' * 32}/deliveries?state=lost", "state"),
    ("/readiness?kind=letter", "kind"),
    ("/readiness?size=-1", "size"),
    ("/readiness?size=999999999999999999999", "size"),
    ("/readiness?from=ann", "from"),
    ("/readiness?sender=ann@acme.test", "sender"),
    ("/mailer?verbose=1", "verbose"),
]
AUDIENCE = "/api/v1/audiences/{name}"
BAD_BODIES = [
    (b"{", "application/json", 400),
    (b"", "application/json", 400),
    (b"\xff", "application/json", 400),
    (b"[" * 100_000, "application/json", 400),
    (b"[]", "application/json", 422),
    (b"{}", "application/json", 422),
    (b'{"address": 1}', "application/json", 422),
    (b'{"address": "ann@elsewhere.test", "reason": "bounce"}', "application/json", 422),
    (b'{"address": "ann@elsewhere.test\\u0000"}', "application/json", 422),
    (b'{"address": "ann@elsewhere.test, ben@elsewhere.test"}', "application/json", 422),
    (b'{"address": "ann@elsewhere.test"}', "text/plain", 415),
    (b"address=ann@elsewhere.test", "application/x-www-form-urlencoded", 415),
]


@OVER_SOCKET_MODE
async def test_a_parameter_that_cannot_be_used_is_named(program: Program) -> None:
    for path, parameter in BAD_PARAMETERS:
        got = await program.get(path)
        assert (got.status, got.json.get("status"), got.headers["Content-Type"].split(";")[0]) == (422, 422, PROBLEM), (
            path
        )
        assert [one["parameter"] for one in got.json["errors"]] == [parameter]


@OVER_HTTP
async def test_a_body_that_cannot_be_used_is_refused(program: Program) -> None:
    too_large = (io.BytesIO(b" " * 2_000_000), "application/json", 413)
    for body, kind, status in [*BAD_BODIES, too_large]:
        got = await program.ask("POST", "/api/v1/suppressions", data=body, headers={"Content-Type": kind})
        assert (got.status, got.json["status"], got.headers["Content-Type"].split(";")[0]) == (status, status, PROBLEM)
        assert got.json["code"] == "TOO_LARGE" or status != 413
    assert (await program.reads("/suppressions"))["items"] == []


@BOTH_DATABASES
async def test_a_nul_in_a_body_is_refused_where_it_stands(program: Program, subtests: pytest.Subtests) -> None:
    mail = {"from": "hello@acme.test", "subject": "News", "message": "Hello", "audience": "email\nann@elsewhere.test"}
    for name in ("saved_audience", "audience", "subject", "message", "preheader", "from", "reply_to"):
        with subtests.test(name=name):
            got = await program.ask("POST", "/api/v1/broadcasts", json=mail | {name: "a\0b"})
            assert (got.status, [one["parameter"] for one in got.json["errors"]]) == (422, [name])


async def test_a_lone_surrogate_is_no_json(program: Program) -> None:
    body = b'{"address": "\\ud800@elsewhere.test"}'
    got = await program.ask("POST", "/api/v1/suppressions", data=body, headers={"Content-Type": "application/json"})

    assert (got.status, got.json["code"]) == (400, "NOT_JSON")


@BOTH_DATABASES
async def test_a_name_that_nobody_can_see_is_refused_on_both_databases(
    world: World, program: Program, subtests: pytest.Subtests
) -> None:
    await world.is_connected()
    for name in ("%00", "a%00b", "%7F", "%C2%85"):
        with subtests.test(name=name):
            got = await program.get(f"/identities/{name}")
            assert (got.status, got.json["code"]) == (400, "BAD_REQUEST")


@OVER_HTTP
async def test_a_channel_that_sends_much_is_told_to_wait_and_others_are_not(world: World, program: Program) -> None:
    other = program.holding(await make_token(world, channel=world.slack.channel("other", people=[world.ada])))
    large = {"address": "x" * 900_000}
    statuses = [(await program.ask("POST", "/api/v1/suppressions", json=large)).status for _ in range(12)]

    assert statuses == [422] * 11 + [429]
    assert (await suppress(program, "ann@elsewhere.test")).status == 201  # a small one still fits
    assert (await other.ask("POST", "/api/v1/suppressions", json=large)).status == 422
    world.clock.advance(10)
    assert (await program.ask("POST", "/api/v1/suppressions", json=large)).status == 422


@OVER_HTTP
@pytest.mark.parametrize("headers", ["Content-Length: 400", "Transfer-Encoding: chunked"])
async def test_a_body_that_is_cut_off_has_no_effect_and_says_so(world: World, program: Program, headers: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", world.bot.http.port)
    head = f"POST /api/v1/suppressions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {program.token}\r\n"
    begun = '{"address": "ann@elsewhere.test"}'
    chunk = f"{len(begun):x}\r\n{begun}\r\n" if "chunked" in headers else begun
    writer.write(f"{head}Content-Type: application/json\r\n{headers}\r\n\r\n{chunk}".encode())
    writer.write_eof()

    answer = await asyncio.wait_for(reader.read(), 30)
    writer.close()

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b'"code":"BODY_INCOMPLETE"' in answer
    assert (await program.reads("/suppressions"))["items"] == []


@OVER_HTTP
async def test_a_broadcast_may_be_five_megabytes_and_all_else_one(world: World, program: Program) -> None:
    await world.is_open()
    rows = [{"email": f"p{number}@elsewhere.test", "note": "x" * 300} for number in range(9_000)]

    given = {"from": "hello@acme.test", "subject": "News", "text": "Hello", "mode": "draft", "rows": rows}
    body = io.BytesIO(json.dumps(given).encode())
    made = await program.ask("POST", "/api/v1/broadcasts", data=body, headers={"Content-Type": "application/json"})
    kind = {"Content-Type": "application/json"}
    large, larger = io.BytesIO(b" " * 6_000_000), io.BytesIO(b" " * 1_100_000)
    too_large = await program.ask("POST", "/api/v1/broadcasts", data=large, headers=kind)
    too_many = await program.ask("POST", "/api/v1/suppressions", data=larger, headers=kind)

    assert (made.status, made.json["size"]) == (201, 9_000), made.raw[:300]
    for refused, most in ((too_large, "5 MB"), (too_many, "1 MB")):
        assert (refused.status, refused.json["code"]) == (413, "TOO_LARGE")
        assert most in refused.json["detail"]


@OVER_SOCKET_MODE
async def test_a_compressed_body_is_refused(program: Program) -> None:
    got = await program.ask("POST", "/api/v1/suppressions", json={"address": "ann@elsewhere.test"}, compress=True)

    assert (got.status, got.json["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")


@OVER_HTTP
async def test_only_get_reads_and_nothing_else_is_taken_for_it(program: Program) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        got = await program.ask(method, "/api/v1/mailer")
        assert (got.status, got.headers["Content-Type"].split(";")[0]) == (405, PROBLEM)
        assert "GET" in got.headers["Allow"]


async def test_whatever_is_only_read_changes_nothing(world: World, program: Program) -> None:
    description = (await program.ask("GET", "/api/v1/openapi.json")).json
    await world.is_open()
    await world.sends()
    await _ask(program, "put", AUDIENCE, {"name": "acme.test", "address": "ann@elsewhere.test"})
    async with world.bot.db.read() as session:
        made = (await session.exec(select(Broadcast))).one()
    link = link_token(world.bot.services.link_keys, unsubscribe_links.LinkSubject(made.team_id, made.id, 1))
    paths = [path for path, methods in description["paths"].items() if "get" in methods]
    paths += ["/api/v1/openapi.json", "/api/docs", "/healthz", f"/u/{link}"]  # /readyz and /metrics try a write
    await program.get("/mailer")  # when it was used last is kept once a minute
    statements = counted(world)

    for path in paths:
        for method in ("GET", "HEAD"):
            got = await program.ask(method, path.format(id=made.id, name="acme.test", address="ann@elsewhere.test"))
            assert got.status == 200 or (method, got.status) == ("HEAD", 405), path
            assert [one for one in statements if one != "BEGIN" and not one.startswith("SELECT ")] == [], path
    assert statements


@OVER_SOCKET_MODE
async def test_nothing_is_cached_and_no_other_origin_is_let_in(program: Program) -> None:
    paths = ["/api/v1/mailer", "/api/v1/nothing", "/api/docs", "/api/v1/openapi.json", "/api/v1/mailer?x=1"]
    for who in (program, program.holding(None)):
        for path in paths:
            got = await who.ask("GET", path, headers={"Origin": "https://elsewhere.test"})
            assert got.headers["Cache-Control"] == "no-store"
            assert got.headers["X-Content-Type-Options"] == "nosniff"
            assert not [name for name in got.headers if name.lower().startswith("access-control")]


async def rename_table(world: World, before: str, after: str) -> None:
    async with world.bot.db.write() as session:
        await (await session.connection()).execute(text(f"ALTER TABLE {before} RENAME TO {after}"))


@OVER_HTTP
async def test_an_unexpected_error_says_no_more_than_a_reference(
    world: World, program: Program, caplog: pytest.LogCaptureFixture
) -> None:
    await rename_table(world, "suppression", "elsewhere")
    got = await program.get("/suppressions")
    await rename_table(world, "elsewhere", "suppression")

    assert got.status == 500
    reference = re.search(r"reference ([0-9a-f]{8})", got.json["detail"])
    assert reference
    assert reference[1] in caplog.text
    assert "suppression" not in got.raw.decode()


# The description


@OVER_SOCKET_MODE
async def test_the_description_is_valid_and_names_every_route(anyone: Program) -> None:
    got = await anyone.ask("GET", "/api/v1/openapi.json")

    assert got.json["openapi"] == "3.1.0"
    schemas = {f"#/components/schemas/{name}" for name in got.json["components"]["schemas"]}
    assert set(references(got.json)) == schemas
    assert {f"{method.upper()} {path}" for path, methods in got.json["paths"].items() for method in methods} == {
        "GET /api/v1/mailer",
        "GET /api/v1/identities",
        "GET /api/v1/identities/{name}",
        "GET /api/v1/readiness",
        "GET /api/v1/broadcasts",
        "GET /api/v1/broadcasts/{id}",
        "GET /api/v1/broadcasts/{id}/deliveries",
        "POST /api/v1/broadcasts",
        "PATCH /api/v1/broadcasts/{id}",
        "POST /api/v1/broadcasts/{id}/copy",
        "POST /api/v1/broadcasts/{id}/preview",
        "POST /api/v1/broadcasts/{id}/test",
        "POST /api/v1/broadcasts/{id}/undo",
        "POST /api/v1/broadcasts/{id}/pause",
        "POST /api/v1/broadcasts/{id}/resume",
        "POST /api/v1/broadcasts/{id}/cancel",
        "GET /api/v1/audiences",
        "GET /api/v1/audiences/{name}",
        "PUT /api/v1/audiences/{name}",
        "PATCH /api/v1/audiences/{name}",
        "DELETE /api/v1/audiences/{name}",
        "GET /api/v1/suppressions",
        "POST /api/v1/suppressions",
        "POST /api/v1/suppressions/bulk",
        "POST /api/v1/suppressions/lift",
        "DELETE /api/v1/suppressions",
        "GET /api/v1/people/{address}",
        "DELETE /api/v1/people/{address}",
    }


@OVER_HTTP
async def test_every_route_answers_as_it_is_described(world: World, program: Program) -> None:
    description = (await program.ask("GET", "/api/v1/openapi.json")).json
    seen: set[tuple[str, str, int]] = set()

    async def ask_everything(values: dict[str, str]) -> None:
        for path, methods in description["paths"].items():
            for method, operation in methods.items():
                for who in (program, program.holding(None)):
                    got = await _ask(who, method, path, values)
                    _check(description, operation, got)
                    seen.add((method, path, got.status))

    await ask_everything({"id": "0" * 32, "name": "acme.test", "address": "never@elsewhere.test"})
    await world.is_open()
    await world.adds("pending.test")
    await world.sends()
    for _ in range(2):  # about one that is done, then about the one that this has made
        broadcast = (await program.reads("/broadcasts"))["items"][0]["id"]
        await _ask(program, "put", AUDIENCE, {"name": "pending.test", "address": "ann@elsewhere.test"})
        await ask_everything({"id": broadcast, "name": "pending.test", "address": "ann@elsewhere.test"})
        world.clock.advance(1)
    for mode in ("draft", "send"):
        made = (await create(program, mode=mode)).json
        await ask_everything({"id": made["id"], "name": "pending.test", "address": "ann@elsewhere.test"})
    made = (await create(program)).json
    for path in ("/api/v1/broadcasts/{id}/pause", "/api/v1/broadcasts/{id}/resume"):
        got = await _ask(program, "post", path, {"id": made["id"]})
        _check(description, description["paths"][path]["post"], got)
        seen.add(("post", path, got.status))

    for path, methods in description["paths"].items():
        for method in methods:
            assert (method, path, 401) in seen
            assert any(status < 300 for *at, status in seen if at == [method, path])


async def _ask(who: Program, method: str, path: str, values: dict[str, str]) -> Got:
    options: dict[str, Any] = {}
    if path == "/api/v1/broadcasts" and method == "post":
        message = {"from": "hello@acme.test", "subject": "News", "message": "Hello"}
        options["json"] = {**message, "audience": f"email\n{values['address']}\nben@elsewhere.test"}
    elif path == "/api/v1/suppressions" and method == "post":
        options["json"] = {"address": values["address"]}
    elif path.endswith("/test"):
        options["json"] = {"to": ["tests@elsewhere.test"]}
    elif path == AUDIENCE and method == "put":
        options |= {"data": f"email\n{values['address']}\n", "headers": {"Content-Type": "text/csv"}}
    elif path == AUDIENCE and method == "patch":
        options["json"] = {"upsert": [{"email": values["address"]}, {"email": "ben@elsewhere.test"}]}
    elif method == "patch":
        options |= {"json": {"subject": "Other news"}, "headers": {"If-Match": "*"}}
    elif path.endswith("/bulk"):
        options |= {
            "data": f'{{"address": "{values["address"]}"}}\n',
            "headers": {"Content-Type": "application/x-ndjson"},
        }
    elif path.endswith("/lift"):
        consent = {"at": "2026-11-01T09:00:00Z", "how": "By telephone"}
        options["json"] = {"address": values["address"], "consent": consent}
    elif path == "/api/v1/suppressions" and method == "delete":
        options["params"] = {"address": values["address"]}
    return await who.ask(method.upper(), path.format(**values), **options)


def _check(description: Any, operation: Any, got: Got) -> None:
    content = operation["responses"][str(got.status)].get("content", {})
    if not content:
        assert got.raw == b""
        return
    (kind, media), *_ = content.items()
    assert got.headers["Content-Type"].split(";")[0] == kind
    said = got.raw.decode() if media["schema"].get("type") == "string" else got.json
    assert list(Schemas(description).faults(said, media["schema"])) == []


@OVER_SOCKET_MODE
async def test_the_page_reads_without_scripts_and_fetches_nothing(anyone: Program) -> None:
    got = await anyone.ask("GET", "/api/docs")
    page = got.raw.decode()

    assert (got.status, got.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "GET /api/v1/broadcasts/{id}/deliveries" in page
    assert "in_doubt" in page
    assert not re.search(r"<script|<link|<img|<iframe|@import|url\(|src=|https?://", page)
    assert "style-src 'unsafe-inline'" in got.headers["Content-Security-Policy"]
    anchors = set(re.findall(r'href="#([^"]+)"', page))
    assert anchors <= set(re.findall(r'id="([^"]+)"', page))
