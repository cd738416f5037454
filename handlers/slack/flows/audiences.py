"""`/broadcast audiences`: a file adds people to a saved one, takes them out or replaces it; that is taken back."""

import tempfile
from collections.abc import Awaitable, Callable
from contextlib import closing
from datetime import datetime
from typing import BinaryIO, cast

from slack_sdk.models.views import View

from bot.broadcast.audience.codes import AudienceCode
from bot.broadcast.audience.csv_reader import CsvAudience, Rejected
from bot.broadcast.audience.import_summary import ImportSummary
from bot.broadcast.audience.revisions.members import MembersGoneError
from bot.broadcast.audience.revisions.proposals import How, Proposal, RevisionSource, changed_meanwhile
from bot.broadcast.audience.revisions.revisions import Revisions
from bot.broadcast.audience.saved import Audiences
from bot.broadcast.draft import Upload
from bot.errors import BotError
from bot.wording import count
from handlers.slack import ids
from handlers.slack.codes import SlackCode
from handlers.slack.dispatch.registration import Form, Handler, Listener, Permission, Request, Subcommand
from handlers.slack.file_transfer import IN_MEMORY_BYTES, Files, OutgoingFile
from handlers.slack.flows.compose import READING, upload_of
from handlers.slack.outbound.direct_file import send_file
from handlers.slack.outbound.rejected_rows import send_rejects
from handlers.slack.text import clean, esc
from handlers.slack.views import audiences as views
from handlers.slack.views.blocks import Modal, Reply, file_page, text_message
from handlers.slack.views.confirmations import REJECTED_SHOWN, rejected_row
from storage import Audience

_WAYS = {
    How.ADD: (ids.Button.ADD_PEOPLE, ids.Form.ADD_PEOPLE),
    How.TAKE_OUT: (ids.Button.TAKE_OUT, ids.Form.TAKE_OUT),
    How.REPLACE: (ids.Button.REPLACE_AUDIENCE, ids.Form.REPLACE_AUDIENCE),
}


