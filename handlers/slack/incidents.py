"""*Acknowledge*, under every alert."""

from handlers.slack import ids
from handlers.slack.guard import Permission
from handlers.slack.listen import Call, Listeners
from handlers.slack.services import Services
from handlers.slack.views.common import Reply


class IncidentFlow:
    def __init__(self, services: Services) -> None:
        self._services = services

    def register(self, listeners: Listeners) -> None:
        listeners.button(ids.Button.ACKNOWLEDGE, Permission.SEE, self.acknowledge)

    async def acknowledge(self, call: Call) -> Reply:
        await self._services.incidents.acknowledge(call.team, call.at.ref.record_id, call.at.user_id)
        return None  # the alert itself says so
