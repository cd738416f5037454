"""The routes about a broadcast that exists: the same functions as Slack's buttons, with the same check and audit."""

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from bot.api.broadcast_facts import BroadcastFacts, facts_of
from bot.api.idempotency import IdempotencyKeys, StoredResponse
from bot.broadcast.approval.requests import ApprovalRequests
from bot.broadcast.audience.saved import Audiences
from bot.broadcast.broadcasts import Broadcasts
from bot.broadcast.codes import BroadcastCode
from bot.broadcast.content.remote_images import FetchImage
from bot.broadcast.controls import AfterChange
from bot.broadcast.drafts import Drafts
from bot.broadcast.mail_me_one import MailMeOne
from bot.broadcast.preview import Previews
from bot.broadcast.transitions import share
from bot.email_addresses import parse_addresses
from bot.errors import BotError
from bot.teams.settings import TeamRules
from handlers.http.api import broadcast_requests, broadcast_responses, requests
from handlers.http.api.preconditions import etag_of
from handlers.http.api.problems import Refusal
from handlers.http.api.routing import MOUNTED, VERSION, Asked, Route, reply
from handlers.http.api.scopes import check
from storage import UNSENT, Database, Session, TokenScope
from storage import models as rows
from storage.audit import API_TOKEN

_ID = re.compile(r"[0-9a-f]{32}")
_MEMBERS = {"send_to": "to", "recipient": "row"}  # of fields in Slack's form

Show = Callable[[BroadcastFacts, str | None], broadcast_responses.Broadcast]


