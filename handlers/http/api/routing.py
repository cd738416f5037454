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
from handlers.http.api.files.streamed import StreamedFile
from handlers.http.api.files.uploads import UploadedBody
from handlers.http.api.problems import Refusal, of_validation
from handlers.http.api.rate_limit import Rate
from handlers.http.api.requests import Input
from handlers.http.api.scopes import OPENED_BY, check
from storage import TokenScope

MOUNTED, VERSION = "/api", "/v1"
MB = 1024 * 1024
MAX_BODY = MB
NDJSON = ("application/x-ndjson", "application/ndjson")
MERGE_PATCH = "application/merge-patch+json"  # RFC 7396

In = TypeVar("In", bound=Input)


@dataclass(frozen=True, slots=True)
class Asked(Generic[In]):
    """One authorised request.

    `named` is what the path names, `raw` tells two requests apart; `if_match`, `if_none_match` and `accept` are
    headers, or empty; `upload` is the body where it is a file.
    """

    bearer: Bearer
    input: In
    named: str
    key: str
    raw: bytes
    if_match: str = ""
    if_none_match: str = ""
    accept: str = ""
    body: bytes = b""
    upload: UploadedBody | None = None


@dataclass(frozen=True, slots=True)
class Route(Generic[In]):
    """What is served at one address.

    `path` begins after `MOUNTED` and `VERSION`; `takes` is the query, of a POST and a PATCH the body; `gives` is what
    comes back by status, None for nothing; `most` is how many bytes the body may have. `conditional`: the answer has
    an `ETag`, which a PATCH wants back in `If-Match` (RFC 9110, section 13.1.1); `revised`: it has one, and what it is
    given in `If-Match` and `If-None-Match` is honoured. `csv`: it may be had as CSV, too. `files`: what it takes, or
    answers with, is a file of one of these types, the first of which is the usual one.
    """

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    summary: str
    takes: type[In]
    gives: Mapping[int, type[BaseModel] | None]
    handle: Callable[[Asked[In]], Awaitable[StoredResponse | StreamedFile]]
    most: int = MAX_BODY
    conditional: bool = False
    csv: bool = False
    ndjson: bool = False
    revised: bool = False
    files: tuple[str, ...] = ()

    @property
    def opened_by(self) -> frozenset[TokenScope]:
        return OPENED_BY[f"{self.method} {self.path}"]

    @property
    def has_body(self) -> bool:
        return self.method in {"POST", "PUT", "PATCH"}

    @property
    def has_file(self) -> bool:
        """Whether the body is a file, which the route receives itself."""
        return self.method == "PUT"

    @property
    def is_merge_patch(self) -> bool:
        return self.method == "PATCH" and self.conditional

    @property
    def is_idempotent_by_key(self) -> bool:
        return self.method == "POST"


def reply(answer: BaseModel, status: int = 200, headers: Mapping[str, str] | None = None) -> StoredResponse:
    return StoredResponse(status, answer.model_dump_json(by_alias=True), headers or {})


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

    def handler(self, route: Route[Any]) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            bearer = await self._bearer(request)
            self._rate.take(bearer.token_id, "This token asks too often")
            check(bearer, route.opened_by)
            body = await _read(route, request)
            self._bytes_rate.take(bearer.team.id, "The tokens of this channel send too much at once", len(body))
            answer = await route.handle(_asked(route, request, bearer, body))
            if isinstance(answer, StreamedFile):
                return await answer.sent(request)
            headers = {"Content-Type": "application/json; charset=utf-8"} if answer.body else {}
            body_out = answer.body.encode() or None
            return web.Response(status=answer.status, body=body_out, headers=headers | dict(answer.headers))

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
    if route.has_file:
        return b""
    if "Content-Encoding" in request.headers:  # a small body must not become a large one
        raise Refusal(415, ProblemCode.UNSUPPORTED_MEDIA_TYPE, "Send the body as it is, not compressed.")
    if not route.has_body:
        return b""
    try:
        return await request.clone(client_max_size=route.most).read()
    except web.HTTPRequestEntityTooLarge:
        raise Refusal(413, ProblemCode.TOO_LARGE, f"The body is larger than {route.most // MB} MB.") from None


def _asked(route: Route[In], request: web.Request, bearer: Bearer, body: bytes) -> Asked[In]:
    try:
        in_query = not route.has_body or route.ndjson or route.has_file
        taken = _query(route.takes, request) if in_query else _body(route, request, body)
    except ValidationError as error:
        raise of_validation(error) from None
    named = next(iter(request.match_info.values()), "")
    if route.ndjson and request.content_type not in NDJSON:
        raise Refusal(415, ProblemCode.UNSUPPORTED_MEDIA_TYPE, "Send a JSON object a line, as application/x-ndjson.")
    raw = f"{route.method} {request.path_qs if route.ndjson else request.path}\n".encode() + body
    return Asked(
        bearer,
        taken,
        named,
        _key(request),
        raw,
        if_match=request.headers.get("If-Match", ""),
        if_none_match=request.headers.get("If-None-Match", ""),
        accept=request.headers.get("Accept", ""),
        body=body,
        upload=UploadedBody(request) if route.has_file else None,
    )


def _query(takes: type[In], request: web.Request) -> In:
    """Read the query; a parameter of ours that is empty is one that is not there."""
    ours = {field.alias or name for name, field in takes.model_fields.items()}
    given: dict[str, str] = {}
    for name, value in request.query.items():
        if name in given:
            raise Refusal.invalid(name, "Give it once.")
        if value or name not in ours - takes.MAY_BE_EMPTY:  # one that is not known is refused, whatever it holds
            given[name] = value
    return takes.model_validate(given, by_alias=True, by_name=False)


def _body(route: Route[In], request: web.Request, body: bytes) -> In:
    takes = route.takes
    if not body and not any(field.is_required() for field in takes.model_fields.values()):
        return takes()
    if request.content_type not in {"application/json", *([MERGE_PATCH] if route.is_merge_patch else [])}:
        raise Refusal(415, ProblemCode.UNSUPPORTED_MEDIA_TYPE, "Send JSON, as application/json.")
    return takes.model_validate_json(body, strict=True, by_alias=True, by_name=False)


def _key(request: web.Request) -> str:
    key = request.headers.get("Idempotency-Key", "")
    if len(key) > 255 or not key.isascii() or not key.isprintable():
        raise Refusal.invalid("Idempotency-Key", "At most 255 printable ASCII characters.")
    return key
