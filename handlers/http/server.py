"""The one HTTP listener: Slack's requests, the API, unsubscribe pages, and how Mailroom itself is doing."""

import unicodedata
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web
from aiohttp.typedefs import Middleware

from handlers.http.api.codes import ProblemCode
from handlers.http.api.problems import HEADERS, Refusal, as_problems
from handlers.http.api.rate_limit import PerAddress
from handlers.http.api.routing import MAX_BODY, MOUNTED
from handlers.http.connection_limits import HttpConnections
from handlers.http.health import Health
from handlers.http.install import Install, install_route
from handlers.http.metrics import MetricsPage
from handlers.http.preview import PreviewPages
from handlers.http.sns import SnsMessages
from handlers.http.unsubscribe import UnsubscribePages
from handlers.http_answer import HttpAnswer

SlackInbound = Callable[[str, Mapping[str, str]], Awaitable[HttpAnswer]]


def application(
    *,
    connections: HttpConnections,
    per_address: PerAddress,
    health: Health,
    metrics: MetricsPage,
    pages: tuple[UnsubscribePages, PreviewPages],
    api: web.Application,
    sns: SnsMessages | None,
    slack: tuple[SlackInbound | None, Install | None],
) -> web.Application:
    """Return the routes.

    `sns` is None without a public address, and of `slack` the first in Socket Mode: they come another way. The second
    is None where the app has one workspace, that of SLACK_BOT_TOKEN.
    """
    middlewares: list[Middleware] = [connections.middleware, as_problems, _without_controls, per_address]
    app = web.Application(client_max_size=MAX_BODY, middlewares=middlewares)
    app.on_response_prepare.append(_headers)
    app.router.add_get("/healthz", health.alive)
    app.router.add_get("/readyz", health.ready)
    app.router.add_get("/metrics", metrics.show)
    unsubscribing, previews = pages
    app.router.add_get("/u/{token}", unsubscribing.show)
    app.router.add_post("/u/{token}", unsubscribing.act)
    app.router.add_get("/p/{token}", previews.show)
    app.add_subapp(MOUNTED, api)
    if sns is not None:
        app.router.add_post("/sns/{connection}", sns.take)
    requests, install = slack
    if requests is not None:
        app.router.add_post("/slack/events", _slack_events(requests))
    if install is not None:
        app.router.add_get("/slack/install", install_route(install.begin))
        app.router.add_get("/slack/oauth_redirect", install_route(install.finish))
    return app


def _slack_events(slack: SlackInbound) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handler(request: web.Request) -> web.Response:
        if "Content-Encoding" in request.headers:  # Slack never compresses; a small body must not become a large one
            return web.Response(status=415)
        try:
            body = (await request.read()).decode()
        except UnicodeDecodeError:
            return web.Response(status=400)
        answer = await slack(body, request.headers)
        kind = answer.headers["Content-Type"].split(";")[0]
        return web.Response(status=answer.status, text=answer.body, content_type=kind)

    return handler


@web.middleware
async def _without_controls(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Refuse control characters (PostgreSQL takes no NUL) and bytes that are no UTF-8 in any path and any query."""
    given = (request.path, *request.query.keys(), *request.query.values())
    if any(unicodedata.category(character) in {"Cc", "Cs"} for text in given for character in text):
        raise Refusal(
            400, ProblemCode.BAD_REQUEST, "The address of this request holds a character that nobody can see."
        )
    return await handler(request)


async def _headers(_request: web.Request, response: web.StreamResponse) -> None:
    """Add what every answer has, also one that was raised."""
    response.headers["Server"] = HEADERS["Server"]
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
