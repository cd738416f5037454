"""Who is a team admin, the team's settings, and what was done last."""

from collections.abc import Mapping, Sequence

from slack_sdk.models.blocks import Block, UserMultiSelectElement
from slack_sdk.models.views import View

from bot.team_settings import FROM_NAME_LIMIT, POSTAL_ADDRESS_LIMIT, History, TeamSettings
from handlers.slack import ids
from handlers.slack.text import code, esc, mention, when
from handlers.slack.views.common import Message, field, form, labelled, page, section
from storage.models import Audit

ADMINS_TITLE = "Team admins"
SETTINGS_TITLE = "Settings"
MOST_PEOPLE = 50
ROWS_A_SECTION = 10

_SETTINGS = {
    "from_name": "the From name",
    "reply_to": "the reply address",
    "postal_address": "the postal address",
    "senders": "who may send",
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
            _people(ids.Input.ADMINS, "Team admins", appointed),
        ],
        submit="Save",
        ref=ref,
        notice=notice,
    )


def admins_saved(new: set[str], gone: set[str]) -> View:
    lines = [f":white_check_mark: {mention(user)} is a team admin now." for user in sorted(new)]
    lines += [f":wave: {mention(user)} is no team admin any more." for user in sorted(gone)]
    return page(ADMINS_TITLE, [section("\n".join(lines) or "Nothing was changed.")])


def settings_form(ref: ids.Ref, settings: TeamSettings, *, notice: str = "") -> View:
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
            _people(
                ids.Input.SENDERS,
                "Who may send",
                settings.senders,
                hint="Empty: every member of this channel. Team admins always may.",
            ),
        ],
        submit="Save",
        ref=ref,
        notice=notice,
    )


def settings_saved() -> View:
    return page(SETTINGS_TITLE, [section(":white_check_mark: Saved. What you send from now on goes by it.")])


def history(last: History) -> Message:
    """What was done last, and by whom, the newest first."""
    if not last.rows:
        return Message("Nothing was done here yet", [section("Nothing was done here yet.")])
    lines = [_line(row, last.subjects) for row in last.rows]
    blocks: list[Block] = [
        section("\n".join(lines[at : at + ROWS_A_SECTION])) for at in range(0, len(lines), ROWS_A_SECTION)
    ]
    return Message("What was done last", [section("*What was done last*"), *blocks])


def _line(row: Audit, subjects: Mapping[str, str]) -> str:
    who = "Mailroom" if row.actor == "mailroom" else mention(row.actor)
    return f"{when(row.at)} · {who} {_sentence(row, subjects)}"


def _sentence(row: Audit, subjects: Mapping[str, str]) -> str:
    after = row.after
    if row.action in _OF_BROADCAST:
        subject = esc(subjects.get(row.subject, "of which nothing is left"), 60)
        reasons = ", ".join(esc(str(reason), 30) for reason in after.get("reasons") or ())
        return f"{_OF_BROADCAST[row.action]} “{subject}”" + (f" ({reasons})" if reasons else "")
    match row.action:
        case "team.admins":
            return _appointed(set(row.before.get("admins", ())), set(after.get("admins", ())))
        case "team.settings":
            return f"changed {', '.join(_SETTINGS.get(name, name) for name in after)}"
        case action if action in _SENTENCES:
            return _SENTENCES[action].format(subject=esc(row.subject, 80), name=esc(str(after.get("name", "")), 80))
    return f"did {code(row.action)} {esc(row.subject, 80)}".strip()


_OF_BROADCAST = {
    "broadcast.test": "sent the test",
    "broadcast.confirm": "confirmed the broadcast",
    "broadcast.undo": "took back the broadcast",
    "broadcast.start": "started the broadcast",
    "broadcast.pause": "paused the broadcast",
    "broadcast.hold": "paused the broadcast",
    "broadcast.resume": "resumed the broadcast",
    "broadcast.go_on": "went on with the broadcast",
    "broadcast.cancel": "cancelled the broadcast",
    "broadcast.stop": "stopped the broadcast",
    "broadcast.finish": "finished the broadcast",
    "broadcast.change_from": "gave another From address to the broadcast",
}
_SENTENCES = {
    "mailer.connect": "connected AWS account {subject}",
    "mailer.reconnect": "gave the mailer new credentials for AWS account {subject}",
    "mailer.delete": "deleted the mailer of AWS account {subject}",
    "identity.add": "added {subject}",
    "identity.retry": "retried the verification of {subject}",
    "identity.replace": "replaced {subject} by {name}",
    "production.apply": "applied for production access of AWS account {subject}",
    "suppression.add": "suppressed {subject}",
    "suppression.remove": "took {subject} off the suppressed addresses",
    "incident.acknowledge": "acknowledged an alert",
    "api_token.create": "created an API token",
    "api_token.revoke": "revoked an API token",
}


def _appointed(old: set[str], new: set[str]) -> str:
    parts = [f"appointed {mention(user)}" for user in sorted(new - old)]
    parts += [f"dismissed {mention(user)}" for user in sorted(old - new)]
    return f"{', '.join(parts)} as team admin"


def _people(name: ids.Input, label: str, chosen: Sequence[str], *, hint: str = "") -> Block:
    element = UserMultiSelectElement(action_id=name, initial_users=list(chosen) or None, max_selected_items=MOST_PEOPLE)
    return labelled(name, label, element, hint=hint, optional=True)
