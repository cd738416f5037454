"""*Acknowledge*, under every alert, and *Check now* where AWS alone can mend it or many identities are hit."""

from bot.services import Services
from handlers.slack import ids
from handlers.slack.dispatch.authorization import Permission
from handlers.slack.dispatch.listeners import Listeners
from handlers.slack.dispatch.registration import Call
from handlers.slack.views.alerts import checking_events
from handlers.slack.views.blocks import Modal, Reply
from handlers.slack.views.status_card import looked


class AlertFlow:
    def __init__(self, services: Services) -> None:
        self._services = services

    def register(self, listeners: Listeners) -> None:
        listeners.button(ids.Button.ACKNOWLEDGE, Permission.SEE, self.acknowledge)
        listeners.button(ids.Button.CHECK_EVENTS, Permission.SEE, self.check_events, opens="Check now")
        listeners.button(ids.Button.LOOK, Permission.SEE, self.look, opens="Check now")

    async def acknowledge(self, call: Call) -> Reply:
        await self._services.incidents.acknowledge(call.team, call.at.ref.record_id, call.at.user_id)
        return None  # the alert itself says so

    async def check_events(self, call: Call) -> Reply:
        await self._services.feedback_check.check(call.team, call.at.user_id)
        return Modal(checking_events())

    async def look(self, call: Call) -> Reply:
        await self._services.monitor.refresh(await self._services.mailers.require(call.team))
        return Modal(looked(await self._services.overviews.get(call.team)))
