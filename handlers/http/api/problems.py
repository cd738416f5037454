"""Every error of the API as RFC 9457 has it, without secrets."""

import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Literal, Self

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bot.broadcast.audience.codes import AudienceCode
from bot.broadcast.codes import BroadcastCode
from bot.broadcast.preflight import NotReadyError
from bot.errors import BotError, Code
from bot.mailer.readiness.rules import Blocker
from bot.suppression.codes import SuppressionCode
from bot.teams.codes import TeamCode
from handlers.http.api.codes import ProblemCode

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
HEADERS = {  # of every answer, here so that whatever answers has them
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'",
    "Referrer-Policy": "no-referrer",
    "Server": "Mailroom",  # aiohttp would name its version
    "X-Content-Type-Options": "nosniff",
}

_STATUSES: Mapping[Code, int] = {  # all other codes are about the input: 422
    TeamCode.NOT_FOUND: 404,  # and the NOT_FOUND of every other package, which is equal to it
    BroadcastCode.ADMINS_ONLY: 403,
    BroadcastCode.STATE_CHANGED: 409,
    BroadcastCode.APPROVAL_REQUIRED: 409,
    BroadcastCode.POLICY: 409,
    BroadcastCode.APP_REMOVED: 409,
    BroadcastCode.TOO_MANY_BROADCASTS: 409,
    BroadcastCode.WAITING: 409,
    BroadcastCode.RECIPIENTS_GONE: 409,
    BroadcastCode.RESTORED: 409,
    AudienceCode.IMPORT_UNDER_WAY: 429,
    SuppressionCode.SUPPRESSION_STAYS: 409,
    SuppressionCode.CONSENT_TOO_OLD: 409,
}


_RETRY_AFTER = "5"  # seconds


class InvalidParameter(BaseModel):
    """What is wrong with one parameter, or with one member of the body."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    parameter: str
    detail: str


class Problem(BaseModel):
    """An error (RFC 9457). `code` is stable, and what a program should look at."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["about:blank"]
    title: str
    status: int
    code: str
    detail: str
    errors: list[InvalidParameter]
    blockers: list[Blocker] = Field(description="Why it may not be sent, most basic first.")
    candidates: list[str] = Field(description="Names of columns that could be meant, best first.")
    line: int | None = Field(description="Of the audience, where it is about one line.")


class IncompleteBodyError(Exception):
    """The client stopped sending before the end of its body."""


class Refusal(Exception):  # noqa: N818 - what it is to the caller
    """An answer that is a problem. Two of the same arguments are the same bytes."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        errors: Sequence[InvalidParameter] = (),
        blockers: Sequence[Blocker] = (),
        candidates: Sequence[str] = (),
        line: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(code)
        self.problem = Problem(
            type="about:blank",
            title=HTTPStatus(status).phrase,
            status=status,
            code=code,
            detail=detail,
            errors=list(errors),
            blockers=list(blockers),
            candidates=list(candidates),
            line=line,
        )
        self.headers = headers or {}

    def response(self) -> web.Response:
        return web.Response(
            status=self.problem.status,
            text=self.problem.model_dump_json(),
            content_type=MEDIA_TYPE,
            headers=self.headers,
        )

    @classmethod
    def invalid(cls, parameter: str, detail: str) -> Self:
        """Name the one parameter that cannot be used."""
        return cls(422, ProblemCode.INVALID, detail, errors=[InvalidParameter(parameter=parameter, detail=detail)])

    @classmethod
    def not_found(cls) -> Self:
        """Give one answer for what is missing, another team's, or not a route."""
        return cls(404, ProblemCode.NOT_FOUND, "There is nothing here for this token.")


def of_validation(error: ValidationError) -> Refusal:
    """Name every parameter that is wrong, and never repeat what it held."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    if found[0]["type"] == "json_invalid":
        return Refusal(400, ProblemCode.NOT_JSON, "The body is not JSON.")
    errors = [
        InvalidParameter(parameter=".".join(str(part) for part in one["loc"]) or "body", detail=one["msg"])
        for one in found
    ]
    names = ", ".join(dict.fromkeys(one.parameter for one in errors))
    return Refusal(422, ProblemCode.INVALID, f"This cannot be used: {names}.", errors=errors)


def _of_bot_error(error: BotError) -> Refusal:
    status = _STATUSES.get(error.code, 422)
    if status == 404:
        return Refusal.not_found()
    named = [InvalidParameter(parameter=error.field, detail=error.text)] if error.field else []
    if isinstance(error, NotReadyError):
        return Refusal(409, error.code, error.text, errors=named, blockers=error.readiness.blockers)
    return Refusal(
        status,
        error.code,
        error.text,
        errors=named,
        candidates=error.candidates,
        line=error.line,
        headers={"Retry-After": _RETRY_AFTER} if status == 429 else None,
    )


def _of_http(error: web.HTTPException) -> Refusal:
    if error.status == 404:
        return Refusal.not_found()
    if error.status == 413:
        return Refusal(413, ProblemCode.TOO_LARGE, "The body is larger than what is taken here.")
    status = HTTPStatus(error.status)
    allow = {name: value for name, value in error.headers.items() if name == "Allow"}
    return Refusal(status, status.name, status.description or status.phrase, headers=allow)


@web.middleware
async def as_problems(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Answer every error with a problem; of an unexpected one only a reference, which the log has too."""
    try:
        return await handler(request)
    except Refusal as refusal:
        return refusal.response()
    except BotError as error:
        return _of_bot_error(error).response()
    except web.HTTPException as error:
        return _of_http(error).response()
    except IncompleteBodyError:
        return Refusal(
            400, ProblemCode.BODY_INCOMPLETE, "The body ends before its Content-Length, so nothing was done."
        ).response()
    except Exception:
        if request.transport is None:  # the client has gone
            raise
        reference = secrets.token_hex(4)
        log.exception("unexpected error in a request, reference %s", reference)
        return Refusal(
            500, ProblemCode.UNEXPECTED, f"Something went wrong on our side (reference {reference})."
        ).response()
