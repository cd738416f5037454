"""How a route of the API is written down once, and served from that: token, rate, input, answer.

The same table of routes makes the OpenAPI description, so what is served and what is described cannot differ.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from bot.api.idempotency import StoredResponse
from bot.api.tokens import ApiTokens, Bearer
from handlers.http.api.codes import ProblemCode
from handlers.http.api.problems import Refusal, of_validation
from handlers.http.api.rate_limit import Rate
from handlers.http.api.requests import Input
from handlers.http.api.scopes import OPENED_BY, check
from storage.states import TokenScope

MOUNTED, VERSION = "/api", "/v1"

In = TypeVar("In", bound=Input)


@dataclass(frozen=True, slots=True)
class Asked(Generic[In]):
    """One authorised request. `named` is what the path names, `raw` tells two requests apart."""

    bearer: Bearer
    input: In
    named: str
    key: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class Route(Generic[In]):
    """What is served at one address.

    `path` begins after `MOUNTED` and `VERSION`; `takes` is the query, of a POST the body; `gives` is what comes back by
    status, None for nothing.
    """

    method: Literal["GET", "POST", "DELETE"]
    path: str
    summary: str
    takes: type[In]
    gives: Mapping[int, type[BaseModel] | None]
    handle: Callable[[Asked[In]], Awaitable[StoredResponse]]

    @property
    def opened_by(self) -> frozenset[TokenScope]:
        return OPENED_BY[f"{self.method} {self.path}"]

    @property
    def is_idempotent_by_key(self) -> bool:
        return self.method == "POST"


def reply(answer: BaseModel, status: int = 200) -> StoredResponse:
    return StoredResponse(status, answer.model_dump_json(by_alias=True))


class Server:
    """Serves routes to callers with a token.

    Args:
        rate: of a token, in requests.
        bytes_rate: of a team, in bytes of bodies: what an audience costs goes by its length.
    """

    def __init__(self, tokens: ApiTokens, rate: Rate, bytes_rate: Rate) -> None:
        self._tokens = tokens
        self._rate = rate
        self._bytes_rate = bytes_rate

    def handler(self, route: Route[Any]) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            bearer = await self._bearer(request)
            self._rate.take(bearer.token_id, "This token asks too often")
            check(bearer, route.opened_by)
            body = await _read(route, request)
            self._bytes_rate.take(bearer.team.id, "The tokens of this channel send too much at once", len(body))
            answer = await route.handle(_asked(route, request, bearer, body))
            kind = "application/json" if answer.body else None
            return web.Response(status=answer.status, text=answer.body or None, content_type=kind)

        return handle

    async def _bearer(self, request: web.Request) -> Bearer:
        """Say the same of every text that is not a token, whatever the reason."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        bearer = await self._tokens.bearer(token.strip()) if scheme.lower() == "bearer" else None
        if bearer is None:
            raise Refusal(
                401,
                ProblemCode.UNAUTHORIZED,
                "Send a token as “Authorization: Bearer mr_…”; a team admin makes one with /mailer api.",
                headers={"WWW-Authenticate": "Bearer"},
            )
        return bearer


async def _read(route: Route[Any], request: web.Request) -> bytes:
    if "Content-Encoding" in request.headers:  # a small body must not become a large one
        raise Refusal(415, ProblemCode.UNSUPPORTED_MEDIA_TYPE, "Send the body as it is, not compressed.")
    return await request.read() if route.method == "POST" else b""


def _asked(route: Route[In], request: web.Request, bearer: Bearer, body: bytes) -> Asked[In]:
    try:
        taken = _body(route.takes, request, body) if route.method == "POST" else _query(route.takes, request)
    except ValidationError as error:
        raise of_validation(error) from None
    named = next(iter(request.match_info.values()), "")
    return Asked(bearer, taken, named, _key(request), f"{route.method} {request.path}\n".encode() + body)


def _query(takes: type[In], request: web.Request) -> In:
    """Read the query; a parameter of ours that is empty is one that is not there."""
    ours = {field.alias or name for name, field in takes.model_fields.items()}
    given: dict[str, str] = {}
    for name, value in request.query.items():
        if name in given:
            raise Refusal.invalid(name, "Give it once.")
        if value or name not in ours:  # one that is not known is refused, whatever it holds
            given[name] = value
    return takes.model_validate(given, by_alias=True, by_name=False)


def _body(takes: type[In], request: web.Request, body: bytes) -> In:
    if not body and not takes.model_fields:
        return takes()
    if request.content_type != "application/json":
        raise Refusal(415, ProblemCode.UNSUPPORTED_MEDIA_TYPE, "Send JSON, as application/json.")
    return takes.model_validate_json(body, strict=True, by_alias=True, by_name=False)


def _key(request: web.Request) -> str:
    key = request.headers.get("Idempotency-Key", "")
    if len(key) > 255 or not key.isascii() or not key.isprintable():
        raise Refusal.invalid("Idempotency-Key", "At most 255 printable ASCII characters.")
    return key
