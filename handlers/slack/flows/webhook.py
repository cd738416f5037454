"""*Webhook*, in `/mailer settings`, and the buttons of the alert about it."""

from slack_sdk.models.views import View

from bot.errors import BotError
from bot.webhooks.codes import WebhookCode
from bot.webhooks.events import Topic
from bot.webhooks.webhooks import Webhooks
from handlers.slack import ids
from handlers.slack.dispatch.registration import Form, Listener, Permission, Request
from handlers.slack.views.blocks import Modal, Reply
from handlers.slack.views.webhook import form as views


class WebhookFlow:
    def __init__(self, webhooks: Webhooks) -> None:
        self._webhooks = webhooks

    def listeners(self) -> list[Listener | Form]:
        admin = Permission.ADMINISTER
        return [
            Listener(ids.Button.WEBHOOK, admin, self.open),
            Form(ids.Form.WEBHOOK, admin, self.save, "Looking the address up…", self.redraw),
            Listener(ids.Button.TRY_WEBHOOK, admin, self.try_out, waiting="Posting to the receiver…"),
            Listener(ids.Button.WEBHOOK_ATTEMPTS, admin, self.attempts),
            Listener(ids.Button.NEW_SECRET, admin, self.renew_secret),
            Listener(ids.Button.WEBHOOK_OFF, admin, self.switch_off),
            Listener(ids.Button.RETRY_WEBHOOK, admin, self.retry, opens=views.TITLE),
            Listener(ids.Button.DROP_WEBHOOK, admin, self.switch_off, opens=views.TITLE),
        ]

    async def open(self, request: Request) -> Reply:
        return Modal(await self._form(request), above=True)

    async def redraw(self, request: Request, notice: str) -> View:
        webhook, values = await self._webhooks.of(request.team), request.values
        address, topics = values.text(ids.Input.WEBHOOK_ADDRESS), values.ticks(ids.Input.EVENTS)
        return views.webhook_form(request.ref, webhook, address, topics, notice=notice)

    async def save(self, request: Request) -> Reply:
        address = request.values.text(ids.Input.WEBHOOK_ADDRESS)
        topics = [Topic(each) for each in request.values.ticks(ids.Input.EVENTS)]
        try:
            _, secret = await self._webhooks.save(request.team, address, topics, request.ref.version, request.user_id)
        except BotError as error:
            if error.code is WebhookCode.CHANGED:
                return Modal(await self._form(request, notice=error.text), otherwise=error.text)
            raise
        unseen = "The webhook was saved, but the form was closed before its secret was shown: make a new one."
        return Modal(views.saved_page(secret), otherwise=unseen if secret else "The webhook was saved.")

    async def _form(self, request: Request, *, notice: str = "") -> View:
        """Return the form as the webhook is now."""
        webhook = await self._webhooks.of(request.team)
        if webhook is None:
            return views.webhook_form(ids.Ref(request.team.id), None, "", list(Topic), notice=notice)
        ref = ids.Ref(request.team.id, webhook.id, webhook.version)
        return views.webhook_form(ref, webhook, webhook.address, webhook.topics, notice=notice)

    async def try_out(self, request: Request) -> Reply:
        answer = await self._webhooks.try_out(request.team)
        return Modal(views.tried_page(answer), otherwise="The test was posted: its answer is under Attempts.")

    async def attempts(self, request: Request) -> Reply:
        return Modal(views.attempts_page(await self._webhooks.require(request.team)), above=True)

    async def renew_secret(self, request: Request) -> Reply:
        secret = await self._webhooks.renew_secret(
            request.team, request.ref.record_id, request.ref.version, request.user_id
        )
        return Modal(views.new_secret_page(secret), above=True)

    async def switch_off(self, request: Request) -> Reply:
        await self._webhooks.switch_off(request.team, request.ref.record_id, request.user_id)
        return Modal(views.switched_off_page(), otherwise="The webhook was switched off.")

    async def retry(self, request: Request) -> Reply:
        await self._webhooks.retry(request.team, request.ref.record_id, request.user_id)
        return Modal(views.retried_page())
