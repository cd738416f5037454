"""One live message a broadcast: what it waits for, how far it is, and in the end what became of everybody."""

from collections.abc import Mapping

from slack_sdk.models.blocks import Block, ButtonElement, ConfirmObject

from bot.broadcast.reporting.progress import Progress
from bot.broadcast.transitions import ENDED
from bot.wording import count, duration
from handlers.slack import ids
from handlers.slack.text import actor, bar, chosen, clean, esc, mention
from handlers.slack.views.blocks import Message, button, buttons, confirm, context, section
from handlers.slack.views.drafts import draft_buttons
from storage import Broadcast, BroadcastState, DeliveryState, PauseReason, SendKind
from storage.audit import API_TOKEN

_REASONS = {
    PauseReason.PERSON: "somebody pressed Pause",
    PauseReason.QUOTA: "the daily quota is used up; it goes on by itself as the quota frees",
    PauseReason.ACCESS: "AWS refused the credentials, or lacks what Mailroom set up there",
    PauseReason.SENDING: "AWS has paused the account's sending",
    PauseReason.IDENTITY: "the sender's identity is not verified any more",
    PauseReason.REPUTATION: "too many bounces or complaints",
    PauseReason.UNREACHABLE: "the channel could not be reached",
    PauseReason.LATE: "its start was missed by over an hour",
    PauseReason.DELETING: "the mailer is being deleted",
    PauseReason.RESTORED: "the database was restored from a copy, and it may have gone on since",
}
_LABELS = {
    DeliveryState.SENT: "sent",
    DeliveryState.DELIVERED: "delivered",
    DeliveryState.BOUNCED: "bounced",
    DeliveryState.COMPLAINED: "complained",
    DeliveryState.FAILED: "failed",
    DeliveryState.SUPPRESSED: "suppressed, not mailed",
    DeliveryState.IN_DOUBT: "in doubt: AWS did not say; never sent again by itself",
    DeliveryState.CANCELLED: "cancelled, not mailed",
    DeliveryState.SENDING: "being sent",
    DeliveryState.PENDING: "waiting",
}
STATES = {
    BroadcastState.DRAFT: "draft, not confirmed",
    BroadcastState.AWAITING_APPROVAL: "waits for approval",
    BroadcastState.SCHEDULED: "scheduled",
    BroadcastState.SENDING: "being sent",
    BroadcastState.PAUSED: "paused",
    BroadcastState.DONE: "sent",
    BroadcastState.CANCELLED: "cancelled",
    BroadcastState.STOPPED: "stopped",
}
_NOT_BEGUN = {BroadcastState.DRAFT, BroadcastState.AWAITING_APPROVAL, BroadcastState.SCHEDULED}
_WAITING = {DeliveryState.PENDING, DeliveryState.SENDING}


def progress_message(now: Progress) -> Message:
    """Draw the broadcast in its present state."""
    broadcast = now.broadcast
    kind = "Test" if broadcast.kind is SendKind.TEST else "Broadcast"
    what = f"{kind} “{esc(broadcast.subject, 200)}”"
    blocks: list[Block] = [section(_headline(now, what))]
    if broadcast.state not in _NOT_BEGUN and not _is_discarded(broadcast):
        blocks.append(section(_numbers(now)))
    if _asks_about_doubts(now):
        blocks.append(section(_DOUBTS.format(count(now.undecided, "recipient is", "recipients are"))))
    blocks.append(context(_footnote(now)))
    if elements := _buttons(now):
        blocks.append(buttons(*elements))
    return Message(f"{what}: {broadcast.state}", blocks)


_DOUBTS = (
    "*{} in doubt.* The connection broke before Amazon SES answered, so they have it or they have not. Mailroom leaves "
    "it at that unless you send again, knowing that some might get it twice."
)
_MARKS = {
    BroadcastState.AWAITING_APPROVAL: ":raised_hand:",
    BroadcastState.SCHEDULED: ":alarm_clock:",
    BroadcastState.SENDING: ":outbox_tray:",
    BroadcastState.PAUSED: ":double_vertical_bar:",
    BroadcastState.DONE: ":white_check_mark:",
    BroadcastState.CANCELLED: ":no_entry_sign:",
    BroadcastState.STOPPED: ":octagonal_sign:",
}