@dataclass(frozen=True, slots=True)
class BroadcastEndpoints:
    """What these routes may call. `workspace_urls` are Slack's own, by workspace."""

    db: Database
    broadcasts: Broadcasts
    drafts: Drafts
    approval_requests: ApprovalRequests
    mail_me_one: MailMeOne
    previews: Previews
    audiences: Audiences
    team_rules: TeamRules
    idempotency: IdempotencyKeys
    workspace_urls: Mapping[str, str]
    fetch_image: FetchImage

    def control_routes(self) -> list[Route[Any]]:
        none, shown = requests.NoInput, broadcast_responses.Broadcast
        changed = {200: shown}
        row, test = broadcast_requests.PreviewInput, broadcast_requests.TestInput
        preview = {200: broadcast_responses.MailPreview}
        return [
            Route("GET", "/broadcasts/{id}", "How far it is", none, changed, self.broadcast, conditional=True),
            Route("POST", "/broadcasts/{id}/copy", "Make a draft of it", none, {201: shown}, self.copy),
            Route("POST", "/broadcasts/{id}/preview", "How one recipient's mail reads", row, preview, self.preview),
            Route(
                "POST", "/broadcasts/{id}/test", "Mail one recipient's mail to others", test, {201: shown}, self.test
            ),
            Route(
                "POST",
                "/broadcasts/{id}/undo",
                "Make a draft again of one that has not begun",
                none,
                changed,
                self.undo,
            ),
            Route("POST", "/broadcasts/{id}/pause", "Wait for a resume", none, changed, self.pause),
            Route("POST", "/broadcasts/{id}/resume", "Go on", none, changed, self.resume),
            Route("POST", "/broadcasts/{id}/cancel", "Mail nobody else", none, changed, self.cancel),
        ]

    async def broadcast(self, asked: Asked[requests.NoInput]) -> StoredResponse:
        row = await self.broadcast_of(asked)
        async with self.db.read() as session:
            facts = await facts_of(session, self.team_rules.policy, row.id)
        if facts is None:
            raise Refusal.not_found()
        return self.shown(facts)

    async def copy(self, asked: Asked[requests.NoInput]) -> StoredResponse:
        async def act(also: AfterChange) -> None:
            row = await self.broadcast_of(asked)
            await self.drafts.copy(asked.bearer.team, row.id, asked.bearer.actor, also=self.sharing(also))

        return await self.once(asked, act, 201)

    async def preview(self, asked: Asked[broadcast_requests.PreviewInput]) -> StoredResponse:
        row = await self.broadcast_of(asked)
        with _named():
            mail = await self.previews.mail(asked.bearer.team, row, asked.input.row)
        return reply(broadcast_responses.MailPreview.of(mail))

    async def test(self, asked: Asked[broadcast_requests.TestInput]) -> StoredResponse:
        given, bearer = asked.input, asked.bearer

        async def act(also: AfterChange) -> None:
            row = await self.broadcast_of(asked)
            with _named():
                to = parse_addresses("\n".join(given.to), field="to")
                if not set(to) <= set(bearer.team.tests_go_to):
                    check(bearer, {TokenScope.SEND})
                    self.check_policy()
                await self.mail_me_one.send(bearer.team, row.id, row.version, bearer.actor, given.row, to, also=also)

        return await self.once(asked, act, 201)

    async def undo(self, asked: Asked[requests.NoInput]) -> StoredResponse:
        return await self._steer(asked, self.broadcasts.undo)

    async def pause(self, asked: Asked[requests.NoInput]) -> StoredResponse:
        return await self._steer(asked, self.broadcasts.pause)

    async def resume(self, asked: Asked[requests.NoInput]) -> StoredResponse:
        return await self._steer(asked, self.broadcasts.resume)

    async def cancel(self, asked: Asked[requests.NoInput]) -> StoredResponse:
        async def cancel(team: rows.Team, broadcast_id: str, version: int, by: str, *, also: AfterChange) -> Any:
            row = await self.broadcast_of(asked)
            unsent = row.state in UNSENT
            if not (unsent and row.created_by == by):
                check(asked.bearer, {TokenScope.SEND})
            if unsent and not row.created_by.startswith(API_TOKEN):
                raise persons()
            return await self.broadcasts.cancel(team, broadcast_id, version, by, also=also)

        return await self._steer(asked, cancel)

    async def broadcast_of(self, asked: Asked[Any]) -> rows.Broadcast:
        """Return the broadcast that the path names, if it is the team's."""
        if not _ID.fullmatch(asked.named):
            raise Refusal.not_found()
        return await self.broadcasts.get(asked.bearer.team, asked.named)

    def check_policy(self) -> None:
        """Raise BotError POLICY where programs may not send by themselves."""
        if not self.team_rules.policy.api_send:
            raise BotError(
                BroadcastCode.POLICY,
                "Who runs this Mailroom does not let programs send by themselves.",
                "Keep a draft, or ask for approval: the modes “draft” and “ask”.",
            )

    def sharing(self, also: AfterChange) -> AfterChange:
        """Have the channel see a draft, in the transaction that makes it."""

        async def shared(session: Session, draft: rows.Broadcast) -> None:
            await share(session, draft)
            await also(session, draft)

        return shared

    def shown(
        self, facts: BroadcastFacts, status: int = 200, show: Show = broadcast_responses.Broadcast.of_facts
    ) -> StoredResponse:
        """Answer with a broadcast, its ETag, and where it is if it is new."""
        headers = {"ETag": etag_of(facts.broadcast.version)}
        if status == 201:
            headers["Location"] = f"{MOUNTED}{VERSION}/broadcasts/{facts.broadcast.id}"
        return reply(show(facts, self._slack_url(facts)), status, headers)

    async def once(
        self,
        asked: Asked[Any],
        act: Callable[[AfterChange], Awaitable[None]],
        status: int = 200,
        show: Show = broadcast_responses.Broadcast.of_facts,
    ) -> StoredResponse:
        """Act, and keep the reply in the same transaction; what was answered before is answered the same."""
        seen = partial(self.idempotency.find, asked.bearer.team, asked.key, asked.raw)
        if earlier := await seen():
            return earlier
        replies: list[StoredResponse] = []

        async def answer(session: Session, broadcast: rows.Broadcast) -> None:
            await session.flush()
            facts = await facts_of(session, self.team_rules.policy, broadcast.id)
            if facts is not None:
                replies.append(self.shown(facts, status, show))
                await self.idempotency.keep(session, asked.bearer.team, asked.key, asked.raw, replies[-1])

        try:
            await act(answer)
        except BotError:
            if earlier := await seen():  # the same request came twice at the same moment, and the other one was first
                return earlier
            raise
        return replies[-1]

    async def _steer(self, asked: Asked[Any], change: Callable[..., Awaitable[rows.Broadcast]]) -> StoredResponse:
        async def act(also: AfterChange) -> None:
            row = await self.broadcast_of(asked)
            await change(asked.bearer.team, row.id, row.version, asked.bearer.actor, also=also)

        return await self.once(asked, act)

    def _slack_url(self, facts: BroadcastFacts) -> str | None:
        workspace = self.workspace_urls.get(facts.team.slack_team_id)
        if not workspace or facts.message is None:
            return None
        channel, ts = facts.message
        return f"{workspace.rstrip('/')}/archives/{channel}/p{ts.replace('.', '')}"


def persons() -> BotError:
    return BotError(
        BroadcastCode.STATE_CHANGED, "A person wrote this draft, so nothing was changed.", "Make a copy of it instead."
    )


@contextmanager
def _named() -> Iterator[None]:
    """Name what is wrong as the members are named here, and not as in Slack's form."""
    try:
        yield
    except BotError as error:
        error.field = _MEMBERS.get(error.field, error.field)
        raise
