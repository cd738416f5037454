"""*Use as audience*, in the menu of a message: its list is read, and the form opens with it held.

A form takes a file of 10 MB at most (https://docs.slack.dev/reference/block-kit/block-elements/file-input-element), a
message any.
"""

from contextlib import closing

from slack_sdk.models.views import View

from bot.broadcast.broadcasts import Broadcasts
from bot.errors import BotError
from handlers.slack import ids
from handlers.slack.codes import SlackCode
from handlers.slack.dispatch.interaction import Body
from handlers.slack.dispatch.registration import Form, Listener, Permission, Request
from handlers.slack.file_transfer import Files
from handlers.slack.flows.compose import READING, Composer, upload_of
from handlers.slack.outbound.rejected_rows import send_rejects
from handlers.slack.views import audiences
from handlers.slack.views import compose as views
from handlers.slack.views.blocks import Modal, Reply
from handlers.slack.views.confirmations import REJECTED_SHOWN
from handlers.slack.views.mailer.status_card import not_ready_message
from storage import Audience

_ENDINGS = (".csv", ".txt", ".tsv", ".gz", ".xlsx", ".xlsm", ".ods")


class UseAsAudienceFlow:
    def __init__(self, *, composer: Composer, broadcasts: Broadcasts, files: Files) -> None:
        self._composer = composer
        self._broadcasts = broadcasts
        self._files = files

    def listeners(self) -> list[Listener | Form]:
        send, title = Permission.SEND, views.BROADCAST_TITLE
        return [
            Listener(ids.Shortcut.USE_AS_AUDIENCE, send, self.use, opens=title),
            Form(ids.Form.CHOOSE_FILE, send, self.chosen, READING),
        ]

    async def use(self, request: Request) -> Reply:
        """Read the file of the message, or ask which."""
        overview = await self._composer.fresh_overview(request)
        if not overview.answer.allowed:
            return not_ready_message(overview)
        names = _names(request.at.message)
        if not names:
            raise BotError(SlackCode.NO_AUDIENCE_FILE)
        if len(names) > 1:
            return Modal(audiences.choose_file_form(ids.Ref(request.team.id), names))
        return await self._read(request, next(iter(names)))

    async def chosen(self, request: Request) -> Reply:
        file_id = request.values.choice(ids.Input.FILE)
        if not file_id:
            raise BotError(SlackCode.NO_AUDIENCE_FILE)
        return await self._read(request, file_id)

    async def _read(self, request: Request, file_id: str) -> Reply:
        file = await self._files.shared(request.client, file_id, request.team.channel_id)
        with closing(upload_of(request, file)) as upload:
            held = await self._broadcasts.hold(request.team, request.user_id, upload)
            if upload.rejects.count > REJECTED_SHOWN:
                await send_rejects(self._files, request, upload.rejects)
        return Modal(
            await self._form(request, held),
            otherwise=audiences.audience_read_message(ids.Ref(request.team.id, held.id), held),
        )

    async def _form(self, request: Request, held: Audience) -> View:
        draft = await self._composer.starting_point(request)
        return await self._composer.form(request, draft, views.Recipients(held=held))


def _names(message: Body) -> dict[str, str]:
    """Return the files of a message that may be an audience, by Slack's id; of some Slack does not tell the name."""
    names = {str(file["id"]): str(file.get("name") or "") for file in message.get("files") or ()}
    return {key: name or key for key, name in names.items() if not name or name.lower().endswith(_ENDINGS)}