def _headline(now: Progress, what: str) -> str:
    broadcast = now.broadcast
    mark = _MARKS.get(broadcast.state, ":memo:")
    if broadcast.state is BroadcastState.AWAITING_APPROVAL:
        return f"{mark} {_request(now)}"
    if broadcast.state is BroadcastState.DRAFT and broadcast.created_by.startswith(API_TOKEN):
        to = f" to {count(broadcast.size, 'recipient')}" if broadcast.audience_id else ", without an audience yet"
        by = actor(broadcast.created_by, now.names)
        return f"{mark} *A draft of {by}, nothing was sent.* {what}{to}. Somebody looks it through and sends it."
    if broadcast.state is BroadcastState.DRAFT:
        return f"{mark} *Taken back, nothing was sent.* {what} is a draft again."
    if _is_discarded(broadcast):
        return f":wastebasket: *Discarded, nothing was sent.* {what}"
    return f"{mark} *{what}* to {count(broadcast.size, 'recipient')} {_state_words(broadcast)}"


def _request(now: Progress) -> str:
    broadcast = now.broadcast
    when = chosen(broadcast.start_at) if broadcast.start_at else "as soon as it is approved"
    who = ", ".join(map(mention, broadcast.asked_of)) or "Team admins"
    what = f"*{esc(broadcast.subject, 200)}* to {count(broadcast.size, 'person', 'people')}"
    lines = [
        f"{actor(broadcast.asked_by, now.names)} asks to send {what} from {esc(broadcast.from_address)}, {when}.",
        f"{who} can approve it.",
    ]
    if broadcast.approved_by:
        lines.append(f"Approved so far by {', '.join(map(mention, broadcast.approved_by))}.")
    return "\n".join(lines)


def _is_discarded(broadcast: Broadcast) -> bool:
    return broadcast.state is BroadcastState.CANCELLED and not broadcast.confirmed_by


_WORDS = {
    BroadcastState.DRAFT: "is a draft.",
    BroadcastState.SENDING: "is being sent.",
    BroadcastState.DONE: "is done.",
    BroadcastState.CANCELLED: "was cancelled.",
}


def _state_words(broadcast: Broadcast) -> str:
    match broadcast.state:
        case BroadcastState.SCHEDULED:
            return f"starts {chosen(broadcast.start_at)}." if broadcast.start_at else "is scheduled."
        case BroadcastState.PAUSED:
            return f"is paused: {'; '.join(_REASONS[PauseReason(reason)] for reason in broadcast.pause_reasons)}."
        case BroadcastState.STOPPED:
            return f"was stopped: {esc(broadcast.error, 300)}"
    return _WORDS[broadcast.state]


def _numbers(now: Progress) -> str:
    lines = [counts_in_words(now.counts)]
    if now.broadcast.state in {BroadcastState.SENDING, BroadcastState.PAUSED}:
        waiting = sum(now.counts.get(state, 0) for state in _WAITING)
        share = 1 - waiting / now.broadcast.size if now.broadcast.size else 1.0
        lines.insert(0, f"`{bar(share)}` {share:.0%}")
    if now.broadcast.state is BroadcastState.SENDING and now.seconds_left:
        lines.append(f"{now.rate:,.1f} a second, about {duration(now.seconds_left)} left")
    return "\n".join(lines)


def counts_in_words(counts: Mapping[DeliveryState, int]) -> str:
    """Return the number of recipients in each state that has any."""
    return " · ".join(f"{counts[state]:,} {label}" for state, label in _LABELS.items() if counts.get(state))


def _footnote(now: Progress) -> str:
    broadcast = now.broadcast
    if broadcast.state is BroadcastState.AWAITING_APPROVAL:  # who asks, and from which address, stands above
        return f"Written by {actor(broadcast.created_by, now.names)}"
    parts = [
        f"From {esc(broadcast.from_address)}",
        f"by {actor(broadcast.confirmed_by or broadcast.created_by, now.names)}",
    ]
    if broadcast.approved_by and broadcast.confirmed_by:
        parts.append(f"approved by {', '.join(map(mention, broadcast.approved_by))}")
    if broadcast.started_at and broadcast.finished_at:
        parts.append(f"took {duration((broadcast.finished_at - broadcast.started_at).total_seconds())}")
    return ", ".join(parts)


