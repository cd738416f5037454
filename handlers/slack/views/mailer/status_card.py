"""The status card, the checklist before a first broadcast, and help."""

from collections.abc import Iterable

from slack_sdk.models.blocks import Block, ButtonElement
from slack_sdk.models.views import View

from bot.mailer.aws_errors import access_lost
from bot.mailer.monitoring.feedback_route import FeedbackRoute, is_being_set_up, route_of
from bot.mailer.readiness.explanations import NextStep
from bot.mailer.readiness.overview import Item, Overview, checklist
from bot.mailer.readiness.rules import Blocker
from bot.ses.operations import FEEDBACK_FORWARDING
from bot.wording import count
from handlers.slack import ids
from handlers.slack.text import bar, code, esc, when
from handlers.slack.views.alerts import headline
from handlers.slack.views.blocks import Message, button, buttons, context, header, page, section
from handlers.slack.views.mailer.connect import place
from handlers.slack.views.mailer.identities import (
    DETAILED_SHOWN,
    check_button,
    forwarding_consent_blocks,
    identity_line,
    recovery_buttons,
)
from handlers.slack.views.mailer.sender_rules import rules_button
from storage import Access, Mailer, Production, Sending

IDENTITIES_SHOWN = 10
INCIDENTS_SHOWN = 5
LISTED = 40  # of them in a modal, which takes 100 blocks

_ACCESS = {
    Access.OK: ":white_check_mark: AWS accepts the credentials",
    Access.SUSPECT: ":warning: AWS refused the credentials once; being confirmed",
}
_PRODUCTION = {
    Production.SANDBOX: ":lock: Sandbox: only tests, to verified addresses and the SES simulator",
    Production.IN_REVIEW: ":hourglass_flowing_sand: In review: AWS usually answers within a day",
    Production.DENIED: ":x: Denied: answer the case in the AWS Support Center; until then as in the sandbox",
    Production.GRANTED: ":white_check_mark: Granted: mail may go to anybody",
}
_SENDING = {
    Sending.PAUSED: ":x: AWS has paused sending",
    Sending.PROBATION: ":warning: AWS has put the account on probation",
    Sending.SHUT_DOWN: ":x: AWS has shut down sending",
}
_WAYS = {FeedbackRoute.QUEUE: "the queue at AWS", FeedbackRoute.ENDPOINT: "SNS"}
_WITHOUT = {
    "ses:GetSuppressedDestination": "nobody can see whether AWS itself suppresses an address",
    "ses:ListSuppressedDestinations": "what AWS itself suppresses is not known here",
    "ses:DeleteSuppressedDestination": "an address that is no longer suppressed here may stay so at AWS",
    FEEDBACK_FORWARDING: "AWS mails every bounce and complaint to the From address, too",
}
_STEPS = {
    NextStep.CONNECT: (ids.Button.CONNECT, "Connect"),
    NextStep.RECONNECT: (ids.Button.RECONNECT, "Reconnect"),
    NextStep.ADD_IDENTITY: (ids.Button.ADD_IDENTITY, "Add identity"),
    NextStep.APPLY: (ids.Button.APPLY, "Apply for production access"),
    NextStep.CHECK_NOW: (ids.Button.LOOK, "Check now"),
}


def step_button(step: NextStep | None, overview: Overview) -> ButtonElement | None:
    """Return the button that takes the step, where a button can."""
    if step is NextStep.CHECK_NOW and overview.waiting:
        return check_button(overview.waiting)
    if step is None or step not in _STEPS:
        return None
    action, label = _STEPS[step]
    return button(action, label, team_ref(overview), style="primary")


def team_ref(overview: Overview) -> ids.Ref:
    return ids.Ref(overview.team.id, overview.mailer.id if overview.mailer else "", 0)


