"""The routes of the API. Every one answers for the team of the token, and none of them waits for AWS."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial
from typing import Annotated, Any

from aiohttp import web
from pydantic import AwareDatetime, Field

from bot.api.broadcast_csv import broadcasts_csv
from bot.api.broadcast_facts import authors_of
from bot.api.idempotency import StoredResponse
from bot.broadcast.reporting.progress import counts_of
from bot.email_addresses import parse_address, parse_identity
from bot.errors import BotError
from bot.mailer.mailers import Mailers
from bot.mailer.readiness.overview import Overviews
from bot.webhooks.external_ids import external_ids
from handlers.http.api import broadcast_responses, docs_page, requests, responses
from handlers.http.api.audiences.endpoints import AudienceEndpoints
from handlers.http.api.csv_pages import csv_page, wants_csv
from handlers.http.api.openapi import openapi
from handlers.http.api.pagination import Cursor, Name, Number
from handlers.http.api.problems import Refusal
from handlers.http.api.routing import VERSION, Asked, Route, Server, reply

_TIME = Annotated[AwareDatetime, Field(ge=datetime(2000, 1, 1, tzinfo=UTC), lt=datetime(3000, 1, 1, tzinfo=UTC))]

_BY_NAME: Cursor[str] = Cursor(Name, lambda row: row.name)
_BY_AGE: Cursor[tuple[datetime, str]] = Cursor(tuple[_TIME, Name], lambda row: (row.created_at, row.id))
_BY_SEQ: Cursor[int] = Cursor(Number, lambda row: row.seq)


@dataclass(frozen=True, slots=True)
class Api(AudienceEndpoints):
    """What the routes may call; `app.py` builds it."""

    mailers: Mailers
    overviews: Overviews

    def routes(self) -> list[Route[Any]]:
        none, page = requests.NoInput, requests.PageInput
        return [
            Route("GET", "/mailer", "Connection to Amazon SES", none, {200: responses.MailerAnswer}, self.mailer),
            Route("GET", "/identities", "Senders, by name", page, {200: responses.IdentityPage}, self.identities),
            Route("GET", "/identities/{name}", "One address or domain", none, {200: responses.Identity}, self.identity),
            Route(
                "GET",
                "/readiness",
                "Whether something may be sent now, and if not, why",
                requests.ReadinessInput,
                {200: responses.Readiness},
                self.readiness,
            ),
            Route(
                "GET",
                "/broadcasts",
                "Newest first",
                page,
                {200: broadcast_responses.BroadcastPage},
                self.list_broadcasts,
                csv=True,
            ),
            Route(
                "GET",
                "/broadcasts/{id}/deliveries",
                "Its recipients, one by one",
                requests.DeliveriesInput,
                {200: broadcast_responses.DeliveryPage},
                self.deliveries,
            ),
            *self.writing_routes(),
            *self.control_routes(),
            *self.audience_routes(),
            *self.suppression_routes(),
        ]

    async def mailer(self, asked: Asked[requests.NoInput]) -> StoredResponse:
        row = await self.mailers.get(asked.bearer.team)
        return reply(responses.MailerAnswer(mailer=responses.Mailer.of(row) if row else None))

    async def identities(self, asked: Asked[requests.PageInput]) -> StoredResponse:
        limit, after = asked.input.limit, _BY_NAME.read(asked.input.cursor) or ""
        mailer = await self.mailers.get(asked.bearer.team)
        if mailer is None:
            return reply(responses.IdentityPage(items=[], next_cursor=None))
        found, cursor = _BY_NAME.page(await self.lists.identities(mailer, after=after, limit=limit + 1), limit)
        return reply(
            responses.IdentityPage(items=[responses.Identity.of(row, mailer) for row in found], next_cursor=cursor)
        )

    async def identity(self, asked: Asked[requests.NoInput]) -> StoredResponse:
        mailer = await self.mailers.get(asked.bearer.team)
        if mailer is not None:
            for name in dict.fromkeys((asked.named, _normal(asked.named))):
                if row := await self.lists.identity(mailer, name):
                    return reply(responses.Identity.of(row, mailer))
        raise Refusal.not_found()

    async def readiness(self, asked: Asked[requests.ReadinessInput]) -> StoredResponse:
        given = asked.input
        sender = parse_address(given.sender, field="from") if given.sender else ""
        mailer = await self.mailers.get(asked.bearer.team)
        identities = tuple(await self.mailers.identities(mailer)) if mailer else ()
        answer = self.overviews.ask(mailer, identities, from_address=sender, kind=given.kind, size=given.size)
        return reply(responses.Readiness.of(answer))

    async def list_broadcasts(self, asked: Asked[requests.PageInput]) -> StoredResponse:
        limit, before = asked.input.limit, _BY_AGE.read(asked.input.cursor)
        found = await self.lists.broadcasts(asked.bearer.team, before=before, limit=limit + 1)
        shown, cursor = _BY_AGE.page(found, limit)
        async with self.db.read() as session:
            names = await authors_of(session, shown)
            if wants_csv(asked):
                counts = await counts_of(session, shown)
                return csv_page(asked, broadcasts_csv(shown, names, counts), cursor)
        items = [broadcast_responses.BroadcastSummary.of(row, names) for row in shown]
        return reply(broadcast_responses.BroadcastPage(items=items, next_cursor=cursor))

    async def deliveries(self, asked: Asked[requests.DeliveriesInput]) -> StoredResponse:
        limit, after = asked.input.limit, _BY_SEQ.read(asked.input.cursor)
        row = await self.broadcast_of(asked)
        found = await self.lists.deliveries(
            row, state=asked.input.state, after=-1 if after is None else after, limit=limit + 1
        )
        shown, cursor = _BY_SEQ.page(found, limit)
        async with self.db.read() as session:
            ids = await external_ids(session, row.id, [one.address for one in shown])
        items = [broadcast_responses.Delivery.of(one, ids.get(one.address_key)) for one in shown]
        return reply(broadcast_responses.DeliveryPage(items=items, next_cursor=cursor))


def _normal(name: str) -> str:
    """Return a name as Mailroom keeps it, or as it is where it cannot be one."""
    try:
        return parse_identity(name)
    except BotError:
        return name


def application(api: Api, server: Server) -> web.Application:
    """Return what is to be mounted at `MOUNTED`."""
    app = web.Application()
    routes = api.routes()
    for route in routes:
        app.router.add_route(route.method, VERSION + route.path, server.handler(route))
    described = cache(partial(openapi, routes))  # when somebody asks for it, since it takes a while to make

    async def description(_request: web.Request) -> web.Response:
        return web.json_response(described(), dumps=partial(json.dumps, indent=2))

    async def page(_request: web.Request) -> web.Response:
        return web.Response(text=docs_page.page(described()), content_type="text/html")

    app.router.add_get(f"{VERSION}/openapi.json", description)
    app.router.add_get("/docs", page)
    return app
