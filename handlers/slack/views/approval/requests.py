"""A request for approval: its review, the note with which it goes back, and what is said under its message."""

from collections.abc import Mapping, Sequence

from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View

from bot.broadcast.approval.rules import ends_at
from bot.broadcast.draft import Prepared
from bot.broadcast.drafts import Change
from bot.wording import duration
from handlers.slack import ids
from handlers.slack.text import actor, esc, mention, when
from handlers.slack.views.blocks import Message, button, buttons, field, form, page, section, text_message, verbatim
from handlers.slack.views.confirmations import facts_blocks, ticks_blocks
from handlers.slack.views.drafts import names_of
from storage import Audit, Broadcast, BroadcastState

REVIEW_TITLE = "Review"
APPROVE_TITLE = "Approve and send"
CHANGES_TITLE = "Request changes"
NOTE_LIMIT = 1_000
_AWAY = "Mailroom had no access to Amazon SES, or was out of reach here"


def review_view(
    prepared: Prepared, ref: ids.Ref, changes: Sequence[Change], *, approves: bool, unticked: Sequence[str]
) -> View:
    """Show what is to be approved. `approves`: this person may; `unticked` is what nobody has agreed to yet."""
    broadcast = prepared.broadcast
    blocks: list[Block] = [
        section(f"{actor(broadcast.asked_by)} asks for approval."),
        *([verbatim(f"Changed since the last request: {names_of(changes)}.")] if changes else []),
        *facts_blocks(prepared, ref),
        buttons(button(ids.Button.MAIL_ME_ONE, "Mail me one", ref), button(ids.Button.SEE_IT, "See it", ref)),
    ]
    if not approves:
        return page(REVIEW_TITLE, blocks)
    open_ticks = [code for code in prepared.readiness.confirmations if code in unticked]
    blocks += ticks_blocks(prepared.readiness, ref, open_ticks)
    return form(ids.Form.APPROVE, REVIEW_TITLE, blocks, submit="Approve and send", ref=ref)


def approved_page(broadcast: Broadcast) -> View:
    if broadcast.state is BroadcastState.AWAITING_APPROVAL:
        text = "Approved. Somebody else must approve it, too, before it is sent."
    else:
        text = "Approved. The channel shows how it goes; *Undo* is there until it starts."
    return page(APPROVE_TITLE, [section(f":white_check_mark: {text}")])


def asked_page(broadcast: Broadcast, seconds: float) -> View:
    return page(
        "Approval asked",
        [
            section(
                f":raised_hand: “{esc(broadcast.subject, 200)}” waits for approval: the channel has the request. "
                f"Without it, it is a draft again in {duration(seconds)}."
            )
        ],
    )


def request_changes_form(ref: ids.Ref) -> View:
    note = field(ids.Input.NOTE, "What should change", multiline=True, max_length=NOTE_LIMIT)
    return form(ids.Form.REQUEST_CHANGES, CHANGES_TITLE, [note], submit="Send back", ref=ref)


def sent_back_page() -> View:
    return page(CHANGES_TITLE, [section(":white_check_mark: It is a draft again, and your note is in its thread.")])


def step_message(entry: Audit, broadcast: Broadcast, names: Mapping[str, str]) -> Message:
    """Say under the message of a request what became of it, or that it is one again; `names` are of API tokens."""
    who, subject = actor(entry.actor, names), esc(broadcast.subject, 200)
    match entry.action:
        case "broadcast.ask":
            return text_message(
                f":raised_hand: {who} asks again for approval of “{subject}”. {approvers_named(broadcast)}"
            )
        case "broadcast.request_changes":
            note = esc(str(entry.after.get("note", "")), NOTE_LIMIT)
            return text_message(f":leftwards_arrow_with_hook: {who} asks for changes, so it is a draft again:\n{note}")
        case "broadcast.withdraw":
            return text_message(f":leftwards_arrow_with_hook: {who} withdrew the request, so it is a draft again.")
    held = int(entry.after.get("held_seconds", 0))
    away = f" For {duration(held)} of it nobody could: {_AWAY}." if held else ""
    return text_message(
        f":hourglass: Nobody approved “{subject}” in time, so nothing was sent and it is a draft again.{away}"
    )


def reminder_message(request: Broadcast) -> Message:
    return text_message(
        f":hourglass_flowing_sand: “{esc(request.subject, 200)}” still waits for approval. {approvers_named(request)} "
        f"Otherwise it is a draft again {when(ends_at(request))}."
    )


def goes_on_message(request: Broadcast) -> Message:
    """Say on return how long the clock of a request stood."""
    return text_message(
        f":hourglass_flowing_sand: “{esc(request.subject, 200)}” still waits for approval. For "
        f"{duration(request.held_seconds)} nobody could give it: {_AWAY}. That time does not count: without approval "
        f"it is a draft again {when(ends_at(request))}."
    )


def approvers_missing_message(request: Broadcast, admins: Sequence[str]) -> Message:
    """Name who can change it: the appointed admins, beside those of the workspace."""
    named = "".join(f", {mention(user)}" for user in admins)
    return text_message(
        f":warning: Too few people are left in this channel who could approve “{esc(request.subject, 200)}”. "
        f"Team admins can name others in `/mailer settings`: owners and admins of the workspace{named}."
    )


def approvers_named(request: Broadcast) -> str:
    who = ", ".join(map(mention, request.asked_of)) or "Team admins"
    return f"{who} can approve it."
