"""`/mailer api`: tokens for programs that ask how the team stands."""

from slack_sdk.models.views import View

from bot.api.tokens import ApiTokens, TokenInput
from handlers.slack import ids
from handlers.slack.dispatch.registration import Form, Listener, Permission, Request, Subcommand
from handlers.slack.views import api_tokens as views
from handlers.slack.views.blocks import Modal, Reply
from storage import Secret


class ApiTokenFlow:
    def __init__(self, tokens: ApiTokens, public_url: str) -> None:
        self._tokens = tokens
        self._public_url = public_url

    def words(self) -> list[Subcommand]:
        return [
            Subcommand("api", "tokens for programs of yours", Permission.ADMINISTER, self.open, opens=views.TITLE),
        ]

    def listeners(self) -> list[Listener | Form]:
        admin = Permission.ADMINISTER
        return [
            Listener(ids.Button.CREATE_TOKEN, admin, self.open_form),
            Form(ids.Form.CREATE_TOKEN, admin, self.create, "Making it…", self.redraw_form),
            Listener(ids.Button.REVOKE_TOKEN, admin, self.revoke, opens=views.TITLE),
        ]

    async def open(self, request: Request) -> Reply:
        return await self._page(request, otherwise="")

    async def open_form(self, request: Request) -> Reply:
        return Modal(views.token_form(request.ref, views.NOTHING_TYPED))

    async def redraw_form(self, request: Request, notice: str) -> View:
        return views.token_form(request.ref, _typed(request), notice=notice)

    async def create(self, request: Request) -> Reply:
        token = await self._tokens.create(request.team, _typed(request), request.ref.record_id, request.user_id)
        unseen = "A token was made, but the form was closed before it was shown: revoke it with `/mailer api`."
        return await self._page(request, token, otherwise=unseen)

    async def revoke(self, request: Request) -> Reply:
        await self._tokens.revoke(request.team, request.ref.record_id, request.user_id)
        return await self._page(request, otherwise="The token was revoked.")

    async def _page(self, request: Request, made: Secret | None = None, *, otherwise: str) -> Modal:
        """`made` is shown this once."""
        tokens = await self._tokens.of(request.team)
        view = views.tokens_page(request.team, tokens, made, public_url=self._public_url.rstrip("/"))
        return Modal(view, otherwise)


def _typed(request: Request) -> TokenInput:
    return TokenInput(
        request.values.text(ids.Input.NAME), request.values.ticks(ids.Input.SCOPES), request.values.day(ids.Input.ENDS)
    )
