"""Installing in Slack by OAuth: the two addresses that a browser comes to."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from aiohttp import web

from handlers.http_answer import HttpAnswer


class Install(Protocol):
    """`handlers.slack.oauth.installing.Installing`: each takes the query and the headers of a request."""

    async def begin(self, query: str, headers: Mapping[str, str], /) -> HttpAnswer: ...

    async def finish(self, query: str, headers: Mapping[str, str], /) -> HttpAnswer: ...


def install_route(
    answer: Callable[[str, Mapping[str, str]], Awaitable[HttpAnswer]],
) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Return the handler of one of them."""

    async def handler(request: web.Request) -> web.Response:
        given = await answer(request.rel_url.raw_query_string, request.headers)
        return web.Response(status=given.status, body=given.body.encode(), headers=given.headers)

    return handler
