"""`/mailer api`: tokens for programs that ask how the team stands."""

from slack_sdk.models.views import View

from bot.api.tokens import ApiTokens, TokenInput
from handlers.slack import ids
from handlers.slack.dispatch.authorization import Permission
from handlers.slack.dispatch.listeners import Listeners
from handlers.slack.dispatch.registration import Call, Form, Subcommand
from handlers.slack.views import api_tokens as views
from handlers.slack.views.blocks import Modal, Reply
from storage.sealing import Secret


class ApiTokenFlow:
    def __init__(self, tokens: ApiTokens, public_url: str) -> None:
        self._tokens = tokens
        self._public_url = public_url

    def words(self) -> list[Subcommand]:
        return [
            Subcommand("api", "tokens for programs of yours", Permission.ADMINISTER, self.open, opens=views.TITLE),
        ]

    def register(self, listeners: Listeners) -> None:
        admin = Permission.ADMINISTER
        listeners.button(ids.Button.CREATE_TOKEN, admin, self.open_form)
        listeners.form(Form(ids.Form.CREATE_TOKEN, admin, self.create, "Making it…", self.redraw_form))
        listeners.button(ids.Button.REVOKE_TOKEN, admin, self.revoke, opens=views.TITLE)

    async def open(self, call: Call) -> Reply:
        return await self._page(call, otherwise="")

    async def open_form(self, call: Call) -> Reply:
        return Modal(views.token_form(call.at.ref, views.NOTHING_TYPED))

    async def redraw_form(self, call: Call, notice: str) -> View:
        return views.token_form(call.at.ref, _typed(call), notice=notice)

    async def create(self, call: Call) -> Reply:
        token = await self._tokens.create(call.team, _typed(call), call.at.ref.record_id, call.at.user_id)
        unseen = "A token was made, but the form was closed before it was shown: revoke it with `/mailer api`."
        return await self._page(call, token, otherwise=unseen)

    async def revoke(self, call: Call) -> Reply:
        await self._tokens.revoke(call.team, call.at.ref.record_id, call.at.user_id)
        return await self._page(call, otherwise="The token was revoked.")

    async def _page(self, call: Call, made: Secret | None = None, *, otherwise: str) -> Modal:
        """`made` is shown this once."""
        tokens = await self._tokens.of(call.team)
        view = views.tokens_page(call.team, tokens, made, public_url=self._public_url.rstrip("/"))
        return Modal(view, otherwise)


def _typed(call: Call) -> TokenInput:
    values = call.at.values
    return TokenInput(values.text(ids.Input.NAME), values.ticks(ids.Input.SCOPES), values.day(ids.Input.ENDS))
