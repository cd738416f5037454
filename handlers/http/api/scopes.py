"""Which scopes of a token open which route: one table for all routes, and what is said where none of them is there.

A route that is not in the table cannot be served. What a scope opens only in part (a `draft` token may cancel what it
made itself), the route asks with `check` where it knows the rest.
"""

from collections.abc import Collection, Mapping
from typing import Final

from bot.api.tokens import Bearer
from handlers.http.api.codes import ProblemCode
from handlers.http.api.problems import Refusal
from storage import TokenScope

_READ, _DRAFT, _SEND = TokenScope.READ, TokenScope.DRAFT, TokenScope.SEND
_AUDIENCES, _SUPPRESSIONS = TokenScope.AUDIENCES, TokenScope.SUPPRESSIONS

ANY: Final = frozenset(TokenScope)

OPENED_BY: Final[Mapping[str, frozenset[TokenScope]]] = {
    "GET /mailer": ANY,
    "GET /identities": ANY,
    "GET /identities/{name}": ANY,
    "GET /readiness": ANY,
    "GET /broadcasts": frozenset({_READ, _DRAFT, _SEND}),
    "GET /broadcasts/{id}": frozenset({_READ, _DRAFT, _SEND}),
    "GET /broadcasts/{id}/deliveries": frozenset({_READ, _SEND}),
    "POST /broadcasts": frozenset({_DRAFT, _SEND}),
    "PATCH /broadcasts/{id}": frozenset({_DRAFT, _SEND}),
    "POST /broadcasts/{id}/copy": frozenset({_DRAFT, _SEND}),
    "POST /broadcasts/{id}/preview": frozenset({_DRAFT, _SEND}),
    "POST /broadcasts/{id}/test": frozenset({_DRAFT, _SEND}),
    "POST /broadcasts/{id}/undo": frozenset({_SEND}),
    "POST /broadcasts/{id}/pause": frozenset({_SEND}),
    "POST /broadcasts/{id}/resume": frozenset({_SEND}),
    "POST /broadcasts/{id}/cancel": frozenset({_DRAFT, _SEND}),
    "GET /audiences": frozenset({_READ, _AUDIENCES}),
    "GET /audiences/{name}": frozenset({_READ, _AUDIENCES}),
    "PUT /audiences/{name}": frozenset({_AUDIENCES}),
    "PATCH /audiences/{name}": frozenset({_AUDIENCES}),
    "DELETE /audiences/{name}": frozenset({_AUDIENCES}),
    "GET /suppressions": frozenset({_READ, _SUPPRESSIONS}),
    "POST /suppressions": frozenset({_SUPPRESSIONS}),
    "DELETE /suppressions": frozenset({_SUPPRESSIONS}),
    "POST /suppressions/bulk": frozenset({_SUPPRESSIONS}),
    "POST /suppressions/lift": frozenset({_SUPPRESSIONS}),
    "GET /people/{address}": frozenset({TokenScope.PEOPLE}),
    "DELETE /people/{address}": frozenset({TokenScope.PEOPLE}),
}
"""Any one of a route's scopes opens it."""


def check(bearer: Bearer, opened_by: Collection[TokenScope]) -> None:
    """Let through a token that has one of these scopes (RFC 6750, section 3.1).

    Raises:
        Refusal: 403 SCOPE_MISSING.
    """
    if not bearer.scopes.isdisjoint(opened_by):
        return
    wanted = [scope.value for scope in TokenScope if scope in opened_by]
    raise Refusal(
        403,
        ProblemCode.SCOPE_MISSING,
        f"This takes a token with the scope {' or '.join(wanted)}; a team admin makes one with /mailer api.",
        headers={"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{" ".join(wanted)}"'},
    )
