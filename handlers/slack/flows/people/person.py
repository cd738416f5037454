"""`/mailer person ADDRESS`: what is known of somebody, as a file, and erased."""

import io
import json

from bot.email_addresses import parse_address
from bot.errors import BotError
from bot.people.codes import PersonCode
from bot.people.person import PersonLookup
from handlers.slack import ids
from handlers.slack.dispatch.registration import Form, Listener, Permission, Request, Subcommand
from handlers.slack.file_transfer import Files, OutgoingFile
from handlers.slack.outbound.direct_file import send_file
from handlers.slack.text import esc
from handlers.slack.views.blocks import Modal, Reply, file_page, text_message
from handlers.slack.views.people import person as views


class PersonFlow:
    def __init__(self, people: PersonLookup, files: Files) -> None:
        self._people = people
        self._files = files

    def words(self) -> list[Subcommand]:
        return [
            Subcommand(
                "person",
                "what is known of somebody, and erasing it, as in: /mailer person ann@example.com",
                Permission.ADMINISTER,
                self.open,
                opens=views.TITLE,
            )
        ]

    def listeners(self) -> list[Listener | Form]:
        admin = Permission.ADMINISTER
        return [
            Form(ids.Form.LOOK_UP_PERSON, admin, self.look_up, "One moment…"),
            Listener(ids.Button.EXPORT_PERSON, admin, self.export, opens=views.TITLE),
            Listener(ids.Button.ERASE_PERSON, admin, self.ask_to_erase, opens=views.ERASE_TITLE),
            Form(ids.Form.ERASE_PERSON, admin, self.erase, "One moment…"),
        ]

    async def open(self, request: Request) -> Reply:
        return await self._shown(request, parse_address(" ".join(request.at.words[1:])))

    async def look_up(self, request: Request) -> Reply:
        return await self._shown(request, _typed(request))

    async def _shown(self, request: Request, address: str) -> Reply:
        person = await self._people.find(request.team, address)
        return Modal(views.person_form(request.team, person, self._people.mark(request.team, address)))

    async def export(self, request: Request) -> Reply:
        person = await self._people.exported(request.team, _typed(request), request.user_id)
        content = io.BytesIO(json.dumps(person.to_json(), indent=2, ensure_ascii=False).encode())
        what = text_message(
            f":inbox_tray: All that #{esc(request.team.name)} knows of {esc(person.address, 320)}. The file holds "
            "personal data: delete it when you are done."
        )
        sent = await send_file(self._files, request, what, OutgoingFile("person.json", "Person", content))
        return Modal(file_page(views.TITLE, "it as a file", sent=sent), above=bool(request.at.view_id))

    async def ask_to_erase(self, request: Request) -> Reply:
        address = _typed(request)
        await self._people.find(request.team, address)
        ref = ids.Ref(request.team.id, self._people.mark(request.team, address))
        return Modal(views.erase_form(ref, address), above=bool(request.at.view_id))

    async def erase(self, request: Request) -> Reply:
        address = _typed(request)
        if self._people.mark(request.team, address) != request.ref.record_id:
            raise BotError(PersonCode.OTHER_ADDRESS, field=ids.Input.ADDRESS)
        person = await self._people.erase(request.team, address, request.user_id)
        return Modal(views.erasing_page(person), otherwise=f"{esc(address)} is being erased.")


def _typed(request: Request) -> str:
    return parse_address(request.values.text(ids.Input.ADDRESS), field=ids.Input.ADDRESS)
