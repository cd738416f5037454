"""`/broadcast audiences`: the saved audiences, and the end of one."""

from bot.broadcast.audience.saved import Audiences
from handlers.slack import ids
from handlers.slack.dispatch.authorization import Permission
from handlers.slack.dispatch.listeners import Listeners
from handlers.slack.dispatch.registration import Call, Subcommand
from handlers.slack.views import audiences as views
from handlers.slack.views.blocks import Modal, Reply


class AudienceFlow:
    def __init__(self, audiences: Audiences) -> None:
        self._audiences = audiences

    def words(self) -> list[Subcommand]:
        return [
            Subcommand(
                "audiences", "the saved audiences, and removing one", Permission.SEND, self.open, opens=views.TITLE
            )
        ]

    def register(self, listeners: Listeners) -> None:
        listeners.button(ids.Button.REMOVE_AUDIENCE, Permission.SEND, self.remove)

    async def open(self, call: Call) -> Reply:
        return Modal(views.saved_audiences_page(call.team.id, await self._audiences.saved(call.team)))

    async def remove(self, call: Call) -> Reply:
        await self._audiences.remove(call.team, call.at.ref.record_id, call.at.user_id)
        return await self.open(call)
