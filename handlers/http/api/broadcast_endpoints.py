"""The routes that send: the same functions as Slack's buttons, with the same readiness check and the same audit.

A program sees no dialog, so what a person would have to agree to it names in `accept`.
"""

import io
import re
from collections.abc import Awaitable, Callable
from contextlib import closing, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from bot.api.idempotency import IdempotencyKeys, StoredResponse
from bot.broadcast.audience.header_detection import Choice
from bot.broadcast.audience.saved import Audiences
from bot.broadcast.broadcasts import Broadcasts, Draft, Prepared, Upload
from bot.broadcast.content.html_import import import_html
from bot.broadcast.controls import AfterChange
from bot.broadcast.reporting.progress import Progress
from bot.errors import BotError
from bot.mailer.readiness.explanations import explanation
from handlers.http.api import broadcast_responses, requests
from handlers.http.api.problems import Refusal
from handlers.http.api.routing import Asked, Route, reply
from storage import models as rows

_ID = re.compile(r"[0-9a-f]{32}")
_URL = re.compile(r"(https?://[^\s<>\"]+[^\s<>\".,;:!?)])")


@dataclass(frozen=True, slots=True)
class BroadcastEndpoints:
    """What these routes may call."""

    broadcasts: Broadcasts
    audiences: Audiences
    idempotency: IdempotencyKeys

    def sending_routes(self) -> list[Route[Any]]:
        none, changed = requests.NoInput, {200: broadcast_responses.Broadcast}
        create = requests.BroadcastInput
        return [
            Route(
                "POST",
                "/broadcasts",
                "Send, now or later",
                create,
                {201: broadcast_responses.NewBroadcast},
                self.create_broadcast,
            ),
            Route("POST", "/broadcasts/{id}/pause", "Wait for a resume", none, changed, self.pause),
            Route("POST", "/broadcasts/{id}/resume", "Go on", none, changed, self.resume),
            Route("POST", "/broadcasts/{id}/cancel", "Mail nobody else", none, changed, self.cancel),
        ]

    async def create_broadcast(self, asked: Asked[requests.BroadcastInput]) -> StoredResponse:
        """Prepare it and confirm it; of what is refused nothing stays."""
        bearer, given = asked.bearer, asked.input
        warnings: list[broadcast_responses.Remark] = []

        async def send(also: AfterChange) -> None:
            await self.broadcasts.check_room(bearer.team)
            source = await self._source(asked)
            body = await _body(given)
            draft = Draft(given.sender, given.reply_to, given.subject, given.preheader, body)
            with closing(source) if isinstance(source, Upload) else nullcontext():
                prepared = await self.broadcasts.prepare(bearer.team, bearer.actor, draft, source, given.send_at)
            made, warnings[:] = prepared.broadcast, broadcast_responses.Remark.all_of(prepared)
            try:
                _check_accepted(prepared, given)
                await self.broadcasts.confirm(bearer.team, made.id, made.version, bearer.actor, also=also)
            except BaseException:
                await self.broadcasts.forget(made)
                raise

        return await self._once(
            asked, send, 201, lambda made: broadcast_responses.NewBroadcast.with_warnings(made, warnings)
        )

    async def pause(self, asked: Asked[requests.NoInput]) -> StoredResponse:
        return await self._steer(asked, self.broadcasts.pause)

    async def resume(self, asked: Asked[requests.NoInput]) -> StoredResponse:
        return await self._steer(asked, self.broadcasts.resume)

    async def cancel(self, asked: Asked[requests.NoInput]) -> StoredResponse:
        return await self._steer(asked, self.broadcasts.cancel)

    async def broadcast_of(self, asked: Asked[Any]) -> rows.Broadcast:
        """Return the broadcast that the path names, if it is the team's."""
        if not _ID.fullmatch(asked.named):
            raise Refusal.not_found()
        return await self.broadcasts.get(asked.bearer.team, asked.named)

    async def _steer(self, asked: Asked[Any], change: Callable[..., Awaitable[rows.Broadcast]]) -> StoredResponse:
        async def act(also: AfterChange) -> None:
            row = await self.broadcast_of(asked)
            await change(asked.bearer.team, row.id, row.version, asked.bearer.actor, also=also)

        return await self._once(asked, act)

    async def _once(
        self,
        asked: Asked[Any],
        act: Callable[[AfterChange], Awaitable[None]],
        status: int = 200,
        show: Callable[[Progress], broadcast_responses.Broadcast] = broadcast_responses.Broadcast.with_progress,
    ) -> StoredResponse:
        """Act, and keep the reply in the same transaction; what was answered before is answered the same."""
        seen = partial(self.idempotency.find, asked.bearer.team, asked.key, asked.raw)
        if earlier := await seen():
            return earlier
        replies: list[StoredResponse] = []

        async def answer(session: AsyncSession, broadcast: rows.Broadcast) -> None:
            progress = await self.broadcasts.progress(session, broadcast.id)
            if progress is not None:
                replies.append(reply(show(progress), status))
                await self.idempotency.keep(session, asked.bearer.team, asked.key, asked.raw, replies[-1])

        try:
            await act(answer)
        except BotError:
            if earlier := await seen():  # the same request came twice at the same moment, and the other one was first
                return earlier
            raise
        return replies[-1]

    async def _source(self, asked: Asked[requests.BroadcastInput]) -> Upload | rows.Audience:
        given = asked.input
        if bool(given.audience) == bool(given.saved_audience):
            raise Refusal.invalid("audience", "Give either audience, as CSV, or the name of a saved_audience.")
        if given.audience:
            choice = Choice(given.address_column, keep_marked=given.keep_marked_rows)
            return Upload(io.BytesIO(given.audience.encode()), choice=choice, waits=False)
        try:
            return await self.audiences.named(asked.bearer.team, given.saved_audience)
        except BotError as error:
            raise Refusal.invalid("saved_audience", error.text) from None


def _check_accepted(prepared: Prepared, given: requests.BroadcastInput) -> None:
    for code in prepared.readiness.confirmations:
        if code not in given.accept:
            sentence = explanation(code, prepared.readiness).sentence
            raise Refusal(409, code.value, f"{sentence} To have it so, send “{code.value}” in accept.")


async def _body(given: requests.BroadcastInput) -> dict[str, Any]:
    if [bool(given.text), bool(given.message), bool(given.html)].count(True) != 1:
        raise Refusal.invalid("text", "Give exactly one of text, message and html.")
    return await import_html(given.html.encode()) if given.html else _rich_text(given.text or given.message)


def _rich_text(message: str) -> dict[str, Any]:
    """Return plain text as Slack's rich text, with its web addresses as links."""
    parts = (
        {"type": "link", "url": part} if number % 2 else {"type": "text", "text": part}
        for number, part in enumerate(_URL.split(message))
        if part
    )
    return {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": list(parts)}]}
