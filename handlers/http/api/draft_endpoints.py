"""The routes that write: a broadcast is made, or a draft changed, and then kept, asked for or sent.

A program sees no dialog, so what a person would have to agree to it names in `accept`.
"""

from collections.abc import Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from bot.api.broadcast_facts import BroadcastFacts
from bot.api.idempotency import StoredResponse
from bot.broadcast.broadcasts import Draft, Prepared, Upload
from bot.broadcast.codes import BroadcastCode
from bot.broadcast.content.html_body import is_remote
from bot.broadcast.content.images import Image, joined
from bot.broadcast.controls import AfterChange
from bot.broadcast.draft import Edited
from bot.broadcast.preparation import AfterPreparing
from bot.errors import BotError
from bot.mailer.readiness.explanations import explanation
from handlers.http.api.broadcast_content import SOURCES, TEXTS, given_of, images_of, naming, page_of, source_of
from handlers.http.api.broadcast_endpoints import BroadcastEndpoints, persons
from handlers.http.api.broadcast_requests import MOST_BYTES, BroadcastInput, BroadcastMembers, BroadcastPatch, Mode
from handlers.http.api.broadcast_responses import Broadcast, NewBroadcast, Remark
from handlers.http.api.preconditions import changed_meanwhile, check_seen
from handlers.http.api.problems import Refusal
from handlers.http.api.routing import Asked, Route
from handlers.http.api.scopes import check
from storage import UNSENT, Session, TokenScope
from storage import models as rows
from storage.audit import API_TOKEN

Source = Upload | rows.Audience | None
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Written:
    """What a program wrote; `edited` is what it takes the place of."""

    draft: Draft
    source: Source
    start_at: datetime | None
    edited: Edited | None = None


