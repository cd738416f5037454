"""Retry verification, Replace identity: the buttons under an identity that failed, wherever they stand."""

from slack_sdk.models.views import View

from bot.mailer.identities.management import Identities
from bot.mailer.identities.recovery import IdentityRecovery
from bot.mailer.identities.recovery_state import StaleActionError
from bot.mailer.mailers import Mailers
from handlers.slack import ids
from handlers.slack.dispatch.registration import Form, Listener, Permission, Request
from handlers.slack.text import esc
from handlers.slack.views.blocks import Modal, Reply
from handlers.slack.views.mailer import identity_recovery as views


class IdentityRecoveryFlow:
    def __init__(self, identity_recovery: IdentityRecovery, identities: Identities, mailers: Mailers) -> None:
        self._identity_recovery = identity_recovery
        self._identities = identities
        self._mailers = mailers

    def listeners(self) -> list[Listener | Form]:
        admin = Permission.ADMINISTER
        return [
            Listener(ids.Button.RETRY, admin, self.retry),
            Listener(ids.Button.REPLACE, admin, self.open, opens=views.REPLACE_TITLE),
            Form(ids.Form.REPLACE_IDENTITY, admin, self.replace, "Asking AWS to add it…", self.redraw),
        ]

    async def retry(self, request: Request) -> Reply:
        try:
            result = await self._identity_recovery.retry(
                request.team, request.ref.record_id, request.ref.version, request.user_id
            )
        except StaleActionError as error:
            return views.too_late_message(error)
        return views.retried_message(result)

    async def open(self, request: Request) -> Reply:
        try:
            old = await self._identity_recovery.replaceable(request.team, request.ref.record_id, request.ref.version)
        except StaleActionError as error:
            return views.too_late_message(error)
        return Modal(views.replace_form(request.ref, old.identity, moves=old.waiting > 0, asks=old.asks))

    async def redraw(self, request: Request, notice: str) -> View:
        old = await self._identities.get(request.team, request.ref.record_id)
        return views.replace_form(
            request.ref,
            old,
            moves=ids.Input.MOVE_BROADCASTS in request.values,
            asks=ids.Input.REMOVE_OLD in request.values,
            typed=request.values.text(ids.Input.IDENTITY),
            notice=notice,
        )

    async def replace(self, request: Request) -> Reply:
        ref, values = request.ref, request.values
        try:
            old = await self._identities.get(request.team, ref.record_id)
            new = await self._identity_recovery.replace(
                request.team,
                ref.record_id,
                ref.version,
                values.text(ids.Input.IDENTITY),
                request.user_id,
                move=values.ticked(ids.Input.MOVE_BROADCASTS),
                remove=values.ticked(ids.Input.REMOVE_OLD) if ids.Input.REMOVE_OLD in values else None,
            )
        except StaleActionError as error:
            return views.too_late_message(error)
        mailer = await self._mailers.require(request.team)
        otherwise = f"{esc(new.name)} takes the place of {esc(old.name)}."
        return Modal(views.replaced_page(old.name, new, mailer), otherwise=otherwise)
