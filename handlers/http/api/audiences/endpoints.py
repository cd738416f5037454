"""The routes about saved audiences: a list that a program keeps in step with its own."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, BinaryIO, Final

from bot.api.idempotency import StoredResponse
from bot.broadcast.audience.codes import AudienceCode
from bot.broadcast.audience.csv_reader import (
    Choice,
    CsvAudience,
    Limits,
    Rejected,
    RejectReason,
    Row,
    read_csv,
)
from bot.broadcast.audience.revisions.columns import ADDRESS, shown_columns
from bot.broadcast.audience.revisions.members import csv_of, ndjson_of
from bot.broadcast.audience.revisions.ndjson import read_ndjson
from bot.broadcast.audience.revisions.patch import Patch
from bot.broadcast.audience.revisions.proposals import How, Proposal, RevisionSource
from bot.broadcast.audience.revisions.revisions import Revisions
from bot.broadcast.audience.saved import audience_name
from bot.errors import BotError
from handlers.http.api.audiences import requests, responses
from handlers.http.api.broadcast_content import cell_text
from handlers.http.api.codes import ProblemCode
from handlers.http.api.csv_pages import CSV
from handlers.http.api.files.streamed import StreamedFile
from handlers.http.api.preconditions import check_match, etag_of
from handlers.http.api.problems import Refusal
from handlers.http.api.requests import NoInput
from handlers.http.api.routing import MB, NDJSON, Asked, Route, reply
from handlers.http.api.suppressions.endpoints import SuppressionEndpoints
from storage import models as rows

MOST_BYTES: Final = 200 * MB
MOST_ROWS: Final = 1_000_000
MOST_OF_PATCH: Final = 5 * MB
_TRIES: Final = 3  # where somebody else keeps a change meanwhile
_FILES: Final = (CSV, NDJSON[0])
_LIMITS: Final = Limits(bytes=MOST_BYTES, unpacked=MOST_BYTES, rows=MOST_ROWS)
_MEMBERS = {"save_as": "name", "audience": "body"}  # what Slack's form calls it, and what it is here

Propose = Callable[[rows.Audience | None], Awaitable[Proposal]]


@dataclass(frozen=True, slots=True)
class AudienceEndpoints(SuppressionEndpoints):
    """What these routes may call."""

    revisions: Revisions
    receiving: set[str] = field(default_factory=set, kw_only=True)  # ids of the teams of which a file is coming in

    def audience_routes(self) -> list[Route[Any]]:
        none, changed = NoInput, responses.AudienceChange
        named = "/audiences/{name}"
        return [
            Route(
                "GET",
                "/audiences",
                "Saved audiences, by name",
                none,
                {200: responses.AudiencePage},
                self.list_audiences,
            ),
            Route(
                "GET",
                named,
                "All who are in it, as CSV or NDJSON, their values as they came",
                none,
                {200: None},
                self.audience,
                revised=True,
                files=_FILES,
            ),
            Route(
                "PUT",
                named,
                "Make a file the audience of this name: CSV or NDJSON, also compressed with gzip, at most 200 MB and a "
                "million rows once unpacked",
                requests.AudienceInput,
                {200: changed, 201: changed},
                self.put_audience,
                revised=True,
                files=_FILES,
            ),
            Route(
                "PATCH",
                named,
                "Add, change and remove some",
                requests.AudiencePatch,
                {200: changed},
                self.patch_audience,
                MOST_OF_PATCH,
                revised=True,
            ),
            Route(
                "DELETE",
                named,
                "Forget the name; confirmed broadcasts keep their recipients",
                none,
                {204: None},
                self.delete_audience,
                revised=True,
            ),
        ]

    async def list_audiences(self, asked: Asked[NoInput]) -> StoredResponse:
        items = [responses.SavedAudience.of(row) for row in await self.audiences.saved(asked.bearer.team)]
        return reply(responses.AudiencePage(items=items, next_cursor=None))

    async def audience(self, asked: Asked[NoInput]) -> StreamedFile:
        audience = await self.audiences.named(asked.bearer.team, asked.named)
        wanted = {kind.partition(";")[0].strip().lower() for kind in asked.accept.split(",")}
        as_json = not wanted.isdisjoint(NDJSON) and CSV not in wanted
        kind, parts = (NDJSON[0], ndjson_of) if as_json else (f"{CSV}; charset=utf-8", csv_of)
        headers = {"Content-Type": kind, "ETag": etag_of(audience.revision)}
        return StreamedFile(headers, parts(self.db, audience))

    async def put_audience(self, asked: Asked[requests.AudienceInput]) -> StoredResponse:
        if asked.upload is None:
            raise TypeError("the route is one without a file")
        team, upload = asked.bearer.team, asked.upload
        kind = upload.content_type
        if kind not in {CSV, *NDJSON}:
            raise Refusal(415, ProblemCode.UNSUPPORTED_MEDIA_TYPE, f"Send the audience as {' or '.join(_FILES)}.")
        if asked.input.address_column and kind != CSV:
            raise Refusal.invalid("address_column", "It is for a CSV: in JSON the address is `email`.")
        with _named(), self._alone(team):
            name = audience_name(asked.named)
            if not name:
                raise Refusal.invalid("name", "Give the audience a name.")
            self._seen(asked, await self.revisions.current(team, name))
            async with upload.received(MOST_BYTES) as file:
                source = RevisionSource(partial(_sheet, file, kind, asked.input), waits=False)

                async def propose(current: rows.Audience | None) -> Proposal:
                    return await self.revisions.propose(team, current, How.REPLACE, source, asked.bearer.actor)

                return await self._kept(asked, name, propose)

    async def patch_audience(self, asked: Asked[requests.AudiencePatch]) -> StoredResponse:
        team, given = asked.bearer.team, asked.input
        upsert = [{name: cell_text(cell) for name, cell in row.items()} for row in given.upsert]
        patch = Patch(upsert, given.remove)

        async def propose(current: rows.Audience | None) -> Proposal:
            if current is None:
                raise Refusal.not_found()
            return await self.revisions.propose_patch(team, current, patch, asked.bearer.actor)

        with _named(), self._alone(team):
            name = (await self.audiences.named(team, asked.named)).name
            return await self._kept(asked, name, propose)

    async def delete_audience(self, asked: Asked[NoInput]) -> StoredResponse:
        team = asked.bearer.team
        audience = await self.audiences.named(team, asked.named)
        self._seen(asked, audience)
        await self.audiences.remove(team, audience.id, asked.bearer.actor)
        return StoredResponse(204)

    async def _kept(self, asked: Asked[Any], name: str, propose: Propose) -> StoredResponse:
        """Propose a change of what has the name, and keep it; once more, where that is another by then."""
        team, by = asked.bearer.team, asked.bearer.actor
        for left in reversed(range(_TRIES)):
            current = await self.revisions.current(team, name)
            self._seen(asked, current)
            proposal = await propose(current)
            try:
                kept = await self.revisions.keep(team, proposal.audience.id, by, name)
            except BaseException as error:
                await self.revisions.discard(team, proposal.audience.id)
                if isinstance(error, BotError) and error.code == AudienceCode.STATE_CHANGED and left:
                    continue
                raise
            answer, status = responses.AudienceChange.of(proposal, kept), 200 if current else 201
            return reply(answer, status, {"ETag": etag_of(kept.revision)})
        raise AssertionError

    @staticmethod
    def _seen(asked: Asked[Any], current: rows.Audience | None) -> None:
        check_match(asked.if_match, asked.if_none_match, current.revision if current else None)

    @contextmanager
    def _alone(self, team: rows.Team) -> Iterator[None]:
        """Let one file of a team come in at a time, from its first byte on: it takes up to 200 MB of the disk."""
        if team.id in self.receiving:
            raise BotError(AudienceCode.IMPORT_UNDER_WAY)
        self.receiving.add(team.id)
        try:
            yield
        finally:
            self.receiving.discard(team.id)


def _sheet(file: BinaryIO, kind: str, given: requests.AudienceInput) -> CsvAudience:
    """Read the header of a file; its column of addresses is `email` from here on."""
    file.seek(0)
    if kind == CSV:
        sheet = read_csv(file, _LIMITS, Choice(given.address_column))
        at = sheet.columns.index(sheet.address_column)
        sheet = replace(sheet, columns=tuple(shown_columns(sheet.columns, at)), address_column=ADDRESS)
    else:
        sheet = read_ndjson(file, _LIMITS)
    return replace(sheet, rows=_refusing(sheet.rows)) if given.invalid == "refuse" else sheet


def _refusing(lines: Iterator[Row]) -> Iterator[Row]:
    for line in lines:
        if isinstance(line, Rejected) and line.reason is RejectReason.INVALID:
            raise Refusal(422, ProblemCode.LINE_INVALID, f"Line {line.line} {line.why}.", line=line.line)
        yield line


@contextmanager
def _named() -> Iterator[None]:
    """Name what is wrong as it is named here, and what is too large as the API does."""
    try:
        yield
    except BotError as error:
        if error.code in {AudienceCode.AUDIENCE_TOO_LARGE, AudienceCode.AUDIENCE_TOO_MANY_ROWS}:
            raise Refusal(413, ProblemCode.TOO_LARGE, error.text, line=error.line) from None
        error.field = _MEMBERS.get(error.field, error.field)
        raise
