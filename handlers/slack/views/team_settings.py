"""Who is a team admin, and the team's settings."""

from collections.abc import Sequence

from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View

from bot.broadcast.content.look import Look
from bot.teams.policy import NO_POLICY, Policy
from bot.teams.settings import FROM_NAME_LIMIT, POSTAL_ADDRESS_LIMIT, TESTS_GO_TO_LIMIT, TeamSettings
from handlers.slack import ids
from handlers.slack.text import mention
from handlers.slack.views.appearance.look import look_in_words
from handlers.slack.views.approval.settings import approval_blocks
from handlers.slack.views.blocks import button, buttons, field, form, page, people, radio, section
from handlers.slack.views.webhook.form import standing_line
from storage import KeepRecipients, Webhook

ADMINS_TITLE = "Team admins"
SETTINGS_TITLE = "Settings"
_KEPT = {
    KeepRecipients.DAYS_90: "90 days",
    KeepRecipients.YEAR: "1 year",
    KeepRecipients.FOR_EVER: "For ever",
}


def admins_form(ref: ids.Ref, appointed: Sequence[str], *, notice: str = "") -> View:
    return form(
        ids.Form.ADMINS,
        ADMINS_TITLE,
        [
            section(
                "Team admins connect and mend the mailer and decide about this team. Owners and admins of the "
                "workspace are team admins always; here you appoint others."
            ),
            people(ids.Input.ADMINS, "Team admins", appointed),
        ],
        submit="Save",
        ref=ref,
        notice=notice,
    )


def admins_saved_page(new: set[str], gone: set[str]) -> View:
    lines = [f":white_check_mark: {mention(user)} is a team admin now." for user in sorted(new)]
    lines += [f":wave: {mention(user)} is no team admin any more." for user in sorted(gone)]
    return page(ADMINS_TITLE, [section("\n".join(lines) or "Nothing was changed.")])


def settings_form(
    ref: ids.Ref,
    settings: TeamSettings,
    look: Look,
    webhook: Webhook | None = None,
    *,
    policy: Policy = NO_POLICY,
    notice: str = "",
) -> View:
    return form(
        ids.Form.SETTINGS,
        SETTINGS_TITLE,
        [
            field(
                ids.Input.FROM_NAME,
                "From name",
                initial=settings.from_name,
                hint="What mail programs show beside the address.",
                optional=True,
                max_length=FROM_NAME_LIMIT,
            ),
            field(
                ids.Input.REPLY_TO,
                "Reply-to",
                initial=settings.reply_to,
                hint="Where answers go, unless a broadcast says otherwise; empty: to From.",
                optional=True,
                max_length=320,
            ),
            field(
                ids.Input.POSTAL_ADDRESS,
                "Postal address",
                initial=settings.postal_address,
                hint="At the foot of every broadcast; the law of many countries wants one.",
                multiline=True,
                optional=True,
                max_length=POSTAL_ADDRESS_LIMIT,
            ),
            people(
                ids.Input.SENDERS,
                "Who may send",
                settings.senders,
                hint="Empty: every member of this channel. Team admins always may.",
            ),
            field(
                ids.Input.TESTS_GO_TO,
                "Tests go to",
                initial=", ".join(settings.tests_go_to),
                hint=f"Up to {TESTS_GO_TO_LIMIT} addresses, with commas between: where “Mail me one” goes.",
                multiline=True,
                optional=True,
            ),
            *approval_blocks(settings, policy),
            radio(
                ids.Input.KEEP_RECIPIENTS,
                "Keep recipients for",
                _KEPT,
                settings.keep_recipients,
                hint="From the end of a broadcast on. Then it is forgotten for good who they were; saved audiences, "
                "counts and unsubscribe links stay.",
            ),
            section(f"{look_in_words(look)} {standing_line(webhook)}"),
            buttons(
                button(ids.Button.EDIT_LOOK, "Look", ids.Ref(ref.team_id)),
                button(ids.Button.WEBHOOK, "Webhook", ids.Ref(ref.team_id)),
            ),
        ],
        submit="Save",
        ref=ref,
        notice=notice,
    )


def settings_saved_page(*, few_admins: bool = False) -> View:
    """`few_admins`: too few team admins are known to approve what one of them asks for."""
    blocks: list[Block] = [section(":white_check_mark: Saved. What you send from now on goes by it.")]
    if few_admins:
        blocks.append(
            section(
                ":warning: Too few team admins have been seen in this channel to approve what one of them asks for: "
                "name approvers here, or appoint more with `/mailer admins`."
            )
        )
    return page(SETTINGS_TITLE, blocks)
