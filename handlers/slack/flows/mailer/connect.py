"""Connecting, reconnecting and deleting the mailer."""

import asyncio
from collections.abc import Awaitable, Callable

from slack_sdk.models.views import View

from bot.broadcast.approval.requests import ApprovalRequests
from bot.broadcast.broadcasts import Broadcasts
from bot.errors import BotError
from bot.mailer.connection.connect import Connections
from bot.mailer.connection.credential_drafts import ConnectDrafts, key_id, role_arn
from bot.mailer.connection.credential_input import AccessRefusedError, AlreadyConnectedError, CredentialInput
from bot.mailer.connection.disconnect import Removal
from bot.mailer.connection.role_setup import RoleOffers
from bot.mailer.mailers import Mailers
from bot.ses.permission_check import AccessReport, ActionCheck, OnAction
from handlers.slack import ids
from handlers.slack.codes import SlackCode
from handlers.slack.dispatch.authorization import Permission
from handlers.slack.dispatch.listeners import Listeners
from handlers.slack.dispatch.registration import Call, Form, Subcommand
from handlers.slack.dispatch.responder import ProgressView
from handlers.slack.text import esc
from handlers.slack.views.blocks import Modal, Reply
from handlers.slack.views.mailer import connect as views
from handlers.slack.views.mailer.connect_form import FormState, credentials_form
from storage.models import ConnectDraft, Mailer, Team
from storage.states import SignIn

REDRAW_SECONDS = 1.0  # between two drawings of the ticks

Run = Callable[[Team, CredentialInput, str, OnAction], Awaitable[tuple[Mailer, AccessReport]]]


