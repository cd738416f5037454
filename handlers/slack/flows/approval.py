"""Approval: a broadcast asked for, reviewed, approved, sent back, withdrawn."""

from collections.abc import Callable
from datetime import datetime

from bot.broadcast.approval.follow_up import ApprovalFollowUp
from bot.broadcast.approval.requests import ApprovalRequests
from bot.broadcast.approval.rules import ends_at
from bot.broadcast.codes import BroadcastCode
from bot.broadcast.draft import Prepared
from bot.broadcast.drafts import Drafts
from bot.errors import BotError
from bot.mailer.readiness.rules import Confirmation
from handlers.slack import ids
from handlers.slack.approvers import Approvers
from handlers.slack.codes import SlackCode
from handlers.slack.dispatch.registration import Form, Listener, Permission, Request
from handlers.slack.flows.broadcasts import BroadcastFlow
from handlers.slack.flows.confirmations import all_shown, check_ticked
from handlers.slack.views.approval import requests as views
from handlers.slack.views.blocks import Modal, Reply

_NOT_THEIRS = {BroadcastCode.OWN_BROADCAST, BroadcastCode.NOT_APPROVER, SlackCode.NOT_ALLOWED}


class ApprovalFlow:
    def __init__(
        self,
        *,
        composing: BroadcastFlow,
        requests: ApprovalRequests,
        follow_up: ApprovalFollowUp,
        approvers: Approvers,
        drafts: Drafts,
        clock: Callable[[], datetime],
    ) -> None:
        self._composing = composing
        self._requests = requests
        self._follow_up = follow_up
        self._approvers = approvers
        self._drafts = drafts
        self._clock = clock

    def listeners(self) -> list[Listener | Form]:
        see = Permission.SEE  # who may is decided by the team's settings, not by who may send
        return [
            Listener(ids.Button.REVIEW, see, self.review, opens=views.REVIEW_TITLE),
            Listener(ids.Button.APPROVE, see, self.approve, opens=views.APPROVE_TITLE),
            Listener(ids.Button.REQUEST_CHANGES, see, self.open_note, opens=views.CHANGES_TITLE),
            Listener(ids.Button.WITHDRAW, see, self.withdraw),
            Form(ids.Form.ASK_FOR_APPROVAL, Permission.SEND, self.ask, "One moment…"),
            Form(ids.Form.APPROVE, see, self.approve, "One moment…"),
            Form(ids.Form.REQUEST_CHANGES, see, self.send_back, "One moment…"),
        ]

    async def ask(self, request: Request) -> Reply:
        """Ask for approval of a draft, once all that is to be ticked is."""
        prepared = await self._composing.checked(request)
        draft, confirmations = prepared.broadcast, prepared.readiness.confirmations
        if not prepared.needs_approval or not all_shown(request.values, confirmations):
            return await self._composing.confirmation(request, prepared)
        check_ticked(request.values, confirmations)
        can_approve = await self._approvers.of(request.client, request.team)
        asked = await self._requests.ask(
            request.team,
            draft.id,
            draft.version,
            request.user_id,
            agreed=confirmations,
            asked_of=can_approve,
        )
        await self._follow_up.judge(request.team, asked.id, can_approve)
        seconds = (ends_at(asked) - self._clock()).total_seconds()
        return Modal(views.asked_page(asked, seconds), otherwise="The channel has the request.")

    async def review(self, request: Request) -> Reply:
        try:
            await self._check(request)
            approves = True
        except BotError as error:
            if error.code not in _NOT_THEIRS:
                raise
            approves = False
        return await self._review(request, approves=approves)

    async def approve(self, request: Request) -> Reply:
        """Approve it, unless something is true now that nobody has agreed to: then it is shown, with its tick."""
        await self._check(request)
        ref, values = request.ref, request.values
        prepared = await self._requests.review(request.team, ref.record_id, ref.version)
        unticked = _unticked(prepared)
        if not all_shown(values, unticked):
            return await self._review(request, approves=True)
        check_ticked(values, unticked)
        approved = await self._requests.approve(
            request.team, ref.record_id, ref.version, request.user_id, workspace_admin=await self._is_admin(request)
        )
        return Modal(views.approved_page(approved), otherwise="Approved.")

    async def open_note(self, request: Request) -> Reply:
        await self._check(request)
        return Modal(views.request_changes_form(request.ref))

    async def send_back(self, request: Request) -> Reply:
        ref, note = request.ref, request.values.text(ids.Input.NOTE)
        await self._check(request)
        await self._requests.send_back(
            request.team,
            ref.record_id,
            ref.version,
            request.user_id,
            note,
            workspace_admin=await self._is_admin(request),
        )
        return Modal(views.sent_back_page(), otherwise="It is a draft again.")

    async def withdraw(self, request: Request) -> Reply:
        await self._requests.withdraw(
            request.team,
            request.ref.record_id,
            request.ref.version,
            request.user_id,
            workspace_admin=await self._is_admin(request),
        )
        return None

    async def _check(self, request: Request) -> None:
        """Let through who may approve, and is in the channel.

        Raises:
            BotError: NOT_FOUND, ALREADY, OWN_BROADCAST, NOT_APPROVER or NOT_ALLOWED.
        """
        ref, user = request.ref, request.user_id
        await self._follow_up.judge(request.team, ref.record_id, await self._approvers.of(request.client, request.team))
        admin = await self._is_admin(request)
        await self._requests.check(request.team, ref.record_id, ref.version, user, workspace_admin=admin)
        if not await self._approvers.present(request.client, request.team, [user]):
            raise BotError(SlackCode.NOT_ALLOWED, "Approvers must be in the channel.", "Join it and try again.")

    async def _is_admin(self, request: Request) -> bool:
        return await self._approvers.is_workspace_admin(request.client, request.team, request.user_id)

    async def _review(self, request: Request, *, approves: bool) -> Modal:
        prepared = await self._requests.review(request.team, request.ref.record_id, request.ref.version)
        before = await self._requests.asked_before(prepared.broadcast)
        changes = await self._drafts.changes_since(prepared.broadcast, before) if before else []
        return Modal(views.review_view(prepared, request.ref, changes, approves=approves, unticked=_unticked(prepared)))


def _unticked(prepared: Prepared) -> list[Confirmation]:
    return [code for code in prepared.readiness.confirmations if code not in prepared.broadcast.agreed]
