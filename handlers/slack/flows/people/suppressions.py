"""`/mailer suppress` and `/mailer suppressions`: one more, what is on the list, and taking one off."""

import tempfile
from datetime import UTC, datetime
from typing import BinaryIO, cast

from slack_sdk.models.views import View

from bot.email_addresses import parse_address
from bot.errors import require
from bot.people.suppression_csv import SuppressionCsv
from bot.suppression.codes import SuppressionCode
from bot.suppression.lookup import SuppressionLookup
from bot.suppression.suppression_list import Consent, Suppressions
from bot.wording import count
from handlers.slack import ids
from handlers.slack.dispatch.registration import Form, Listener, Permission, Request, Subcommand
from handlers.slack.file_transfer import IN_MEMORY_BYTES, Files, OutgoingFile
from handlers.slack.outbound.direct_file import send_file
from handlers.slack.text import esc
from handlers.slack.views.blocks import Modal, Reply, file_page, text_message
from handlers.slack.views.people import suppressions as views
from storage import Suppression


class SuppressionFlow:
    def __init__(
        self, suppressions: Suppressions, lookup: SuppressionLookup, lists: SuppressionCsv, files: Files
    ) -> None:
        self._suppressions = suppressions
        self._lookup = lookup
        self._lists = lists
        self._files = files

    def words(self) -> list[Subcommand]:
        return [
            Subcommand(
                "suppress",
                "never mail an address again, as in: /mailer suppress ann@example.com",
                Permission.ADMINISTER,
                self.suppress,
            ),
            Subcommand(
                "suppressions",
                "the addresses that are never mailed: look one up, import, lift",
                Permission.ADMINISTER,
                self.open,
                opens=views.TITLE,
            ),
        ]

    def listeners(self) -> list[Listener | Form]:
        admin = Permission.ADMINISTER
        return [
            Form(ids.Form.LOOK_UP_SUPPRESSION, admin, self.look_up, "One moment…"),
            Listener(ids.Button.GET_SUPPRESSIONS, admin, self.get_list, opens=views.TITLE),
            Listener(ids.Button.LIFT, admin, self.ask_to_lift, opens=views.LIFT_TITLE),
            Form(ids.Form.LIFT, admin, self.lift, "Asking AWS…", self.ask_again),
        ]

    async def suppress(self, request: Request) -> Reply:
        address = parse_address(" ".join(request.at.words[1:]))
        new = await self._suppressions.add(request.team, address, request.user_id)
        if not new:
            return text_message(f":information_source: {esc(address)} was suppressed already.")
        return text_message(f":white_check_mark: {esc(address)} is never mailed again from this channel.")

    async def open(self, request: Request) -> Reply:
        return Modal(views.suppressions_form(request.team, await self._lookup.counts(request.team)))

    async def look_up(self, request: Request) -> Reply:
        address = parse_address(request.values.text(ids.Input.ADDRESS), field=ids.Input.ADDRESS)
        found = await self._lookup.find(request.team, address)
        return Modal(views.suppressions_form(request.team, await self._lookup.counts(request.team), found))

    async def get_list(self, request: Request) -> Reply:
        with tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES) as spooled:
            file = cast("BinaryIO", spooled)
            written = await self._lists.write(request.team, file)
            what = text_message(
                f":inbox_tray: {count(written, 'address is', 'addresses are')} never mailed from "
                f"#{esc(request.team.name)}. The file holds personal data: delete it when you are done."
            )
            file.seek(0)
            sent = await send_file(self._files, request, what, OutgoingFile("suppressions.csv", "Suppressions", file))
        return Modal(file_page(views.TITLE, "the list as a CSV", sent=sent), above=bool(request.at.view_id))

    async def ask_to_lift(self, request: Request) -> Reply:
        return Modal(views.lift_form(request.ref, await self._row(request)), above=bool(request.at.view_id))

    async def lift(self, request: Request) -> Reply:
        row, consent = await self._row(request), _consent(request)
        at_aws = await self._suppressions.lift(request.team, row.address, request.user_id, consent)
        return Modal(views.lifted_page(row.address, at_aws), otherwise=f"{esc(row.address)} may be mailed again.")

    async def ask_again(self, request: Request, notice: str) -> View:
        consent = _consent(request)
        return views.lift_form(request.ref, await self._row(request), how=consent.how, at=consent.at, notice=notice)

    async def _row(self, request: Request) -> Suppression:
        return require(await self._lookup.get(request.team, request.ref.record_id), SuppressionCode.NOT_FOUND)


def _consent(request: Request) -> Consent:
    at = request.values.time(ids.Input.CONSENT_AT) or 0
    return Consent(datetime.fromtimestamp(at, UTC), request.values.text(ids.Input.CONSENT_HOW))
