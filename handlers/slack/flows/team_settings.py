"""`/mailer admins`, `/mailer settings`, `/mailer audit`: what team admins decide about the team, and who did what."""

from collections.abc import Iterable

from slack_sdk.errors import SlackApiError
from slack_sdk.models.views import View

from bot.errors import BotError
from bot.teams.settings import ChangedMeanwhileError, TeamRules, TeamSettings, etag
from handlers.slack import ids
from handlers.slack.codes import SlackCode
from handlers.slack.dispatch.authorization import Permission
from handlers.slack.dispatch.listeners import Listeners
from handlers.slack.dispatch.registration import Call, Form, Subcommand
from handlers.slack.dispatch.user_directory import UserDirectory
from handlers.slack.views import team_settings as views
from handlers.slack.views.audit_log import history_message
from handlers.slack.views.blocks import Modal, Reply

SHOWN = 20


class TeamSettingsFlow:
    def __init__(self, team_rules: TeamRules, people: UserDirectory) -> None:
        self._rules = team_rules
        self._people = people

    def words(self) -> list[Subcommand]:
        admin = Permission.ADMINISTER
        return [
            Subcommand("admins", "appoint and dismiss team admins", admin, self.open_admins, opens=views.ADMINS_TITLE),
            Subcommand(
                "settings",
                "From name, reply address, postal address, who may send, where tests go",
                admin,
                self.open_settings,
                opens=views.SETTINGS_TITLE,
            ),
            Subcommand("audit", "what was done last, and by whom", admin, self.audit),
        ]

    def register(self, listeners: Listeners) -> None:
        admin = Permission.ADMINISTER
        listeners.form(Form(ids.Form.ADMINS, admin, self.appoint, "Saving…", self.redraw_admins))
        listeners.form(Form(ids.Form.SETTINGS, admin, self.save, "Saving…", self.redraw_settings))

    async def open_admins(self, call: Call) -> Reply:
        return Modal(await self._admins(call))

    async def redraw_admins(self, call: Call, notice: str) -> View:
        return views.admins_form(call.at.ref, call.at.values.people(ids.Input.ADMINS), notice=notice)

    async def appoint(self, call: Call) -> Reply:
        users = call.at.values.people(ids.Input.ADMINS)
        await self._refuse_unfit(call, set(users) - set(await self._rules.admins(call.team)), ids.Input.ADMINS)
        try:
            new, gone = await self._rules.appoint(call.team, users, call.at.ref.version, call.at.user_id)
        except ChangedMeanwhileError as error:
            return Modal(await self._admins(call, notice=error.text))
        return Modal(views.admins_saved_page(new, gone), otherwise="The team admins were saved.")

    async def open_settings(self, call: Call) -> Reply:
        settings = TeamSettings.of(call.team)
        return Modal(views.settings_form(ids.Ref(call.team.id, version=settings.mark), settings))

    async def redraw_settings(self, call: Call, notice: str) -> View:
        return views.settings_form(call.at.ref, _typed(call), notice=notice)

    async def save(self, call: Call) -> Reply:
        typed, now = _typed(call), TeamSettings.of(call.team)
        await self._refuse_unfit(call, set(typed.senders) - set(now.senders), ids.Input.SENDERS)
        try:
            await self._rules.save(call.team, typed, call.at.ref.version, call.at.user_id)
        except ChangedMeanwhileError as error:
            return Modal(views.settings_form(ids.Ref(call.team.id, version=now.mark), now, notice=error.text))
        return Modal(views.settings_saved_page(), otherwise="The settings were saved.")

    async def audit(self, call: Call) -> Reply:
        return history_message(await self._rules.history(call.team, SHOWN))

    async def _admins(self, call: Call, notice: str = "") -> View:
        appointed = await self._rules.admins(call.team)
        return views.admins_form(ids.Ref(call.team.id, version=etag(repr(appointed))), appointed, notice=notice)

    async def _refuse_unfit(self, call: Call, users: Iterable[str], field: ids.Input) -> None:
        """Refuse people whom the authorizer would refuse anyway, so that none is shown as allowed."""
        for user in users:
            if not await self._is_fit(call, user):
                raise BotError(SlackCode.UNFIT, field=field)

    async def _is_fit(self, call: Call, user: str) -> bool:
        try:
            person = await self._people.person(call.client, call.at.workspace, user)
        except SlackApiError:  # of a stranger Slack says nothing at all
            return False
        at_home = person.is_of(call.at.workspace, call.at.enterprise)
        return at_home and not (person.guest or person.bot or person.deactivated)


def _typed(call: Call) -> TeamSettings:
    values = call.at.values
    return TeamSettings(
        values.text(ids.Input.FROM_NAME),
        values.text(ids.Input.REPLY_TO),
        values.text(ids.Input.POSTAL_ADDRESS),
        tuple(values.people(ids.Input.SENDERS)),
        (values.text(ids.Input.TESTS_GO_TO),),
    )
