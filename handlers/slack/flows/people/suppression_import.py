"""*Import CSV*: a list of another mailer is read, what it comes to is shown, and then it is imported."""

from bot.errors import BotError
from bot.people.suppression_csv import ImportCounts, Progress, SuppressionCsv
from handlers.slack import ids
from handlers.slack.codes import SlackCode
from handlers.slack.dispatch.registration import Form, Listener, Permission, Request
from handlers.slack.file_transfer import Files
from handlers.slack.text import esc
from handlers.slack.views.blocks import Modal, Reply
from handlers.slack.views.people import suppressions as views

READING = "Reading the file…"


class SuppressionImportFlow:
    def __init__(self, lists: SuppressionCsv, files: Files) -> None:
        self._lists = lists
        self._files = files

    def listeners(self) -> list[Listener | Form]:
        admin = Permission.ADMINISTER
        return [
            Listener(ids.Button.IMPORT_SUPPRESSIONS, admin, self.open, opens=views.IMPORT_TITLE),
            Form(ids.Form.READ_SUPPRESSIONS, admin, self.read, READING, slow=True),
            Form(ids.Form.IMPORT_SUPPRESSIONS, admin, self.run, "Importing…", slow=True),
        ]

    async def open(self, request: Request) -> Reply:
        return Modal(views.choose_import_form(ids.Ref(request.team.id)), above=bool(request.at.view_id))

    async def read(self, request: Request) -> Reply:
        """Say what the file comes to; it is read again when it is imported."""
        files = request.values.files(ids.Input.AUDIENCE)
        if not files:
            raise BotError(SlackCode.FILE_UNREADABLE, "Choose a CSV.", field=ids.Input.AUDIENCE)
        file_id = str(files[0]["id"])
        with (await self._files.uploaded(request.client, file_id, request.user_id)).content as content:
            counts = await self._lists.preview(request.team, content, _progress(request))
        if not counts.new + counts.known:
            return Modal(views.nothing_to_import_page(counts))
        return Modal(views.import_form(ids.Ref(request.team.id, file_id), counts), otherwise=_closed(counts))

    async def run(self, request: Request) -> Reply:
        file = await self._files.uploaded(request.client, request.ref.record_id, request.user_id)
        with file.content as content:
            counts = await self._lists.run(request.team, content, file.name, request.user_id, _progress(request))
        done = f":white_check_mark: {esc(file.name, 100)} is imported: {counts.new:,} new, {counts.known:,} known."
        return Modal(views.imported_page(counts), otherwise=done)


def _progress(request: Request) -> Progress:
    async def progress(rows: int) -> None:
        await request.waiting.tell(f"{rows:,} rows so far…")

    return progress


def _closed(counts: ImportCounts) -> str:
    """For a person who closed the waiting view while the file was read."""
    return f"The file would be {counts.new:,} new, {counts.known:,} known. Nothing was imported: open it again."
