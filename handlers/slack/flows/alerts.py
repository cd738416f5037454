"""*Acknowledge*, under every alert, and *Check now* where AWS alone can mend it or many identities are hit."""

from bot.alerts.incidents import Incidents
from bot.mailer.mailers import Mailers
from bot.mailer.monitoring.monitor import Monitor
from bot.mailer.readiness.overview import Overviews
from handlers.slack import ids
from handlers.slack.dispatch.registration import Form, Listener, Permission, Request
from handlers.slack.views.alerts import checking_events_page
from handlers.slack.views.blocks import Modal, Reply
from handlers.slack.views.mailer.status_card import check_result_page


class AlertFlow:
    def __init__(
        self,
        incidents: Incidents,
        monitor: Monitor,
        mailers: Mailers,
        overviews: Overviews,
    ) -> None:
        self._incidents = incidents
        self._monitor = monitor
        self._mailers = mailers
        self._overviews = overviews

    def listeners(self) -> list[Listener | Form]:
        return [
            Listener(ids.Button.ACKNOWLEDGE, Permission.SEE, self.acknowledge),
            Listener(ids.Button.CHECK_EVENTS, Permission.SEE, self.check_events, opens="Check now"),
            Listener(ids.Button.LOOK, Permission.SEE, self.look, opens="Check now"),
        ]

    async def acknowledge(self, request: Request) -> Reply:
        await self._incidents.acknowledge(request.team, request.ref.record_id, request.user_id)
        return None  # the alert itself says so

    async def check_events(self, request: Request) -> Reply:
        await self._monitor.check_events(request.team, request.user_id)
        return Modal(checking_events_page())

    async def look(self, request: Request) -> Reply:
        await self._monitor.refresh(await self._mailers.require(request.team))
        return Modal(check_result_page(await self._overviews.get(request.team)))
