"""What each scope of a token opens, walked over every route: who is refused changes nothing, who is let in acts.

The table is written here once more, so that it does not hold itself against itself.
"""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlmodel import select

from bot.api.tokens import TokenInput
from storage.models import Team
from storage.states import TokenScope
from tests.flows.program import PROBLEM, Got, Program
from tests.flows.test_api_sending import create, steer
from tests.flows.world import OVER_HTTP, World

Json = dict[str, Any]


@dataclass(frozen=True)
class Way:
    """A request to a route, which any of the scopes opens; what it needs is made by a token that may do all."""

    opened_by: str
    answers: int = 200
    needs: str = ""  # the state of the broadcast that the path names
    query: Json | None = None
    body: Json | None = None
    ndjson: Json | None = None
    csv: str = ""


ALL = "read draft send audiences suppressions people"
BROADCAST = {"from": "hello@acme.test", "subject": "News", "text": "Hello", "audience": "email\nann@elsewhere.test\n"}
ADDRESS = {"address": "ann@elsewhere.test"}
BOUNCED = {"address": "bounced@elsewhere.test"}
CONSENT = {"at": "2026-01-01T00:00:00Z", "how": "By mail"}
WAYS = {
    "GET /mailer": Way(ALL),
    "GET /identities": Way(ALL),
    "GET /identities/{name}": Way(ALL),
    "GET /readiness": Way(ALL),
    "GET /broadcasts": Way("read draft send"),
    "GET /broadcasts/{id}": Way("read draft send", needs="scheduled"),
    "GET /broadcasts/{id}/deliveries": Way("read send", needs="scheduled"),
    "POST /broadcasts": Way("draft send", 201, body=BROADCAST | {"mode": "draft"}),
    "PATCH /broadcasts/{id}": Way("draft send", needs="own draft", body={"subject": "Other news"}),
    "POST /broadcasts/{id}/copy": Way("draft send", 201, needs="scheduled"),
    "POST /broadcasts/{id}/preview": Way("draft send", needs="draft", body={"row": 2}),
    "POST /broadcasts/{id}/test": Way("draft send", 201, needs="draft", body={"to": ["tests@acme.test"]}),
    "POST /broadcasts/{id}/undo": Way("send", needs="scheduled"),
    "POST /broadcasts/{id}/pause": Way("send", needs="scheduled"),
    "POST /broadcasts/{id}/resume": Way("send", needs="paused"),
    "POST /broadcasts/{id}/cancel": Way("draft send", needs="own draft"),
    "GET /audiences": Way("read audiences"),
    "GET /audiences/{name}": Way("read audiences", needs="audience"),
    "PUT /audiences/{name}": Way("audiences", needs="audience", csv="email\nann@elsewhere.test\n"),
    "PATCH /audiences/{name}": Way("audiences", needs="audience", body={"upsert": [{"email": "new@elsewhere.test"}]}),
    "DELETE /audiences/{name}": Way("audiences", 204, needs="audience"),
    "GET /suppressions": Way("read suppressions"),
    "POST /suppressions": Way("suppressions", 201, body=ADDRESS),
    "DELETE /suppressions": Way("suppressions", 204, query=ADDRESS),
    "POST /suppressions/bulk": Way("suppressions", ndjson=ADDRESS),
    "POST /suppressions/lift": Way("suppressions", needs="bounce", body=BOUNCED | {"consent": CONSENT}),
    "GET /people/{address}": Way("people", needs="bounce"),
    "DELETE /people/{address}": Way("people", 202, needs="bounce"),
}


async def scheduled(world: World, program: Program) -> Json:
    made = await create(program, send_at=(world.clock() + timedelta(days=2)).isoformat())
    found: Json = made.json
    return found


async def paused(world: World, program: Program) -> Json:
    made = await scheduled(world, program)
    await steer(program, made["id"], "pause")
    return made


async def draft(_world: World, program: Program) -> Json:
    made: Json = (await create(program, mode="draft")).json
    return made


async def bounce(_world: World, program: Program) -> Json:
    await program.ask("POST", "/api/v1/suppressions", json=BOUNCED)
    return {"id": ""}


