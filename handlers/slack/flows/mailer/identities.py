"""Adding an identity and looking at one that waits."""

from slack_sdk.models.views import View

from bot.mailer.identities.feedback_forwarding import FeedbackForwarding
from bot.mailer.identities.management import Identities
from bot.mailer.identity_records import records_of
from bot.mailer.mailers import Mailers
from handlers.slack import ids
from handlers.slack.dispatch.registration import Form, Listener, Permission, Request, Subcommand
from handlers.slack.text import esc
from handlers.slack.views.blocks import Modal, Reply, page, section, text_message
from handlers.slack.views.mailer import identities as views


class IdentityFlow:
    def __init__(self, mailers: Mailers, identities: Identities, forwarding: FeedbackForwarding) -> None:
        self._mailers = mailers
        self._identities = identities
        self._forwarding = forwarding

    def words(self) -> list[Subcommand]:
        return [
            Subcommand(
                "identity",
                "add an address or a domain to send from",
                Permission.ADMINISTER,
                self.open,
                opens=views.ADD_TITLE,
            )
        ]

    def listeners(self) -> list[Listener | Form]:
        return [
            Listener(ids.Button.ADD_IDENTITY, Permission.ADMINISTER, self.open, opens=views.ADD_TITLE),
            Listener(ids.Button.CHECK_NOW, Permission.SEE, self.check, opens="Check now"),
            Listener(ids.Button.DISABLE_FORWARDING, Permission.ADMINISTER, self.disable_forwarding),
            Form(ids.Form.ADD_IDENTITY, Permission.ADMINISTER, self.add, "Asking AWS to add it…", self.redraw),
        ]

    async def open(self, request: Request) -> Reply:
        mailer = await self._mailers.require_access(request.team)
        return Modal(views.add_form(ids.Ref(request.team.id, mailer.id, mailer.version)))

    async def redraw(self, request: Request, notice: str) -> View:
        return views.add_form(request.ref, typed=request.values.text(ids.Input.IDENTITY), notice=notice)

    async def add(self, request: Request) -> Reply:
        await self._mailers.require_version(request.team, request.ref.record_id, request.ref.version)
        row = await self._identities.add(request.team, request.values.text(ids.Input.IDENTITY), request.user_id)
        mailer = await self._mailers.require_access(request.team)
        records = records_of(row, mailer.region)
        message = views.identity_message(row, records)
        return Modal(
            page(
                views.ADD_TITLE, [section(f"Added *{esc(row.name)}*; the channel has been told too."), *message.blocks]
            ),
            otherwise=f"Added {esc(row.name)}.",
        )

    async def check(self, request: Request) -> Reply:
        checked = await self._identities.check(request.team, request.ref.record_id)
        return Modal(views.check_result_page(checked.identity, checked.findings))

    async def disable_forwarding(self, request: Request) -> Reply:
        row = await self._forwarding.consent(request.team, request.ref.record_id, request.user_id)
        return text_message(
            f":no_bell: AWS's mails about bounces and complaints of *{esc(row.name)}* are being switched off."
        )
