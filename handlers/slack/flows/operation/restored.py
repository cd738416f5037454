"""*Go on*, after the database was restored from a copy."""

from bot.broadcast.restored.restorations import Restorations
from handlers.slack import ids
from handlers.slack.dispatch.registration import Form, Listener, Permission, Request
from handlers.slack.views.blocks import Reply
from handlers.slack.views.operation import restored as views


class RestoredFlow:
    def __init__(self, restorations: Restorations) -> None:
        self._restorations = restorations

    def listeners(self) -> list[Listener | Form]:
        return [Listener(ids.Button.GO_ON_RESTORED, Permission.SEND, self.go_on)]

    async def go_on(self, request: Request) -> Reply:
        refused = await self._restorations.go_on(request.team, request.user_id)
        return views.went_on_message(refused) if refused else None
