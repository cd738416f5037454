"""The routes about addresses that are never mailed, and about people."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from bot.api.idempotency import StoredResponse
from bot.api.queries import ApiQueries
from bot.api.tokens import Bearer
from bot.email_addresses import address_key, parse_address
from bot.errors import BotError
from bot.people.person import PersonLookup
from bot.suppression.hidden import hidden_addresses
from bot.suppression.lookup import SuppressionLookup
from bot.suppression.reasons import kept_word, reason_of
from bot.suppression.recording import AT_ONCE, Entry, Recorded, suppress_all
from bot.suppression.suppression_list import AtAws, Consent, Suppressions
from handlers.http.api.codes import ProblemCode
from handlers.http.api.draft_endpoints import DraftEndpoints
from handlers.http.api.pagination import Cursor, Name, Number
from handlers.http.api.problems import Refusal
from handlers.http.api.requests import NoInput
from handlers.http.api.routing import MB, Asked, Route, reply
from handlers.http.api.suppressions import requests, responses
from storage import Session, audit

LINES = 10_000
MOST_BYTES = 5 * MB
NDJSON = "application/x-ndjson"

_BY_ADDRESS: Cursor[str] = Cursor(Name, lambda row: row.address_key)
_BY_CHANGE: Cursor[tuple[int, str]] = Cursor(
    tuple[Number, Name], lambda row: (row.change, row.address_key), name="since"
)
_Line = tuple[int, Entry | str]  # where it stands; what it says, or what is wrong with it


@dataclass(frozen=True, slots=True)
class SuppressionEndpoints(DraftEndpoints):
    """What these routes may call."""

    suppressions: Suppressions
    suppression_lookup: SuppressionLookup
    people: PersonLookup
    lists: ApiQueries

    def suppression_routes(self) -> list[Route[Any]]:
        address = requests.AddressInput
        suppressed = {200: responses.Suppression, 201: responses.Suppression}
        return [
            Route(
                "GET",
                "/suppressions",
                "Addresses that are never mailed, in alphabetical order; with `since` all changes, in their order",
                requests.SuppressionsInput,
                {200: responses.SuppressionPage},
                self.list_suppressions,
            ),
            Route(
                "POST",
                "/suppressions",
                "Never mail an address again; 200 where it was suppressed already",
                address,
                suppressed,
                self.suppress,
            ),
            Route(
                "DELETE",
                "/suppressions",
                "Let an address be mailed again, unless its owner unsubscribed or complained; 200: AWS's own list may "
                "still have it",
                address,
                {200: responses.Lifted, 204: None},
                self.lift,
            ),
            Route(
                "POST",
                "/suppressions/bulk",
                "Never mail up to 10,000 addresses again: a JSON object a line, answered by a line each",
                requests.BulkInput,
                {200: None},
                self.suppress_many,
                most=MOST_BYTES,
                ndjson=True,
            ),
            Route(
                "POST",
                "/suppressions/lift",
                "Let somebody be mailed again who has asked for it since; a complaint stays",
                requests.LiftInput,
                {200: responses.LiftedWithConsent},
                self.lift_with_consent,
            ),
            Route(
                "GET",
                "/people/{address}",
                "All that is known of somebody",
                NoInput,
                {200: responses.Person},
                self.person,
            ),
            Route("DELETE", "/people/{address}", "Erase somebody", NoInput, {202: responses.Erasing}, self.erase),
        ]

    async def list_suppressions(self, asked: Asked[requests.SuppressionsInput]) -> StoredResponse:
        given, team = asked.input, asked.bearer.team
        if given.since is not None:
            return await self._changes(asked, given.since)
        after = _BY_ADDRESS.read(given.cursor) or ""
        found = await self.lists.suppressions(team, after=after, reason=given.reason, limit=given.limit + 1)
        shown, cursor = _BY_ADDRESS.page(found, given.limit)
        items = [responses.Suppression.of(row) for row in shown]
        return reply(responses.SuppressionPage(items=items, next_cursor=cursor))

    async def _changes(self, asked: Asked[requests.SuppressionsInput], since: str) -> StoredResponse:
        given = asked.input
        if given.cursor:
            raise Refusal.invalid("cursor", "With since there is none: its next_cursor is the next since.")
        after = _BY_CHANGE.read(since) or (0, "")
        found = await self.suppression_lookup.changes(
            asked.bearer.team, after=after, reason=given.reason, limit=given.limit
        )
        cursor = _BY_CHANGE.written((found[-1].change, found[-1].address_key) if found else after)
        items = [responses.Suppression.of(row) for row in found]
        return reply(responses.SuppressionPage(items=items, next_cursor=cursor))

    async def suppress(self, asked: Asked[requests.AddressInput]) -> StoredResponse:
        bearer = asked.bearer
        address = parse_address(asked.input.address)

        async def act(session: Session) -> StoredResponse:
            row, new = await self.suppressions.record(session, bearer.team, address, bearer.actor)
            return reply(responses.Suppression.of(row), 201 if new else 200)

        return await self.idempotency.run_once(bearer.team, asked.key, asked.raw, act)

    async def suppress_many(self, asked: Asked[requests.BulkInput]) -> StoredResponse:
        lines = _lines(asked.body)
        wrong = next(((line, entry) for line, entry in lines if isinstance(entry, str)), None)
        if wrong and asked.input.invalid == "refuse":
            raise Refusal(422, ProblemCode.LINE_INVALID, f"Line {wrong[0]}: {wrong[1]}", line=wrong[0])
        bearer = asked.bearer

        async def act(session: Session) -> StoredResponse:
            hidden = await hidden_addresses(session, self.db.people_key, bearer.team.id)
            stored = [
                (line, hidden.within(said) if isinstance(said, str) else hidden.entry(said)) for line, said in lines
            ]
            results = await self._record(session, bearer, [said for _, said in stored if not isinstance(said, str)])
            said = [_answer(line, entry, results) for line, entry in stored]
            text = "".join(f"{json.dumps(one, ensure_ascii=False)}\n" for one in said)
            return StoredResponse(200, text, {"Content-Type": NDJSON})

        return await self.idempotency.run_once(bearer.team, asked.key, asked.raw, act)

    async def _record(self, session: Session, bearer: Bearer, entries: Sequence[Entry]) -> dict[str, Recorded]:
        """Return what became of each, by the key of its address."""
        now, results = session.now, dict[str, Recorded]()
        for start in range(0, len(entries), AT_ONCE):
            some = entries[start : start + AT_ONCE]
            found = await suppress_all(session, bearer.team.id, some, source=bearer.actor, now=now)
            results = {**found, **results}
        if entries:
            counts = {"new": list(results.values()).count(Recorded.ADDED), "known": len(results)}
            counts["known"] -= counts["new"]
            audit.record(session, bearer.team.id, bearer.actor, "suppression.import", now, "the API", after=counts)
        return results

    async def lift(self, asked: Asked[requests.AddressInput]) -> StoredResponse:
        address = parse_address(asked.input.address)
        at_aws = await self.suppressions.lift(asked.bearer.team, address, asked.bearer.actor)
        return reply(responses.Lifted(at_aws=at_aws)) if at_aws is AtAws.NOT_ALLOWED else StoredResponse(204)

    async def lift_with_consent(self, asked: Asked[requests.LiftInput]) -> StoredResponse:
        bearer, address = asked.bearer, parse_address(asked.input.address)
        if earlier := await self.idempotency.find(bearer.team, asked.key, asked.raw):
            return earlier
        consent = Consent(asked.input.consent.at, asked.input.consent.how)
        at_aws = await self.suppressions.lift(bearer.team, address, bearer.actor, consent)
        answer = reply(responses.LiftedWithConsent(at_aws=at_aws))
        async with self.db.write() as session:
            await self.idempotency.keep(session, bearer.team, asked.key, asked.raw, answer)
        return answer

    async def person(self, asked: Asked[NoInput]) -> StoredResponse:
        found = await self.people.find(asked.bearer.team, parse_address(asked.named))
        return reply(responses.Person.model_validate(found.to_json()))

    async def erase(self, asked: Asked[NoInput]) -> StoredResponse:
        await self.people.erase(asked.bearer.team, parse_address(asked.named), asked.bearer.actor)
        return reply(responses.Erasing(), 202)


def _lines(body: bytes) -> list[_Line]:
    """Read the lines; blank ones say nothing.

    Raises:
        Refusal: there are too many.
    """
    lines = body.split(b"\n")
    if sum(map(bool, map(bytes.strip, lines))) > LINES:
        raise Refusal(413, ProblemCode.TOO_LARGE, f"At most {LINES:,} lines a request.")
    return [(number, _read(line)) for number, line in enumerate(lines, start=1) if line.strip()]


def _read(line: bytes) -> Entry | str:
    """Return what a line says, or what is wrong with it."""
    try:
        given = requests.BulkLine.model_validate_json(line, strict=True)
        return Entry(parse_address(given.address), reason_of(given.reason), kept_word(given.reason), given.at)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        return f"{where}: {first['msg']}" if where else str(first["msg"])
    except BotError as error:
        return error.text


def _answer(line: int, entry: Entry | str, results: dict[str, Recorded]) -> dict[str, Any]:
    """Say what became of a line; a second one of the same address finds it known."""
    if isinstance(entry, str):
        return {"line": line, "address": None, "result": "invalid", "detail": entry}
    key = address_key(entry.address)
    result, results[key] = results[key], Recorded.KNOWN
    detail = "now for a stronger reason" if result is Recorded.STRONGER else ""
    shown = "added" if result is Recorded.ADDED else "known"
    return {"line": line, "address": entry.address, "result": shown, "detail": detail}
