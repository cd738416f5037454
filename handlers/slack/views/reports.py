"""After the sending: what to do about what failed or is in doubt, the list of recipients, the last broadcasts."""

from collections.abc import Sequence
from datetime import datetime

from slack_sdk.models.blocks import Block, ButtonElement, DividerBlock
from slack_sdk.models.views import View

from bot.broadcast.reporting.history import ReportPage
from bot.broadcast.reporting.progress import Progress
from bot.broadcast.resend import Resend
from bot.broadcast.transitions import ENDED
from bot.mailer.readiness.explanations import explain
from bot.wording import count, duration
from handlers.slack import ids
from handlers.slack.text import actor, esc, when
from handlers.slack.views.blocks import Message, button, buttons, context, form, header, page, section, text_message
from handlers.slack.views.broadcast_message import STATES, control_buttons, counts_in_words, use_again_button
from storage import Broadcast

RESEND_TITLE = "Resend failed"
AGAIN_TITLE = "Send again"


def resend_form(ref: ids.Ref, resend: Resend) -> View:
    """Ask before what failed is sent again: to how many, and why it failed."""
    first = f"*{count(resend.size, 'recipient')}* whose mail failed will get “{_subject(resend.broadcast)}” once more."
    why = [f"• {esc(reason, 200) or 'no reason given'} ({number:,})" for reason, number in resend.reasons]
    blocks = [section(first), section("\n".join(["*Why it failed, most often first*", *why]))]
    return form(ids.Form.RESEND_FAILED, RESEND_TITLE, [*blocks, *_consequences(resend)], submit="Resend", ref=ref)


def send_again_form(ref: ids.Ref, resend: Resend) -> View:
    """Ask before what is in doubt is sent again: how many might get it twice."""
    first = (
        f"*{count(resend.size, 'recipient')} might get “{_subject(resend.broadcast)}” twice.* Amazon SES may have "
        "mailed them already: the connection broke before it answered."
    )
    return form(
        ids.Form.SEND_AGAIN, AGAIN_TITLE, [section(first), *_consequences(resend)], submit="Send again", ref=ref
    )


def resending_page(title: str) -> View:
    return page(title, [section(":white_check_mark: It goes on. The channel shows how it goes.")])


def export_requested_message() -> Message:
    return text_message(
        ":inbox_tray: The list of recipients comes to you in a direct message; a long one takes a minute or two."
    )


def export_message(broadcast: Broadcast, rows: int, at: datetime) -> Message:
    """Say to the person what file follows."""
    return text_message(
        f":inbox_tray: The list of “{_subject(broadcast)}”, as of {when(at)}: {count(rows, 'recipient')}, one a line, "
        "with state, message ID and error. It holds personal data: delete it when you are done."
    )


def broadcasts_message(team_id: str, shown: ReportPage, *, replaces: bool) -> Message:
    """List some broadcasts, with what can be done about each; `replaces`: in the place of the page before."""
    if not shown.items:
        return text_message(
            ":outbox_tray: Nothing was broadcast from this channel yet: `/broadcast` writes the first one."
        )
    where = f", page {shown.number + 1} of {shown.pages}" if shown.pages > 1 else ""
    turning = [
        *([button(ids.Button.NEWER, "Newer", ids.Ref(team_id, version=shown.number - 1))] if shown.number else []),
        *([button(ids.Button.OLDER, "Older", ids.Ref(team_id, version=shown.number + 1))] if _has_more(shown) else []),
    ]
    blocks: list[Block] = [header("Broadcasts")]
    for item in shown.items:
        blocks += [section(_entry(item)), buttons(*_entry_buttons(item))]
    blocks += [DividerBlock(), context(f"Newest first{where}"), *([buttons(*turning)] if turning else [])]
    return Message(f"Broadcasts{where}", blocks, replaces=replaces)


def _subject(broadcast: Broadcast) -> str:
    return esc(broadcast.subject, 200)


def _consequences(resend: Resend) -> Sequence[Block]:
    """Show who is left out, and what it does to the quota."""
    blocks: list[Block] = []
    if resend.suppressed:
        left_out = count(resend.suppressed, "other is", "others are")
        blocks.append(section(f"{left_out} left out: they unsubscribed, complained or bounced since."))
    blocks += [section(f":warning: {esc(notice.sentence)}") for notice in explain(resend.readiness)]
    if resend.readiness.duration is not None and not resend.readiness.confirmations:  # which say how long
        blocks.append(context(f"It takes about {duration(resend.readiness.duration.total_seconds())}."))
    return blocks


def _has_more(shown: ReportPage) -> bool:
    return shown.number < shown.pages - 1


def _entry(item: Progress) -> str:
    broadcast = item.broadcast
    at = broadcast.finished_at or broadcast.started_at or broadcast.start_at or broadcast.created_at
    who = actor(broadcast.confirmed_by or broadcast.created_by, item.names)
    lines = [f"*{_subject(broadcast)}*", f"{STATES[broadcast.state]} · {count(broadcast.size, 'recipient')}"]
    if broadcast.started_at:
        lines.append(counts_in_words(item.counts))
    return "\n".join([*lines, f"{when(at)} · by {who}"])


def _entry_buttons(item: Progress) -> list[ButtonElement]:
    """Offer to steer it before it is over; what can be done after that stands under its report."""
    broadcast = item.broadcast
    show = button(ids.Button.SHOW, "Show", ids.Ref(broadcast.team_id, broadcast.id, broadcast.version))
    return [show, *([use_again_button(broadcast)] if broadcast.state in ENDED else control_buttons(item))]