def status_message(overview: Overview, *, one_click: bool = True) -> Message:
    """The status of the team, and the one next step as a button; `one_click`: recipients can unsubscribe by a link."""
    title = f"Mailroom in #{overview.team.name}"
    if overview.mailer is None:
        return Message(
            f"{title}: not connected",
            [
                header(title),
                section(
                    "*Not connected yet.* Mailroom sends your team's email through your own Amazon SES account. "
                    "Connect it once; from then on Mailroom watches it and tells this channel when something breaks."
                ),
                *_actions([step_button(NextStep.CONNECT, overview)]),
            ],
        )
    mailer = overview.mailer
    return Message(
        f"{title}: {mailer.production}, {count(len(overview.managed), 'identity', 'identities')}",
        [
            header(title),
            *_wrong(overview),
            section(f"*Connection*\n{_access(mailer)}: account {place(mailer)}"),
            section(f"*Production access*\n{_PRODUCTION[mailer.production]}"),
            *([section(f"*Sending*\n{_SENDING[mailer.sending]}")] if mailer.sending in _SENDING else []),
            section(f"*Identities*\n{_identities(overview)}", accessory=rules_button(overview.team.id)),
            *_failing(overview),
            *_shaky(overview),
            *forwarding_consent_blocks(mailer, overview.managed),
            section(f"*Daily quota*\n{quota(mailer)}"),
            section(f"*Feedback*\n{_feedback(mailer)}"),
            *_missing_optional(mailer),
            context(_footnote(mailer, one_click=one_click)),
            *_next(overview),
        ],
    )


def _access(mailer: Mailer) -> str:
    if mailer.access is Access.LOST:
        return f":x: {access_lost(mailer.access_action)[0]} Nothing can be sent"
    return _ACCESS[mailer.access]


def _feedback(mailer: Mailer) -> str:
    """Whether bounces and complaints are seen."""
    way = route_of(mailer)
    if mailer.missing_events:
        return ":x: SES tells nothing of the mails it took: bounces and complaints are not seen"
    if way is FeedbackRoute.NONE and is_being_set_up(mailer):
        return (
            ":hourglass_flowing_sand: Being set up: the queue at AWS is not ready yet. It is tried again within minutes"
        )
    if way is FeedbackRoute.NONE:
        return ":warning: Not set up: the policy has no SQS, so bounces and complaints are not seen"
    if mailer.last_event_at:
        return f":white_check_mark: Works, by {_WAYS[way]}: the last event came {when(mailer.last_event_at)}"
    if mailer.probed_at:
        return f":hourglass_flowing_sand: No event yet: the SES simulator was mailed {when(mailer.probed_at)}"
    return ":white_circle: No event yet: it is tested as soon as an identity is verified"


def _wrong(overview: Overview) -> list[Block]:
    lines = [headline(incident) for incident in overview.incidents[:INCIDENTS_SHOWN]]
    if len(overview.incidents) > INCIDENTS_SHOWN:
        lines.append(f"and {len(overview.incidents) - INCIDENTS_SHOWN:,} more")
    return [section("\n".join(lines))] if lines else []


def check_result_page(overview: Overview) -> View:
    """What *Check now* under an alert found: what is wrong as AWS says just now, each with what mends it."""
    well = [section(":white_check_mark: AWS has just been asked: nothing is wrong any more.")]
    left = len(overview.failing) - LISTED
    more = f"{count(left, 'more identity fails', 'more identities fail')}. " if left > 0 else ""
    return page(
        "Check now",
        [
            *(_wrong(overview) or well),
            *_failing(overview, LISTED),
            context(f"{more}`/mailer` in the channel shows how everything stands."),
        ],
    )


def quota(mailer: Mailer) -> str:
    """Sent, limit and what is left, as numbers and as a bar."""
    rate = f"up to {count(mailer.max_send_rate, 'recipient')} a second"
    sent = f"{mailer.sent_last_24_hours:,.0f}"
    if mailer.max_24_hour_send < 0:
        return f"{sent} sent in the last 24 hours, no daily limit · {rate}"
    left = max(0, mailer.max_24_hour_send - mailer.sent_last_24_hours)
    share = mailer.sent_last_24_hours / mailer.max_24_hour_send if mailer.max_24_hour_send else 1.0
    return (
        f"`{bar(share)}` {sent} of {mailer.max_24_hour_send:,.0f} sent in the last 24 hours, {left:,.0f} left · {rate}"
    )


def not_ready_message(overview: Overview, what: str = "broadcasts") -> Message:
    """C2: what is done, what is missing, and a button for each step that can be taken; `what` was to be sent."""
    title = f"You can't send {what} yet"
    lines = []
    elements = []
    for item in checklist(overview):
        if item.missing:
            lines.append(f":x: *{item.title}*: not yet. {_sentence(item)}")
            elements += _steps(item, overview)
        elif item.waits:
            lines.append(f":white_circle: {item.title}: afterwards")
        else:
            lines.append(f":white_check_mark: {item.title}: done")
    return Message(
        title,
        [
            section(f"*{title}*"),
            section("\n".join(lines)),
            *(_failing(overview) if Blocker.NO_VERIFIED_IDENTITY in overview.answer.blockers else []),
            *_actions(elements),
        ],
    )


