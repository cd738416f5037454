"""`/mailer admins`, `/mailer settings`, `/mailer audit`: what team admins decide about the team, and who did what."""

from collections.abc import Iterable
from dataclasses import replace

from slack_sdk.models.views import View

from bot.errors import BotError
from bot.teams.codes import TeamCode
from bot.teams.looks import TeamLooks
from bot.teams.settings import ChangedMeanwhileError, TeamRules, TeamSettings, etag
from bot.webhooks.webhooks import Webhooks
from handlers.slack import ids
from handlers.slack.approvers import Approvers
from handlers.slack.codes import SlackCode
from handlers.slack.dispatch.registration import Form, Listener, Permission, Request, Subcommand
from handlers.slack.views import team_settings as views
from handlers.slack.views.audit_log import history_message
from handlers.slack.views.blocks import Modal, Reply
from storage import ApprovalRule, KeepRecipients

SHOWN = 20


class TeamSettingsFlow:
    def __init__(self, team_rules: TeamRules, looks: TeamLooks, webhooks: Webhooks, approvers: Approvers) -> None:
        self._rules = team_rules
        self._looks = looks
        self._webhooks = webhooks
        self._approvers = approvers

    def words(self) -> list[Subcommand]:
        admin = Permission.ADMINISTER
        return [
            Subcommand("admins", "appoint and dismiss team admins", admin, self.open_admins, opens=views.ADMINS_TITLE),
            Subcommand(
                "settings",
                "From name, reply address, postal address, who may send, where tests go, approval, keeping recipients",
                admin,
                self.open_settings,
                opens=views.SETTINGS_TITLE,
            ),
            Subcommand("audit", "what was done last, and by whom", admin, self.audit),
        ]

    def listeners(self) -> list[Listener | Form]:
        admin = Permission.ADMINISTER
        return [
            Form(ids.Form.ADMINS, admin, self.appoint, "Saving…", self.redraw_admins),
            Form(ids.Form.SETTINGS, admin, self.save, "Saving…", self.redraw_settings),
        ]

    async def open_admins(self, request: Request) -> Reply:
        return Modal(await self._admins(request))

    async def redraw_admins(self, request: Request, notice: str) -> View:
        return views.admins_form(request.ref, request.values.people(ids.Input.ADMINS), notice=notice)

    async def appoint(self, request: Request) -> Reply:
        users = request.values.people(ids.Input.ADMINS)
        await self._refuse_unfit(request, set(users) - set(await self._rules.admins(request.team)), ids.Input.ADMINS)
        try:
            new, gone = await self._rules.appoint(request.team, users, request.ref.version, request.user_id)
        except ChangedMeanwhileError as error:
            return Modal(await self._admins(request, notice=error.text))
        return Modal(views.admins_saved_page(new, gone), otherwise="The team admins were saved.")

    async def open_settings(self, request: Request) -> Reply:
        return Modal(await self._as_it_is(request))

    async def redraw_settings(self, request: Request, notice: str) -> View:
        return await self._settings(request, request.ref, _typed(request), notice)

    async def save(self, request: Request) -> Reply:
        typed, now = _typed(request), TeamSettings.of(request.team)
        await self._refuse_unfit(request, set(typed.senders) - set(now.senders), ids.Input.SENDERS)
        await self._check_approvers(request, typed, new=set(typed.approvers) - set(now.approvers))
        try:
            team = await self._rules.save(request.team, typed, request.ref.version, request.user_id)
        except ChangedMeanwhileError as error:
            return Modal(await self._as_it_is(request, error.text))
        rule = typed.under(self._rules.policy)
        few = rule.approval is not ApprovalRule.NEVER and not rule.approvers
        few = few and len(await self._approvers.of(request.client, team)) <= rule.approvals
        return Modal(views.settings_saved_page(few_admins=few), otherwise="The settings were saved.")

    async def audit(self, request: Request) -> Reply:
        return history_message(await self._rules.history(request.team, SHOWN))

    async def _as_it_is(self, request: Request, notice: str = "") -> View:
        settings = TeamSettings.of(request.team)
        return await self._settings(request, ids.Ref(request.team.id, version=settings.mark), settings, notice)

    async def _settings(self, request: Request, ref: ids.Ref, settings: TeamSettings, notice: str) -> View:
        look, webhook = await self._looks.of(request.team), await self._webhooks.of(request.team)
        return views.settings_form(ref, settings, look, webhook, policy=self._rules.policy, notice=notice)

    async def _admins(self, request: Request, notice: str = "") -> View:
        appointed = await self._rules.admins(request.team)
        return views.admins_form(ids.Ref(request.team.id, version=etag(repr(appointed))), appointed, notice=notice)

    async def _refuse_unfit(self, request: Request, users: Iterable[str], field: ids.Input) -> None:
        """Refuse people whom the authorizer would refuse anyway, so that none is shown as allowed."""
        for user in users:
            if not await self._approvers.is_full_member(request.client, request.team, user):
                raise BotError(SlackCode.UNFIT, field=field)

    async def _check_approvers(self, request: Request, typed: TeamSettings, new: set[str]) -> None:
        """Refuse people who could not approve, and too few to approve what any one of them asks for."""
        await self._refuse_unfit(request, new, ids.Input.APPROVERS)
        present = await self._approvers.present(request.client, request.team, typed.approvers)
        if new - set(present):
            raise BotError(SlackCode.NOT_OF_CHANNEL, field=ids.Input.APPROVERS)
        rule = typed.under(self._rules.policy)
        if rule.approvers and rule.approval is not ApprovalRule.NEVER and len(present) <= rule.approvals:
            raise BotError(
                TeamCode.NO_APPROVERS,
                f"Name at least {rule.approvals + 1} people who are in this channel: nobody approves what they asked "
                "for themselves.",
                field=ids.Input.APPROVERS,
            )


def _typed(request: Request) -> TeamSettings:
    """Return what the form holds; what an older form does not ask for stays as it is."""
    values, now = request.values, TeamSettings.of(request.team)
    typed = replace(
        now,
        from_name=values.text(ids.Input.FROM_NAME),
        reply_to=values.text(ids.Input.REPLY_TO),
        postal_address=values.text(ids.Input.POSTAL_ADDRESS),
        senders=tuple(values.people(ids.Input.SENDERS)),
        tests_go_to=(values.text(ids.Input.TESTS_GO_TO),),
    )
    if ids.Input.KEEP_RECIPIENTS in values:
        typed = replace(typed, keep_recipients=KeepRecipients(values.choice(ids.Input.KEEP_RECIPIENTS)))
    if ids.Input.APPROVAL not in values:
        return typed
    return replace(
        typed,
        approval=ApprovalRule(values.choice(ids.Input.APPROVAL)),
        approval_from=values.number(ids.Input.APPROVAL_FROM),
        approvers=tuple(values.people(ids.Input.APPROVERS)),
        approvals=int(values.choice(ids.Input.APPROVALS)),
    )
