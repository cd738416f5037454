"""Applying for production access."""

from slack_sdk.models.views import View

from bot.email_addresses import parse_addresses
from bot.mailer.connection.production_access import CONTACTS_LIMIT, Application, ProductionAccess
from bot.mailer.mailers import Mailers
from handlers.slack import ids
from handlers.slack.dispatch.registration import Form, Listener, Permission, Request, Subcommand
from handlers.slack.views.blocks import Modal, Reply, page, section
from handlers.slack.views.mailer import production_access as views


class ProductionAccessFlow:
    def __init__(self, production: ProductionAccess, mailers: Mailers) -> None:
        self._production = production
        self._mailers = mailers

    def words(self) -> list[Subcommand]:
        return [
            Subcommand(
                "production",
                "apply for production access, so that mail may go to anybody",
                Permission.ADMINISTER,
                self.open,
                opens=views.TITLE,
            )
        ]

    def listeners(self) -> list[Listener | Form]:
        return [
            Listener(ids.Button.APPLY, Permission.ADMINISTER, self.open, opens=views.TITLE),
            Form(ids.Form.PRODUCTION, Permission.ADMINISTER, self.apply, "Sending it to AWS…", self.redraw),
        ]

    async def open(self, request: Request) -> Reply:
        mailer = await self._production.may_apply(request.team)
        return Modal(views.production_form(ids.Ref(request.team.id, mailer.id, mailer.version)))

    async def redraw(self, request: Request, notice: str) -> View:
        return views.production_form(
            request.ref,
            website=request.values.text(ids.Input.WEBSITE),
            mail_type=request.values.choice(ids.Input.MAIL_TYPE),
            language=request.values.choice(ids.Input.LANGUAGE),
            contacts=request.values.text(ids.Input.CONTACTS),
            use_case=request.values.text(ids.Input.USE_CASE),
            notice=notice,
        )

    async def apply(self, request: Request) -> Reply:
        await self._mailers.require_version(request.team, request.ref.record_id, request.ref.version)
        application = Application(
            website=request.values.text(ids.Input.WEBSITE),
            mail_type=request.values.choice(ids.Input.MAIL_TYPE),
            language=request.values.choice(ids.Input.LANGUAGE),
            contacts=parse_addresses(
                request.values.text(ids.Input.CONTACTS), field=ids.Input.CONTACTS, limit=CONTACTS_LIMIT
            ),
            use_case=request.values.text(ids.Input.USE_CASE),
        )
        await self._production.apply(request.team, application, request.user_id)
        said = "Your application is with AWS, which usually answers within a day. The channel will be told."
        return Modal(page(views.TITLE, [section(f":white_check_mark: {said}")]), otherwise=said)