def _in_spite(broadcast: Broadcast) -> ConfirmObject:
    return confirm(
        "Go on in spite of the numbers?",
        f"{clean(broadcast.error, 150)} AWS pauses accounts not far above.",
        "Resume",
    )


def _ref(broadcast: Broadcast) -> ids.Ref:
    return ids.Ref(broadcast.team_id, broadcast.id, broadcast.version)


def _asks_about_doubts(now: Progress) -> bool:
    return now.broadcast.state is BroadcastState.DONE and now.broadcast.kind is SendKind.BROADCAST and now.undecided > 0


def _buttons(now: Progress) -> list[ButtonElement]:
    broadcast = now.broadcast
    if broadcast.kind is SendKind.TEST:
        return []
    has_begun = broadcast.started_at is not None
    get_list = [button(ids.Button.GET_LIST, "Get the list", _ref(broadcast))] if has_begun else []
    again = [use_again_button(broadcast)] if broadcast.state in ENDED and broadcast.confirmed_by else []
    return [*control_buttons(now), *get_list, *again]


def use_again_button(broadcast: Broadcast) -> ButtonElement:
    return button(ids.Button.USE_AGAIN, "Use again", _ref(broadcast))


def resume_button(broadcast: Broadcast) -> ButtonElement:
    label = "Go on" if PauseReason.RESTORED in broadcast.pause_reasons else "Resume"
    return button(ids.Button.RESUME, label, _ref(broadcast), style="primary")


def cancel_button(broadcast: Broadcast) -> ButtonElement:
    return button(
        ids.Button.CANCEL,
        "Cancel broadcast",
        _ref(broadcast),
        style="danger",
        confirm=confirm(
            "Cancel this broadcast?", "Recipients who have not been mailed yet will not be.", "Cancel broadcast"
        ),
    )


def control_buttons(now: Progress) -> list[ButtonElement]:
    """Return what a person can decide about it now."""
    broadcast, ref = now.broadcast, _ref(now.broadcast)
    match broadcast.state:
        case BroadcastState.DRAFT:
            return draft_buttons(ref)
        case BroadcastState.AWAITING_APPROVAL:
            return request_buttons(ref)
        case BroadcastState.SCHEDULED:
            first = button(ids.Button.UNDO, "Undo", ref)
        case BroadcastState.SENDING:
            first = button(ids.Button.PAUSE, "Pause", ref)
        case BroadcastState.PAUSED:
            first = resume_button(broadcast)
        case BroadcastState.STOPPED if PauseReason.REPUTATION in broadcast.pause_reasons:
            first = button(ids.Button.GO_ON, "Resume", ref, confirm=_in_spite(broadcast))
        case BroadcastState.DONE:
            return _second_tries(now)
        case _:
            return []
    is_held = PauseReason.RESTORED in broadcast.pause_reasons
    edit = [] if broadcast.started_at or is_held else [button(ids.Button.EDIT, "Edit", ref)]
    return [first, *edit, cancel_button(broadcast)]


def request_buttons(ref: ids.Ref) -> list[ButtonElement]:
    return [
        button(ids.Button.REVIEW, "Review", ref),
        button(ids.Button.APPROVE, "Approve and send", ref, style="primary"),
        button(ids.Button.REQUEST_CHANGES, "Request changes", ref),
        button(ids.Button.WITHDRAW, "Withdraw", ref),
    ]


def _second_tries(now: Progress) -> list[ButtonElement]:
    ref = _ref(now.broadcast)
    doubts = [button(ids.Button.LEAVE, "Leave as is", ref), button(ids.Button.SEND_AGAIN, "Send again", ref)]
    failed = [button(ids.Button.RESEND_FAILED, "Resend failed", ref)]
    return [
        *(doubts if _asks_about_doubts(now) else []),
        *(failed if now.counts.get(DeliveryState.FAILED) else []),
    ]
