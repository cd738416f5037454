"""*Mail me one*, in *Check and send*: the form above it, which stays as it is."""

from slack_sdk.errors import SlackApiError

from bot.broadcast.mail_me_one import MailMeOne
from bot.email_addresses import parse_addresses
from handlers.slack import ids
from handlers.slack.dispatch.registration import Form, Listener, Permission, Request
from handlers.slack.views import mail_me_one as views
from handlers.slack.views.blocks import Modal, Reply
from handlers.slack.views.compose import test_sent_page


class MailMeOneFlow:
    def __init__(self, mail_me_one: MailMeOne) -> None:
        self._mails = mail_me_one

    def listeners(self) -> list[Listener | Form]:
        return [
            Listener(ids.Button.MAIL_ME_ONE, Permission.SEND, self.open),
            Form(ids.Form.MAIL_ME_ONE, Permission.SEND, self.send, "Handing it over…"),
        ]

    async def open(self, request: Request) -> Reply:
        offered = await self._mails.offers(request.team, request.ref.record_id, request.ref.version)
        form = views.mail_me_one_form(request.ref, offered, send_to=await _preset(request))
        return Modal(form, above=bool(request.at.view_id))

    async def send(self, request: Request) -> Reply:
        ref, values = request.ref, request.values
        draft = request.team, ref.record_id, ref.version
        addresses = parse_addresses(values.text(ids.Input.SEND_TO), field=ids.Input.SEND_TO)
        line = values.text(ids.Input.LINE).strip()
        chosen = values.choice(ids.Input.RECIPIENT)
        seq = await self._mails.seq_of_line(*draft, line) if line else int(chosen) if chosen.isdecimal() else 0
        await self._mails.send(*draft, request.user_id, seq, addresses)
        return Modal(test_sent_page(len(addresses)), otherwise="The test is on its way.")


async def _preset(request: Request) -> str:
    """Return the person's own address where Slack lets the app see it, else where the team's tests go."""
    try:
        user = (await request.client.users_info(user=request.user_id))["user"]
    except SlackApiError:
        user = {}
    return str((user.get("profile") or {}).get("email") or "") or ", ".join(request.team.tests_go_to)
