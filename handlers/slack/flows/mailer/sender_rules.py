"""*Sender rules*: from the status card, from the alert about a lost DMARC record, and beside a tick."""

from bot.mailer.identities.sender_rules import SenderRules
from handlers.slack import ids
from handlers.slack.dispatch.registration import Form, Listener, Permission, Request
from handlers.slack.views.blocks import Modal, Reply
from handlers.slack.views.mailer import sender_rules as views


class SenderRulesFlow:
    def __init__(self, sender_rules: SenderRules) -> None:
        self._sender_rules = sender_rules

    def listeners(self) -> list[Listener | Form]:
        return [
            Listener(ids.Button.SENDER_RULES, Permission.SEE, self.show, opens=views.TITLE),
            Listener(ids.Button.CHECK_RULES, Permission.SEE, self.show),
            Listener(ids.Button.SET_UP, Permission.SEE, self.show_above),
        ]

    async def show_above(self, request: Request) -> Reply:
        """Show it on top of a form, whose ticks stay."""
        return await self.show(request, above=bool(request.at.view_id))

    async def show(self, request: Request, *, above: bool = False) -> Reply:
        report = await self._sender_rules.look(request.team, views.IDENTITIES_SHOWN)
        return Modal(views.sender_rules_page(report, ids.Ref(request.team.id)), above=above)
