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
from handlers.slack.dispatch.authorization import Permission
from handlers.slack.dispatch.listeners import Listeners
from handlers.slack.dispatch.registration import Call, Form
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

    def register(self, listeners: Listeners) -> None:
        see = Permission.SEE  # who may is decided by the team's settings, not by who may send
        listeners.button(ids.Button.REVIEW, see, self.review, opens=views.REVIEW_TITLE)
        listeners.button(ids.Button.APPROVE, see, self.approve, opens=views.APPROVE_TITLE)
        listeners.button(ids.Button.REQUEST_CHANGES, see, self.open_note, opens=views.CHANGES_TITLE)
        listeners.button(ids.Button.WITHDRAW, see, self.withdraw)
        listeners.form(Form(ids.Form.ASK_FOR_APPROVAL, Permission.SEND, self.ask, "One moment…"))
        listeners.form(Form(ids.Form.APPROVE, see, self.approve, "One moment…"))
        listeners.form(Form(ids.Form.REQUEST_CHANGES, see, self.send_back, "One moment…"))

    async def ask(self, call: Call) -> Reply:
        """Ask for approval of a draft, once all that is to be ticked is."""
        prepared = await self._composing.checked(call)
        draft, confirmations = prepared.broadcast, prepared.readiness.confirmations
        if not prepared.needs_approval or not all_shown(call.at.values, confirmations):
            return await self._composing.confirmation(call, prepared)
        check_ticked(call.at.values, confirmations)
        can_approve = await self._approvers.of(call.client, call.team)
        request = await self._requests.ask(
            call.team,
            draft.id,
            draft.version,
            call.at.user_id,
            agreed=confirmations,
            asked_of=can_approve,
        )
        await self._follow_up.judge(call.team, request.id, can_approve)
        seconds = (ends_at(request) - self._clock()).total_seconds()
        return Modal(views.asked_page(request, seconds), otherwise="The channel has the request.")

    async def review(self, call: Call) -> Reply:
        try:
            await self._check(call)
            approves = True
        except BotError as error:
            if error.code not in _NOT_THEIRS:
                raise
            approves = False
        return await self._review(call, approves=approves)

    async def approve(self, call: Call) -> Reply:
        """Approve it, unless something is true now that nobody has agreed to: then it is shown, with its tick."""
        await self._check(call)
        ref, values = call.at.ref, call.at.values
        prepared = await self._requests.review(call.team, ref.record_id, ref.version)
        unticked = _unticked(prepared)
        if not all_shown(values, unticked):
            return await self._review(call, approves=True)
        check_ticked(values, unticked)
        approved = await self._requests.approve(
            call.team, ref.record_id, ref.version, call.at.user_id, workspace_admin=await self._is_admin(call)
        )
        return Modal(views.approved_page(approved), otherwise="Approved.")

    async def open_note(self, call: Call) -> Reply:
        await self._check(call)
        return Modal(views.request_changes_form(call.at.ref))

    async def send_back(self, call: Call) -> Reply:
        ref, note = call.at.ref, call.at.values.text(ids.Input.NOTE)
        await self._check(call)
        await self._requests.send_back(
            call.team, ref.record_id, ref.version, call.at.user_id, note, workspace_admin=await self._is_admin(call)
        )
        return Modal(views.sent_back_page(), otherwise="It is a draft again.")

    async def withdraw(self, call: Call) -> Reply:
        ref = call.at.ref
        await self._requests.withdraw(
            call.team, ref.record_id, ref.version, call.at.user_id, workspace_admin=await self._is_admin(call)
        )
        return None

    async def _check(self, call: Call) -> None:
        """Let through who may approve, and is in the channel.

        Raises:
            BotError: NOT_FOUND, ALREADY, OWN_BROADCAST, NOT_APPROVER or NOT_ALLOWED.
        """
        ref, user = call.at.ref, call.at.user_id
        await self._follow_up.judge(call.team, ref.record_id, await self._approvers.of(call.client, call.team))
        admin = await self._is_admin(call)
        await self._requests.check(call.team, ref.record_id, ref.version, user, workspace_admin=admin)
        if not await self._approvers.present(call.client, call.team, [user]):
            raise BotError(SlackCode.NOT_ALLOWED, "Approvers must be in the channel.", "Join it and try again.")

    async def _is_admin(self, call: Call) -> bool:
        return await self._approvers.is_workspace_admin(call.client, call.team, call.at.user_id)

    async def _review(self, call: Call, *, approves: bool) -> Modal:
        ref = call.at.ref
        prepared = await self._requests.review(call.team, ref.record_id, ref.version)
        before = await self._requests.asked_before(prepared.broadcast)
        changes = await self._drafts.changes_since(prepared.broadcast, before) if before else []
        return Modal(views.review_view(prepared, ref, changes, approves=approves, unticked=_unticked(prepared)))


def _unticked(prepared: Prepared) -> list[Confirmation]:
    return [code for code in prepared.readiness.confirmations if code not in prepared.broadcast.agreed]