class ConnectFlow:
    def __init__(
        self,
        mailers: Mailers,
        connections: Connections,
        connect_drafts: ConnectDrafts,
        role_offers: RoleOffers,
        broadcasts: Broadcasts,
        approval_requests: ApprovalRequests,
        removal: Removal,
    ) -> None:
        self._mailers = mailers
        self._connections = connections
        self._connect_drafts = connect_drafts
        self._role_offers = role_offers
        self._broadcasts = broadcasts
        self._approval_requests = approval_requests
        self._removal = removal

    def words(self) -> list[Subcommand]:
        admin = Permission.ADMINISTER
        return [
            Subcommand("connect", "connect this channel to Amazon SES", admin, self.open, opens=views.CONNECT_TITLE),
            Subcommand(
                "reconnect", "give the mailer a new key or role", admin, self.reopen, opens=views.RECONNECT_TITLE
            ),
            Subcommand("delete", "delete the mailer of this channel", admin, self.ask_delete, opens=views.DELETE_TITLE),
        ]

    def register(self, listeners: Listeners) -> None:
        admin = Permission.ADMINISTER
        listeners.button(ids.Button.CONNECT, admin, self.open, opens=views.CONNECT_TITLE)
        listeners.button(ids.Button.RECONNECT, admin, self.reopen, opens=views.RECONNECT_TITLE)
        listeners.button(ids.Button.CREATE_ROLE, admin, self.leave)
        listeners.button(ids.Button.DELETE_MAILER, admin, self.ask_delete, opens=views.DELETE_TITLE)
        listeners.choice(ids.Input.SIGN_IN, admin, self.choose)
        listeners.form(Form(ids.Form.CONNECT, admin, self.connect, views.CHECKING, self.redraw, slow=True))
        listeners.form(Form(ids.Form.RECONNECT, admin, self.reconnect, views.CHECKING, self.redraw, slow=True))
        listeners.form(Form(ids.Form.DELETE_MAILER, admin, self.delete, "Deleting…"))

    async def open(self, call: Call) -> Reply:
        mailer = await self._mailers.get(call.team)
        if mailer is not None:
            return views.already_connected_message(mailer, ids.Ref(call.team.id, mailer.id, mailer.version))
        return Modal(_form(ids.Ref(call.team.id), await self._kept(call, "")))

    async def reopen(self, call: Call) -> Reply:
        mailer = await self._mailers.require(call.team)
        draft = await self._kept(call, mailer.id, mailer.region, mailer.sign_in)
        return Modal(_form(ids.Ref(call.team.id, mailer.id, mailer.version), draft))

    async def leave(self, call: Call) -> Reply:  # noqa: ARG002 - a link opens by itself, and Slack wants to be answered
        return None

    async def choose(self, call: Call) -> Reply:
        draft = await self._draft(call)
        await self._keep(call, draft)
        return Modal(_form(call.at.ref, draft))

    async def redraw(self, call: Call, notice: str) -> View:
        return _form(call.at.ref, await self._draft(call), notice=notice)

    async def connect(self, call: Call) -> Reply:
        return await self._check(call, self._connections.connect)

    async def reconnect(self, call: Call) -> Reply:
        await self._seen(call)
        return await self._check(call, self._connections.reconnect)

    async def _check(self, call: Call, run: Run) -> Reply:
        await self._keep(call, await self._draft(call))
        typed, title = await self._typed(call), _title(call.at.ref)
        steps: list[ActionCheck] = []
        drawing = asyncio.create_task(_draw_ticks(call.waiting, title, steps))
        try:
            mailer, report = await run(call.team, typed, call.at.user_id, steps.append)
        except AlreadyConnectedError as error:
            return views.already_connected_message(
                error.mailer, ids.Ref(call.team.id, error.mailer.id, error.mailer.version)
            )
        except AccessRefusedError as error:
            view = _form(call.at.ref, await self._draft(call), report=error.report)
            return Modal(view, otherwise=esc(error.text))
        finally:
            drawing.cancel()
            await asyncio.gather(drawing, return_exceptions=True)
        await self._connect_drafts.drop(call.team.id, call.at.user_id)
        done = f"Connected to AWS account {views.place(mailer)}."
        return Modal(views.connected_page(title, mailer, report, ids.Ref(call.team.id, mailer.id)), otherwise=done)

    async def _seen(self, call: Call) -> Mailer:
        return await self._mailers.require_version(call.team, call.at.ref.record_id, call.at.ref.version)

    async def _typed(self, call: Call) -> CredentialInput:
        values = call.at.values
        region = values.choice(ids.Input.REGION)
        if values.choice(ids.Input.SIGN_IN) == SignIn.ROLE:
            offer = await self._role_offers.require(call.team)
            return CredentialInput.role(region, values.text(ids.Input.ROLE_ARN), offer.external_id)
        return CredentialInput.key(
            region, values.text(ids.Input.ACCESS_KEY_ID), values.secret(ids.Input.SECRET_ACCESS_KEY)
        )

    async def _draft(self, call: Call) -> FormState:
        """What stands in the form that is open; the secret is left out."""
        values = call.at.values
        return FormState(
            await self._role_offers.offer(call.team),
            values.choice(ids.Input.REGION),
            values.choice(ids.Input.SIGN_IN),
            role_arn(values.text(ids.Input.ROLE_ARN)),
            key_id(values.text(ids.Input.ACCESS_KEY_ID)),
        )

    async def _keep(self, call: Call, draft: FormState) -> None:
        """Keep for this person what stands in the form, whatever becomes of it."""
        kept = ConnectDraft(
            team_id=call.team.id,
            user_id=call.at.user_id,
            mailer_id=call.at.ref.record_id,
            region=draft.region,
            sign_in=draft.chosen,
            role_arn=draft.role_arn,
            access_key_id=draft.access_key_id,
        )
        await self._connect_drafts.save(kept)

    async def _kept(self, call: Call, mailer_id: str, region: str = "", sign_in: str = "") -> FormState:
        """What this person typed last; else the form as it is for everybody."""
        offer = await self._role_offers.offer(call.team)
        kept = await self._connect_drafts.get(call.team.id, call.at.user_id, mailer_id)
        if kept is None:
            return FormState(offer, region, sign_in)
        return FormState(offer, kept.region, kept.sign_in, kept.role_arn, kept.access_key_id)

    async def ask_delete(self, call: Call) -> Reply:
        mailer = await self._mailers.require(call.team)
        identities = [row for row in await self._mailers.identities(mailer) if row.managed]
        open_broadcasts = await self._broadcasts.unfinished(call.team)
        ref = ids.Ref(call.team.id, mailer.id, mailer.version)
        return Modal(views.delete_form(ref, call.team, mailer, identities, open_broadcasts))

    async def delete(self, call: Call) -> Reply:
        typed = call.at.values.text(ids.Input.CHANNEL_NAME).removeprefix("#").strip()
        if typed != call.team.name:
            raise BotError(
                SlackCode.CHANNEL_NAME,
                f"This is not the name of this channel, which is {call.team.name}.",
                "Type it to delete the mailer.",
                field=ids.Input.CHANNEL_NAME,
            )
        mailer = await self._seen(call)
        await self._broadcasts.cancel_all(call.team, call.at.user_id)
        await self._approval_requests.withdraw_all(call.team, call.at.user_id)
        left = await self._removal.delete(
            call.team, mailer, call.at.user_id, at_aws=call.at.values.ticked(ids.Input.DELETE_AT_AWS)
        )
        return Modal(views.deleted_page(left), otherwise="The mailer was deleted.")


async def _draw_ticks(waiting: ProgressView, title: str, steps: list[ActionCheck]) -> None:
    """Show each answer of AWS about as it comes, until cancelled."""
    drawn = 0
    while True:
        await asyncio.sleep(REDRAW_SECONDS)
        if waiting.shown and len(steps) > drawn:
            drawn = len(steps)
            await waiting.draw(views.checking_page(title, steps))


def _title(ref: ids.Ref) -> str:
    return views.RECONNECT_TITLE if ref.record_id else views.CONNECT_TITLE


def _form(ref: ids.Ref, draft: FormState, *, notice: str = "", report: AccessReport | None = None) -> View:
    """The form of *Reconnect* where there is a mailer, else of *Connect*."""
    form = ids.Form.RECONNECT if ref.record_id else ids.Form.CONNECT
    return credentials_form(form, _title(ref), ref, draft, notice=notice, report=report)