@dataclass(frozen=True, slots=True)
class DraftEndpoints(BroadcastEndpoints):
    """What these routes may call."""

    def writing_routes(self) -> list[Route[Any]]:
        new, made, changed = BroadcastInput, {201: NewBroadcast}, {200: NewBroadcast}
        patch = BroadcastPatch
        return [
            Route("POST", "/broadcasts", "Send it, ask for it or keep a draft", new, made, self.create, MOST_BYTES),
            Route(
                "PATCH", "/broadcasts/{id}", "Change a draft", patch, changed, self.change, MOST_BYTES, conditional=True
            ),
        ]

    async def create(self, asked: Asked[BroadcastInput]) -> StoredResponse:
        """Prepare it, then send or ask for it; of what is refused nothing stays."""
        given, bearer, remarks = asked.input, asked.bearer, _Remarks()
        if given.mode is Mode.SEND:
            check(bearer, {TokenScope.SEND})
        needed = given.mode is not Mode.DRAFT

        async def act(also: AfterChange) -> None:
            text = given_of(given, TEXTS, needed=needed)
            given_of(given, SOURCES, needed=needed)
            if given.mode is Mode.SEND:
                self.check_policy()
                await self.broadcasts.check_room(bearer.team)
            async with naming(text):
                page, images = await page_of(given, text, self.fetch_image), await images_of(given.images or ())
                source = await source_of(bearer.team, given, self.audiences, needed=needed)
                typed = given.sender, given.reply_to or "", given.subject, given.preheader or ""
                draft = Draft(*typed, page.body, joined(page.images, images), given.selection())
                written = Written(draft, source, given.send_at)
                if not needed:
                    await self._keep(asked, written, remarks, self.sharing(also))
                    return
                prepared = await self._prepare(asked, written, remarks)
            try:
                await self._go(asked, prepared, given.mode, also)
            except BaseException:
                await self.broadcasts.forget(prepared.broadcast)
                raise

        return await self.once(asked, act, 201, remarks.show)

    async def change(self, asked: Asked[BroadcastPatch]) -> StoredResponse:
        """Change a draft, or a request, which is a draft then; and send or ask for it, if that is the mode."""
        given, bearer, remarks = asked.input, asked.bearer, _Remarks()
        row = await self.broadcast_of(asked)
        _check_may(asked, row)
        check_seen(asked.if_match, row.version)
        mode = given.mode or Mode.DRAFT

        async def act(also: AfterChange) -> None:
            if mode is Mode.SEND:
                self.check_policy()
            only_mode = given.model_fields_set <= {"mode", "accept"}
            if only_mode and mode is Mode.DRAFT:
                await self._go_nowhere(row, also)
            elif only_mode:
                seen = Edited(row.id, row.version)
                prepared = remarks.note(await self.broadcasts.check(bearer.team, bearer.actor, seen))
                await self._go(asked, prepared, mode, also)
            else:
                async with naming(given_of(given, TEXTS, needed=False)):
                    written = await self._changed(asked, row)
                    if mode is Mode.DRAFT:
                        await self._keep(asked, written, remarks, also)
                        return
                    prepared = await self._prepare(asked, written, remarks)
                await self._go(asked, prepared, mode, also)

        try:
            return await self.once(asked, act, 200, remarks.show)
        except BotError as error:
            now = await self.broadcasts.get(bearer.team, row.id)
            if error.code is BroadcastCode.STATE_CHANGED and now.version != row.version and mode is Mode.DRAFT:
                raise changed_meanwhile(now.version) from None
            raise

    async def _changed(self, asked: Asked[BroadcastPatch], row: rows.Broadcast) -> Written:
        """Merge what is given into what is there."""
        given, there, team = asked.input, asked.input.model_fields_set, asked.bearer.team
        draft, text = Draft.of(row), given_of(given, TEXTS, needed=False)

        def merged(name: str, given_value: Value | None, otherwise: Value, emptied: Value) -> Value:
            return otherwise if name not in there else emptied if given_value is None else given_value

        own: Sequence[Image] = [image for image in draft.images if not is_remote(image["name"])]
        fetched: Sequence[Image] = [image for image in draft.images if is_remote(image["name"])]
        if there & set(TEXTS):
            page = await page_of(given, text, self.fetch_image)
            draft, fetched = replace(draft, body=page.body), page.images
        if "images" in there:
            own = await images_of(given.images or ())
        draft = replace(
            draft,
            from_address=given.sender or draft.from_address,
            subject=given.subject or draft.subject,
            reply_to=merged("reply_to", given.reply_to, draft.reply_to, ""),
            preheader=merged("preheader", given.preheader, draft.preheader, ""),
            images=joined(fetched, own),
            selection=given.selection(draft.selection),
        )
        source: Source = await source_of(team, given, self.audiences, needed=False)
        if not there & set(SOURCES):
            source = await self.drafts.audience(team, row)
        start_at = given.send_at if "send_at" in there else row.start_at
        return Written(draft, source, start_at, Edited(row.id, row.version, frozenset(UNSENT)))

    async def _keep(self, asked: Asked[Any], written: Written, remarks: "_Remarks", also: AfterChange) -> None:
        """Keep a draft, which may lack its text or its audience."""
        draft, source, edited, bearer = written.draft, written.source, written.edited, asked.bearer
        broadcasts, to = self.broadcasts, (bearer.team, bearer.actor, written.draft)
        with closing(source) if isinstance(source, Upload) else nullcontext():
            if not draft.body:
                await broadcasts.save_without_text(*to, source, written.start_at, edited, also=also)
            elif source is None:
                await broadcasts.save(*to, written.start_at, edited, also=also)
            else:
                kept = remarks.noting(also)
                await broadcasts.prepare(*to, source, written.start_at, edited=edited, also=kept)

    async def _prepare(self, asked: Asked[Any], written: Written, remarks: "_Remarks") -> Prepared:
        """Prepare what is to be asked for or sent, which lacks nothing."""
        bearer, source = asked.bearer, written.source
        if source is None:
            raise BotError(BroadcastCode.AUDIENCE_MISSING, field="audience")
        with closing(source) if isinstance(source, Upload) else nullcontext():
            return remarks.note(
                await self.broadcasts.prepare(
                    bearer.team, bearer.actor, written.draft, source, written.start_at, edited=written.edited
                )
            )

    async def _go(self, asked: Asked[Any], prepared: Prepared, mode: Mode, also: AfterChange) -> None:
        """Send what was prepared, or ask for it, where all is agreed to that must be."""
        given: BroadcastMembers = asked.input
        bearer, made, accept = asked.bearer, prepared.broadcast, given.accept
        for code in prepared.readiness.confirmations:
            if code not in accept:
                sentence = explanation(code, prepared.readiness).sentence
                raise Refusal(409, code.value, f"{sentence} To have it so, send “{code.value}” in accept.")
        draft = bearer.team, made.id, made.version, bearer.actor
        if mode is Mode.SEND:
            await self.broadcasts.confirm(*draft, also=also)
            return
        can_approve = bearer.team.approvers or await self.team_rules.admins(bearer.team)
        agreed = [code.value for code in prepared.readiness.confirmations]
        await self.approval_requests.ask(*draft, agreed=agreed, asked_of=can_approve, also=also)

    async def _go_nowhere(self, row: rows.Broadcast, also: AfterChange) -> None:
        async with self.db.write() as session:
            await also(session, row)


class _Remarks:
    """What is worth knowing of a broadcast, once it is prepared."""

    def __init__(self) -> None:
        self._all: list[Remark] = []

    def note(self, prepared: Prepared) -> Prepared:
        self._all = Remark.all_of(prepared)
        return prepared

    def noting(self, also: AfterChange) -> AfterPreparing:
        async def noted(session: Session, prepared: Prepared) -> None:
            await also(session, self.note(prepared).broadcast)

        return noted

    def show(self, facts: BroadcastFacts, slack_url: str | None) -> Broadcast:
        return NewBroadcast.with_warnings(facts, slack_url, self._all)


def _check_may(asked: Asked[BroadcastPatch], row: rows.Broadcast) -> None:
    """Let a program change what programs made, and one that may only draft what it made itself."""
    if not row.created_by.startswith(API_TOKEN) and row.state in UNSENT:
        raise persons()
    if row.created_by != asked.bearer.actor or asked.input.mode is Mode.SEND:
        check(asked.bearer, {TokenScope.SEND})