CHANGES_NOTHING = {"POST /broadcasts/{id}/preview"}


async def audience(_world: World, program: Program) -> Json:
    text = "email\nann@elsewhere.test\nben@elsewhere.test\n"
    await program.ask("PUT", "/api/v1/audiences/acme.test", data=text, headers={"Content-Type": "text/csv"})
    return {"id": ""}


MADE: dict[str, Callable[[World, Program], Awaitable[Json]]] = {
    "scheduled": scheduled,
    "paused": paused,
    "draft": draft,
    "bounce": bounce,
    "audience": audience,
    "own draft": draft,  # of the token that asks, where it has a scope for that
}


async def with_one_scope_each(world: World, program: Program) -> dict[str, Program]:
    async with world.bot.db.read() as session:
        team = (await session.exec(select(Team))).one()
    made: dict[str, Program] = {}
    for scope in TokenScope:
        newest = (await world.bot.services.tokens.of(team))[0].id
        token = await world.bot.services.tokens.create(team, TokenInput(scope, [scope]), newest, world.ada.id)
        made[scope] = program.holding(token.reveal())
        world.clock.advance(1)
    return made


async def stored(world: World) -> dict[str, list[str]]:
    """Return all there is but the tokens, which know when they were used last."""
    return {name: rows for name, rows in (await world.everything_stored()).items() if name != "api_token"}


async def ask(who: Program, route: str, named: str) -> Got:
    method, _, path = route.partition(" ")
    way = WAYS[route]
    address = "/api/v1" + path.replace("{id}", named).replace("{name}", "acme.test").replace(
        "{address}", BOUNCED["address"]
    )
    body: Json = {"json": way.body} if way.body else {}
    if way.ndjson:
        body = {"data": json.dumps(way.ndjson).encode()}
    if way.csv:
        body = {"data": way.csv.encode()}
    headers = {"If-Match": "*"} if way.body and method == "PATCH" else {}
    headers |= {"Content-Type": "text/csv"} if way.csv else {}
    headers |= {"Content-Type": "application/x-ndjson"} if way.ndjson else {}
    return await who.ask(method, address, params=way.query or {}, headers=headers, **body)


@OVER_HTTP
async def test_every_route_is_opened_by_its_scopes_and_by_no_other(world: World, program: Program) -> None:
    await world.is_open()
    async with world.bot.db.write() as session:
        team = (await session.exec(select(Team).with_for_update())).one()
        team.tests_go_to = ["tests@acme.test"]
        session.add(team)
    described = (await program.ask("GET", "/api/v1/openapi.json")).json["paths"]
    routes = [
        f"{method.upper()} {path.removeprefix('/api/v1')}" for path, methods in described.items() for method in methods
    ]
    assert sorted(routes) == sorted(WAYS)
    holders = await with_one_scope_each(world, program)

    for route in routes:
        way = WAYS[route]
        of_route = described["/api/v1" + route.partition(" ")[2]][route.partition(" ")[0].lower()]
        assert [scope for each in of_route["security"] for scope in each["token"]] == way.opened_by.split()
        named = (await MADE[way.needs](world, program))["id"] if way.needs else ""
        before = await stored(world)
        for scope, who in holders.items():
            if scope in way.opened_by.split():
                continue
            refused = await ask(who, route, named)
            assert (refused.status, refused.headers["Content-Type"].split(";")[0]) == (403, PROBLEM), (route, scope)
            assert refused.json["code"] == "SCOPE_MISSING"
            wanted = f'Bearer error="insufficient_scope", scope="{way.opened_by}"'
            assert refused.headers["WWW-Authenticate"] == wanted, route
        assert await stored(world) == before, route
        for scope in way.opened_by.split():
            maker = holders[scope] if way.needs == "own draft" else program
            named = (await MADE[way.needs](world, maker))["id"] if way.needs else ""
            before = await stored(world)
            opened = await ask(holders[scope], route, named)
            assert opened.status == way.answers, (route, scope, opened.raw)
            if not route.startswith("GET") and route not in CHANGES_NOTHING:
                assert await stored(world) != before, (route, scope)