class AudienceFlow:
    def __init__(self, audiences: Audiences, revisions: Revisions, files: Files, clock: Callable[[], datetime]) -> None:
        self._audiences = audiences
        self._revisions = revisions
        self._files = files
        self._clock = clock

    def words(self) -> list[Subcommand]:
        return [
            Subcommand(
                "audiences",
                "the saved audiences: add, take out, replace",
                Permission.SEND,
                self.open,
                opens=views.TITLE,
            )
        ]

    def listeners(self) -> list[Listener | Form]:
        send = Permission.SEND
        return [
            *(Listener(pressed, send, self._asking(how), opens=views.TITLE) for how, (pressed, _) in _WAYS.items()),
            *(
                Form(submitted, send, self._reading(how), READING, self._asking_again(how), slow=True)
                for how, (_, submitted) in _WAYS.items()
            ),
            Listener(ids.Button.SHOW_CHANGES, send, self.show, opens=views.TITLE),
            Form(ids.Form.KEEP_CHANGES, send, self.keep, "Keeping them…"),
            Listener(ids.Button.GET_AUDIENCE, send, self.get_list, opens=views.TITLE),
            Listener(ids.Button.UNDO_AUDIENCE, send, self.undo, opens=views.TITLE),
            Listener(ids.Button.REMOVE_AUDIENCE, send, self.remove),
        ]

    async def open(self, request: Request) -> Reply:
        return Modal(await self._page(request))

    async def remove(self, request: Request) -> Reply:
        await self._audiences.remove(request.team, request.ref.record_id, request.user_id)
        return await self.open(request)

    async def undo(self, request: Request) -> Reply:
        current = await self._current(request)
        back = await self._revisions.undo(request.team, current.id, request.user_id)
        done = f":leftwards_arrow_with_hook: *{esc(back.name)}* is again as it was before."
        return Modal(await self._page(request, f"{done} {count(back.size, 'address', 'addresses')}."))

    async def show(self, request: Request) -> Reply:
        """Show changes that were read while nobody looked."""
        proposal = await self._revisions.proposal(request.team, request.ref.record_id)
        return Modal(views.keep_changes_form(request.ref, await self._name(request, proposal), proposal.counts))

    async def keep(self, request: Request) -> Reply:
        proposal = await self._revisions.proposal(request.team, request.ref.record_id)
        kept = await self._revisions.keep(request.team, proposal.audience.id, request.user_id)
        size = count(kept.size, "address", "addresses")
        done = f":white_check_mark: *{esc(kept.name)}* has {size} now: {views.in_numbers(proposal.counts)}."
        return Modal(await self._page(request, done), otherwise=done)

    async def get_list(self, request: Request) -> Reply:
        audience = await self._current(request)
        with tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES) as spooled:
            file = cast("BinaryIO", spooled)
            try:
                await self._revisions.write_list(audience, file)
            except MembersGoneError:
                raise changed_meanwhile() from None
            size = count(audience.size, "address", "addresses")
            what = text_message(
                f":inbox_tray: The saved audience *{esc(audience.name)}*: {size}. The file holds personal data: delete "
                "it when you are done."
            )
            file.seek(0)
            upload = OutgoingFile("audience.csv", clean(audience.name, 100), file)
            sent = await send_file(self._files, request, what, upload)
        return Modal(file_page(views.TITLE, "the list as a CSV", sent=sent), above=bool(request.at.view_id))

    def _asking(self, how: How) -> Handler:
        async def ask(request: Request) -> Reply:
            return Modal(views.change_audience_form(how, request.ref, await self._current(request)))

        return ask

    def _asking_again(self, how: How) -> Callable[[Request, str], Awaitable[View]]:
        async def ask_again(request: Request, notice: str) -> View:
            notice = f"{notice} Choose the file again: Slack does not keep it."
            return views.change_audience_form(how, request.ref, await self._current(request), notice=notice)

        return ask_again

    def _reading(self, how: How) -> Handler:
        async def read(request: Request) -> Reply:
            current = await self._current(request)
            files = request.values.files(ids.Input.AUDIENCE)
            if not files:
                raise BotError(SlackCode.FILE_UNREADABLE, "Choose a file.", field=ids.Input.AUDIENCE)
            file = await self._files.uploaded(request.client, str(files[0]["id"]), request.user_id)
            with closing(upload_of(request, file)) as upload:
                return await self._propose(request, current, how, upload)

        return read

    async def _propose(self, request: Request, current: Audience, how: How, upload: Upload) -> Reply:
        """Show what a file comes to; nothing is changed."""
        rows, sheets = list[str](), list[CsvAudience]()

        def reject(row: Rejected) -> None:
            upload.rejects.add(row)
            if len(rows) < REJECTED_SHOWN:
                rows.append(rejected_row(row.line, row.value, row.why))

        def header() -> CsvAudience:
            sheets.append(upload.read())
            return sheets[0]

        source = RevisionSource(header, upload.name, upload.file_id, upload.progress, reject)
        proposal = await self._revisions.propose(request.team, current, how, source, request.user_id)
        if more := upload.rejects.count - len(rows):
            has_list = await send_rejects(self._files, request, upload.rejects)
            rows.append(f"and {count(more, 'more row')}" + (": you have them all in a direct message" * has_list))
        read = views.Reading(_said(ImportSummary.of(sheets[0])), rows)
        if not proposal.counts:
            await self._revisions.discard(request.team, proposal.audience.id)
            return Modal(views.nothing_changes_page(current.name, read))
        ref = ids.Ref(request.team.id, proposal.audience.id)
        closed = views.changes_read_message(ref, current.name, proposal.counts)
        return Modal(views.keep_changes_form(ref, current.name, proposal.counts, read), otherwise=closed)

    async def _page(self, request: Request, notice: str = "") -> View:
        saved = await self._audiences.saved(request.team)
        return views.saved_audiences_page(request.team.id, saved, self._clock(), notice=notice)

    async def _current(self, request: Request) -> Audience:
        """Return the audience that was shown, if it still has its name.

        Raises:
            BotError: ALREADY: another has it by now, or none.
        """
        try:
            return await self._audiences.get(request.team, request.ref.record_id)
        except BotError as error:
            if error.code != AudienceCode.NOT_FOUND:
                raise
            raise changed_meanwhile() from None

    async def _name(self, request: Request, proposal: Proposal) -> str:
        base = proposal.audience.change["base"]
        return next((each.name for each in await self._audiences.saved(request.team) if each.id == base), "")


def _said(summary: ImportSummary) -> list[str]:
    """Return what a person may want to know of how their file was read."""
    column = next((each.title for each in summary.candidates if each.name == summary.address_column), "")
    taken = f"The addresses were taken from “{column}”." if column else ""
    return [each for each in (summary.sheet, summary.header, taken, *(r.sentence for r in summary.remarks())) if each]