def help_message(command: str, words: Iterable[tuple[str, str]], *, unknown: str = "") -> Message:
    """What one can type; `unknown` is the word that was not understood."""
    lines = [f"{code(f'{command} {word}'.strip())}: {esc(text)}" for word, text in words]
    first = f"I don't know the word {code(unknown)}. " if unknown else ""
    return Message(f"How to use {command}", [section(f"{first}*What you can type:*\n" + "\n".join(lines))])


def _identities(overview: Overview) -> str:
    apart = (*overview.failing[:DETAILED_SHOWN], *overview.shaky[:DETAILED_SHOWN])
    rows = [row for row in overview.managed if row not in apart]
    others = len(overview.identities) - len(overview.managed)
    lines = [identity_line(row) for row in rows[:IDENTITIES_SHOWN]]
    if len(rows) > IDENTITIES_SHOWN:
        lines.append(f"and {count(len(rows) - IDENTITIES_SHOWN, 'more identity', 'more identities')}")
    if others:
        lines.append(f"{count(others, 'other identity', 'other identities')} of the account, not looked after here")
    return "\n".join(lines) or ("None that is sound" if apart else "None yet")


def _failing(overview: Overview, most: int = DETAILED_SHOWN) -> list[Block]:
    """Each identity that failed, with the buttons that mend it."""
    return [
        block for row in overview.failing[:most] for block in (section(f"{identity_line(row)}."), recovery_buttons(row))
    ]


def _shaky(overview: Overview) -> list[Block]:
    """Each identity that AWS may soon refuse, with what finds out why."""
    return [
        block
        for row in overview.shaky[:DETAILED_SHOWN]
        for block in (
            section(
                f"{identity_line(row)}, since {when(row.state_since)}. If they stay away AWS takes its verification "
                "back: *Check now* says which one is missing or wrong."
            ),
            buttons(check_button(row, primary=False)),
        )
    ]


def _missing_optional(mailer: Mailer) -> list[Block]:
    """What the policy could allow and does not, and what that means; the queue has its own words under *Feedback*."""
    lines = [f"{code(action)}: {_WITHOUT[action]}" for action in mailer.missing_optional if action in _WITHOUT]
    if not lines:
        return []
    how = (
        "All else works. To allow it, give the user or role in IAM the policy of Mailroom's README again; it is looked "
        "at once a day."
    )
    return [section("\n".join((":information_source: *Optional permissions that are missing*", *lines, how)))]


def _next(overview: Overview) -> list[Block]:
    if overview.answer.allowed:
        ref = team_ref(overview)
        return [
            section("*Ready.* You can send broadcasts."),
            buttons(
                button(ids.Button.NEW_BROADCAST, "New broadcast", ref, style="primary"),
                button(ids.Button.SEND_TEST, "Send a test", ref),
                button(ids.Button.ADD_IDENTITY, "Add identity", ref),
            ),
        ]
    missing = [item for item in checklist(overview) if item.missing]
    elements = [step_button(overview.next_step, overview)]
    if missing and missing[0].faster:
        elements.append(step_button(missing[0].faster, overview))
    may_test = overview.mailer is not None and overview.mailer.access is not Access.LOST
    if may_test and any(row.state in {"verified", "temporary_failure"} for row in overview.identities):
        elements.append(button(ids.Button.SEND_TEST, "Send a test", team_ref(overview)))
    return [section(f"*Next step*\n{_sentence(missing[0])}"), *_actions(elements)] if missing else []


def _sentence(item: Item) -> str:
    faster = " Until then add an address as well: it is verified in a minute." if item.faster else ""
    return f"{esc(item.missing.sentence) if item.missing else ''}{faster}"


def _steps(item: Item, overview: Overview) -> list[ButtonElement | None]:
    steps = [item.missing.step if item.missing else None, item.faster]
    return [step_button(step, overview) for step in steps if step]


def _footnote(mailer: Mailer, *, one_click: bool) -> str:
    told = f"As AWS told us {when(mailer.checked_at)}."
    if not one_click:
        told += " :warning: There is no public address, so recipients unsubscribe by mail: use /mailer suppress."
    return told


def _actions(elements: Iterable[ButtonElement | None]) -> list[Block]:
    unique = {element.action_id: element for element in elements if element}
    return [buttons(*unique.values())] if unique else []
