"""What is wrong, as the channel reads it: what happened and since when, what it stops, what to do, and the buttons.

An alert may wake a person at night: it says everything needed in itself.
"""

from collections.abc import Sequence
from datetime import datetime

from slack_sdk.models.blocks import Block, ButtonElement
from slack_sdk.models.views import View

from bot.wording import duration
from handlers.slack import ids
from handlers.slack.text import esc, mention, when
from handlers.slack.views.alert_texts import Words, words_of
from handlers.slack.views.blocks import Message, button, buttons, context, page, section
from handlers.slack.views.mailer.sender_rules import rules_button
from handlers.slack.views.webhook.form import off_button
from storage import Incident, IncidentKind, IncidentState

_LOOK = frozenset(
    {
        IncidentKind.REGION_OUTAGE,
        IncidentKind.SHUT_DOWN,
        IncidentKind.SENDING_PAUSED,
        IncidentKind.PROBATION,
        IncidentKind.PRODUCTION_DENIED,
    }
)
"""What AWS alone can end: one can only look whether it has."""


def headline(incident: Incident) -> str:
    """One line for the status card."""
    by = f", {mention(incident.acknowledged_by)} is at it" if incident.acknowledged_by else ""
    return f":rotating_light: *{words_of(incident).title}*, since {when(_since(incident))}{by}"


def alert_message(incident: Incident) -> Message:
    """The live message."""
    words = words_of(incident)
    if incident.state is IncidentState.RESOLVED:
        return _ended(incident, words)
    return Message(
        f"Alert: {words.title}",
        [
            section(f":rotating_light: *{words.title}*, since {when(_since(incident))}."),
            section(f"*What it stops*\n{words.stops}"),
            section(f"*What to do*\n{words.do}"),
            context(_who(incident)),
            *_actions(incident),
        ],
    )


def checking_events_page() -> View:
    """What *Check now* under the alert about missing events answers."""
    return page(
        "Check now",
        [
            section(
                ":mag: *Mailroom is looking.* It walks through its permissions, puts back what is missing of its "
                "configuration set, its topic and its queue, and then mails the SES simulator."
            ),
            context("When an event comes, the alert says that it is over. `/mailer` shows it, too."),
        ],
    )


def mailer_deleted_message() -> Message:
    """What is left of an alert whose mailer was deleted."""
    text = "This alert is over: the mailer was deleted"
    return Message(text, [section(f":white_check_mark: {text}.")])


def resolved_message(incident: Incident) -> Message:
    """The reply under the alert when it has ended."""
    words = words_of(incident)
    return Message(words.over, [section(f":white_check_mark: *{words.over}.* {_length(incident)}.")])


def reminder_message(incident: Incident) -> Message:
    words = words_of(incident)
    lasted = duration(((incident.reminded_at or incident.updated_at) - _since(incident)).total_seconds())
    return Message(
        f"Reminder: {words.title}",
        [
            section(f":bell: *Still so after {lasted}: {words.title}.* {words.stops}"),
            context("The buttons are under the alert above. *Acknowledge* there ends these reminders."),
        ],
    )


def unreachable_channel_message(channel: str, incidents: Sequence[Incident]) -> Message:
    """To a person: alerts that the channel cannot be told."""
    lines = "\n".join(headline(incident) for incident in incidents)
    title = f"Mailroom cannot post in #{esc(channel)}"
    return Message(
        f"{title}: alerts wait",
        [
            section(f":warning: *{title}*, so you are told that something is wrong:\n{lines}"),
            context(
                "Invite Mailroom to the channel again, or unarchive it: what waits is posted then. Its team admins and "
                "the person who connected it get this, at most once a day."
            ),
        ],
    )


def _ended(incident: Incident, words: Words) -> Message:
    at = incident.resolved_at or incident.updated_at
    return Message(
        f"Over: {words.title}",
        [
            section(f":white_check_mark: *Over since {when(at)}:* {words.title}. {_length(incident)}."),
            *([context(f"{mention(incident.acknowledged_by)} had it.")] if incident.acknowledged_by else []),
        ],
    )


def _length(incident: Incident) -> str:
    end = incident.resolved_at or incident.updated_at
    return f"It lasted {duration((end - _since(incident)).total_seconds())}"


def _since(incident: Incident) -> datetime:
    since = incident.detail.get("since")
    return datetime.fromisoformat(since) if since else incident.opened_at


def _who(incident: Incident) -> str:
    if incident.acknowledged_by:
        return f"{mention(incident.acknowledged_by)} has acknowledged this; there are no more reminders."
    return "Once a day you are reminded here, until it is over or somebody acknowledges it."


def _actions(incident: Incident) -> list[Block]:
    is_webhook = incident.kind is IncidentKind.WEBHOOK_FAILING
    elements = _webhook_buttons(incident) if is_webhook else _recovery_buttons(incident)
    if incident.state is IncidentState.OPEN:
        ref = ids.Ref(incident.team_id, incident.id, incident.version)
        elements.append(button(ids.Button.ACKNOWLEDGE, "Acknowledge", ref))
    return [buttons(*elements)] if elements else []


def _webhook_buttons(incident: Incident) -> list[ButtonElement]:
    webhook = ids.Ref(incident.team_id, incident.subject)
    retry = button(ids.Button.RETRY_WEBHOOK, "Retry", webhook, style="primary")
    return [retry, off_button(ids.Button.DROP_WEBHOOK, webhook)]


def _recovery_buttons(incident: Incident) -> list[ButtonElement]:
    """The buttons that repair it or, where others must, check whether they have."""
    mailer = ids.Ref(incident.team_id, incident.mailer_id or "")
    identity = ids.Ref(incident.team_id, incident.subject, incident.detail.get("version", 0))
    match incident.kind:
        case IncidentKind.ACCESS_LOST:
            return [
                button(ids.Button.RECONNECT, "Reconnect", mailer, style="primary"),
                button(ids.Button.DELETE_MAILER, "Delete mailer", mailer, style="danger"),
            ]
        case IncidentKind.DMARC_LOST:
            return [rules_button(incident.team_id)]
        case _ if incident.detail.get("intent"):
            pass  # it is under way
        case kind if kind in _LOOK or kind is IncidentKind.EVENTS_MISSING or "members" in incident.detail:
            look = ids.Button.CHECK_EVENTS if kind is IncidentKind.EVENTS_MISSING else ids.Button.LOOK
            return [button(look, "Check now", mailer, style="primary")]
        case IncidentKind.IDENTITY_LOST | IncidentKind.VERIFICATION_FAILED:
            return [
                button(ids.Button.RETRY, "Retry verification", identity, style="primary"),
                button(ids.Button.REPLACE, "Replace identity", identity),
            ]
        case IncidentKind.VERIFICATION_ENDING:
            return [button(ids.Button.CHECK_NOW, "Check now", identity, style="primary")]
    return []
