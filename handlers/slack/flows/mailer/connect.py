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
from handlers.slack.dispatch.registration import Form, Listener, Permission, Request, Subcommand
from handlers.slack.dispatch.responder import ProgressView
from handlers.slack.text import esc
from handlers.slack.views.blocks import Modal, Reply
from handlers.slack.views.mailer import connect as views
from handlers.slack.views.mailer.connect_form import FormState, credentials_form
from storage import ConnectDraft, Mailer, SignIn, Team

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

    def listeners(self) -> list[Listener | Form]:
        admin = Permission.ADMINISTER
        return [
            Listener(ids.Button.CONNECT, admin, self.open, opens=views.CONNECT_TITLE),
            Listener(ids.Button.RECONNECT, admin, self.reopen, opens=views.RECONNECT_TITLE),
            Listener(ids.Button.CREATE_ROLE, admin, self.leave),
            Listener(ids.Button.DELETE_MAILER, admin, self.ask_delete, opens=views.DELETE_TITLE),
            Listener(ids.Input.SIGN_IN, admin, self.choose),
            Form(ids.Form.CONNECT, admin, self.connect, views.CHECKING, self.redraw, slow=True),
            Form(ids.Form.RECONNECT, admin, self.reconnect, views.CHECKING, self.redraw, slow=True),
            Form(ids.Form.DELETE_MAILER, admin, self.delete, "Deleting…"),
        ]

    async def open(self, request: Request) -> Reply:
        mailer = await self._mailers.get(request.team)
        if mailer is not None:
            return views.already_connected_message(mailer, ids.Ref(request.team.id, mailer.id, mailer.version))
        return Modal(_form(ids.Ref(request.team.id), await self._kept(request, "")))

    async def reopen(self, request: Request) -> Reply:
        mailer = await self._mailers.require(request.team)
        draft = await self._kept(request, mailer.id, mailer.region, mailer.sign_in)
        return Modal(_form(ids.Ref(request.team.id, mailer.id, mailer.version), draft))

    async def leave(self, request: Request) -> Reply:  # noqa: ARG002 - a link opens by itself, and Slack wants to be answered
        return None

    async def choose(self, request: Request) -> Reply:
        draft = await self._draft(request)
        await self._keep(request, draft)
        return Modal(_form(request.ref, draft))

    async def redraw(self, request: Request, notice: str) -> View:
        return _form(request.ref, await self._draft(request), notice=notice)

    async def connect(self, request: Request) -> Reply:
        return await self._check(request, self._connections.connect)

    async def reconnect(self, request: Request) -> Reply:
        await self._seen(request)
        return await self._check(request, self._connections.reconnect)

    async def _check(self, request: Request, run: Run) -> Reply:
        await self._keep(request, await self._draft(request))
        typed, title = await self._typed(request), _title(request.ref)
        steps: list[ActionCheck] = []
        drawing = asyncio.create_task(_draw_ticks(request.waiting, title, steps))
        try:
            mailer, report = await run(request.team, typed, request.user_id, steps.append)
        except AlreadyConnectedError as error:
            return views.already_connected_message(
                error.mailer, ids.Ref(request.team.id, error.mailer.id, error.mailer.version)
            )
        except AccessRefusedError as error:
            view = _form(request.ref, await self._draft(request), report=error.report)
            return Modal(view, otherwise=esc(error.text))
        finally:
            drawing.cancel()
            await asyncio.gather(drawing, return_exceptions=True)
        await self._connect_drafts.drop(request.team.id, request.user_id)
        done = f"Connected to AWS account {views.place(mailer)}."
        return Modal(views.connected_page(title, mailer, report, ids.Ref(request.team.id, mailer.id)), otherwise=done)

    async def _seen(self, request: Request) -> Mailer:
        return await self._mailers.require_version(request.team, request.ref.record_id, request.ref.version)

    async def _typed(self, request: Request) -> CredentialInput:
        region = request.values.choice(ids.Input.REGION)
        if request.values.choice(ids.Input.SIGN_IN) == SignIn.ROLE:
            offer = await self._role_offers.require(request.team)
            return CredentialInput.role(region, request.values.text(ids.Input.ROLE_ARN), offer.external_id)
        return CredentialInput.key(
            region, request.values.text(ids.Input.ACCESS_KEY_ID), request.values.secret(ids.Input.SECRET_ACCESS_KEY)
        )

    async def _draft(self, request: Request) -> FormState:
        """What stands in the form that is open; the secret is left out."""
        return FormState(
            await self._role_offers.offer(request.team),
            request.values.choice(ids.Input.REGION),
            request.values.choice(ids.Input.SIGN_IN),
            role_arn(request.values.text(ids.Input.ROLE_ARN)),
            key_id(request.values.text(ids.Input.ACCESS_KEY_ID)),
        )

    async def _keep(self, request: Request, draft: FormState) -> None:
        """Keep for this person what stands in the form, whatever becomes of it."""
        kept = ConnectDraft(
            team_id=request.team.id,
            user_id=request.user_id,
            mailer_id=request.ref.record_id,
            region=draft.region,
            sign_in=draft.chosen,
            role_arn=draft.role_arn,
            access_key_id=draft.access_key_id,
        )
        await self._connect_drafts.save(kept)

    async def _kept(self, request: Request, mailer_id: str, region: str = "", sign_in: str = "") -> FormState:
        """What this person typed last; else the form as it is for everybody."""
        offer = await self._role_offers.offer(request.team)
        kept = await self._connect_drafts.get(request.team.id, request.user_id, mailer_id)
        if kept is None:
            return FormState(offer, region, sign_in)
        return FormState(offer, kept.region, kept.sign_in, kept.role_arn, kept.access_key_id)

    async def ask_delete(self, request: Request) -> Reply:
        mailer = await self._mailers.require(request.team)
        identities = [row for row in await self._mailers.identities(mailer) if row.managed]
        open_broadcasts = await self._broadcasts.unfinished(request.team)
        ref = ids.Ref(request.team.id, mailer.id, mailer.version)
        return Modal(views.delete_form(ref, request.team, mailer, identities, open_broadcasts))

    async def delete(self, request: Request) -> Reply:
        typed = request.values.text(ids.Input.CHANNEL_NAME).removeprefix("#").strip()
        if typed != request.team.name:
            raise BotError(
                SlackCode.CHANNEL_NAME,
                f"This is not the name of this channel, which is {request.team.name}.",
                "Type it to delete the mailer.",
                field=ids.Input.CHANNEL_NAME,
            )
        mailer = await self._seen(request)
        await self._broadcasts.cancel_all(request.team, request.user_id)
        await self._approval_requests.withdraw_all(request.team, request.user_id)
        left = await self._removal.delete(
            request.team, mailer, request.user_id, at_aws=request.values.ticked(ids.Input.DELETE_AT_AWS)
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
