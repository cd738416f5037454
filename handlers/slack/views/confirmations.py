"""*Check and send*: the numbers, how it reads, what it costs, and a tick for each thing to agree to; then it goes."""

from collections.abc import Sequence
from decimal import Decimal

from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View

from bot.broadcast.audience.header_detection import Candidate
from bot.broadcast.audience.selection.selection import Selection
from bot.broadcast.content.warnings import Remark, RemarkCode
from bot.broadcast.draft import Prepared
from bot.errors import BotError
from bot.mailer.readiness.explanations import NextStep, explanation, warnings
from bot.mailer.readiness.rules import Confirmation, Readiness
from bot.ses.prices import PRICES_OF
from bot.wording import count, duration, size
from handlers.slack import ids
from handlers.slack.text import chosen, clean, esc
from handlers.slack.views.blocks import Message, boxes, button, buttons, context, form, menu, page, section, verbatim
from handlers.slack.views.selection.counts import selected_lines
from storage import Broadcast, BroadcastState

CHECK_TITLE = "Check and send"
REJECTED_SHOWN = 15
SAMPLE_SHOWN = 600
OPTION_VALUE = 150  # characters, which is Slack's limit
LEAVE_OUT = "Leave out rows marked unsubscribed or cleaned"
_CENT = Decimal("0.01")
INPUTS = {
    Confirmation.OVER_QUOTA: ids.Input.OVER_QUOTA,
    Confirmation.NO_ONE_CLICK: ids.Input.NO_ONE_CLICK,
    Confirmation.NO_DMARC: ids.Input.NO_DMARC,
    Confirmation.LARGE_IMAGES: ids.Input.LARGE_IMAGES,
}
_TICKS = {
    Confirmation.OVER_QUOTA: ("Over the daily quota", "Send it over days"),
    Confirmation.NO_ONE_CLICK: ("No one-click unsubscribe", "Send it without"),
    Confirmation.NO_DMARC: ("No DMARC", "Send it without"),
    Confirmation.LARGE_IMAGES: ("Large images", "Send them"),
}


def confirmation_form(prepared: Prepared, ref: ids.Ref, *, one_click: bool, list_sent: bool = False) -> View:
    """Show the numbers, what was rejected, how it reads, and what it does to the quota; nothing has gone out yet.

    `list_sent`: the person has the whole list of what was rejected in a direct message.
    """
    blocks: list[Block] = [
        *facts_blocks(prepared, ref, [*_choices(prepared), *_rejected(prepared, list_sent=list_sent)]),
        buttons(
            button(ids.Button.BACK, "Back", ref),
            button(ids.Button.MAIL_ME_ONE, "Mail me one", ref),
            button(ids.Button.SEE_IT, "See it", ref),
        ),
        *ticks_blocks(prepared.readiness, ref, prepared.readiness.confirmations),
    ]
    if not one_click:
        blocks.append(
            context(
                ":warning: This Mailroom has no public address, so “unsubscribe” writes to your reply address. "
                "Nobody sees those here: record each with `/mailer suppress`."
            )
        )
    if prepared.needs_approval:
        return form(ids.Form.ASK_FOR_APPROVAL, CHECK_TITLE, blocks, submit="Ask for approval", ref=ref)
    scheduled = prepared.broadcast.start_at is not None
    return form(
        ids.Form.CONFIRM_BROADCAST, CHECK_TITLE, blocks, submit="Schedule" if scheduled else "Send now", ref=ref
    )


def facts_blocks(prepared: Prepared, ref: ids.Ref, reading: Sequence[Block] = ()) -> list[Block]:
    """Say to how many it goes, what should be known of it, and how it reads; `reading` is how the file was read."""
    broadcast = prepared.broadcast
    return [
        verbatim(
            f"{count(broadcast.size - prepared.suppressed, 'recipient')} will get “{broadcast.subject}” "
            f"from {broadcast.from_address}."
        ),
        verbatim(_counts(prepared)),
        *reading,
        *(section(f":warning: {esc(notice.sentence)}") for notice in warnings(prepared.readiness)),
        *(_remark(each, ref) for each in prepared.remarks),
        *([section(timing)] if (timing := _timing(prepared)) else []),
        *_cost(prepared),
        *_samples(prepared),
    ]


def not_read_again_page(broadcast: Broadcast, error: BotError) -> View:
    """Say why a file was not read in another way; a page of its own, since Slack keeps what was chosen in the form."""
    blocks: list[Block] = [section(f":warning: {esc(error.text)}")]
    if broadcast.state is BroadcastState.DRAFT:
        ref = ids.Ref(broadcast.team_id, broadcast.id, broadcast.version)
        blocks.append(section("The audience is as it was read before."))
        blocks.append(buttons(button(ids.Button.CHECK_DRAFT, CHECK_TITLE, ref, style="primary")))
    return page(CHECK_TITLE, blocks)


def draft_waits_message(prepared: Prepared, ref: ids.Ref) -> Message:
    """For somebody who closed the form while the audience was read."""
    what = f"The audience of “{esc(prepared.broadcast.subject, 200)}” is read. Nothing is sent before you confirm."
    return Message(what, [section(what), buttons(button(ids.Button.CHECK_DRAFT, CHECK_TITLE, ref, style="primary"))])


def confirmed_page(seconds: float, *, scheduled: bool) -> View:
    first = (
        "It is scheduled." if scheduled else f"It starts in {duration(seconds)}; *Undo* is in the channel until then."
    )
    return page("On its way", [section(f":white_check_mark: {first} The channel shows how it goes.")])


def _cost(prepared: Prepared) -> list[Block]:
    """Say what the images weigh, and what it all costs; where that is not known, a warning says so."""
    blocks: list[Block] = []
    if images := prepared.images:
        of_them = f", {_dollars(images.cost)}" if images.cost is not None else ""
        what = (
            f"{count(images.count, 'image')}, {size(images.bytes_a_mail)} a mail, about {size(images.bytes)}{of_them}"
        )
        blocks.append(section(f"{what}."))
    if prepared.cost is not None:
        all_of_it = _dollars(prepared.cost).capitalize()
        blocks.append(section(f"{all_of_it} at Amazon SES, by its prices of {PRICES_OF:%d %B %Y}."))
    return blocks


def _dollars(cost: Decimal) -> str:
    return f"about ${cost:,.2f}" if cost >= _CENT else "less than $0.01"


def ticks_blocks(answer: Readiness, ref: ids.Ref, codes: Sequence[Confirmation]) -> list[Block]:
    """Say of each of these confirmations what it is about, and ask for its tick."""
    said = [explanation(code, answer) for code in codes]
    blocks: list[Block] = []
    for code, each in zip(codes, said, strict=True):
        label, agree = _TICKS[code]
        blocks += [section(f":warning: {esc(each.sentence)}"), boxes(INPUTS[code], label, {"yes": agree})]
    if any(each.step is NextStep.SENDER_RULES for each in said):
        blocks.append(buttons(button(ids.Button.SET_UP, "Set it up", ref)))
    return blocks


def _counts(prepared: Prepared) -> str:
    audience = prepared.source
    where = f"in the saved audience “{audience.name}”" if audience.name else "in the file"
    lines = [f"• {count(audience.size, 'address', 'addresses')} {where}"]
    if audience.duplicates:
        lines.append(f"• {count(audience.duplicates, 'duplicate')} left out")
    if audience.invalid:
        lines.append(f"• {count(audience.invalid, 'invalid row')} left out")
    marked = prepared.summary.marked
    if marked.rows and not marked.kept:
        lines.append(f"• {count(marked.rows, 'marked row')} left out")
    if prepared.summary.columns_left_out:
        lines.append(f"• {count(prepared.summary.columns_left_out, 'column')} left out")
    selection = Selection.from_json(prepared.broadcast.selection)
    lines += [f"• {line}" for line in selected_lines(selection, prepared.selected)]
    if prepared.suppressed:
        lines.append(f"• {count(prepared.suppressed, 'suppressed address', 'suppressed addresses')} left out")
    return "\n".join(lines)


def _choices(prepared: Prepared) -> list[Block]:
    """Offer to read the file in another way, where there is one."""
    summary, blocks = prepared.summary, list[Block]()
    blocks += [verbatim(said) for said in (summary.sheet, summary.header) if said]
    if not prepared.source.file_id:
        return blocks
    options = {each.choice: _column(each) for each in summary.candidates if len(each.choice) <= OPTION_VALUE}
    if options:
        hint = "Another choice reads the file again."
        blocks.append(
            menu(ids.Input.ADDRESS_COLUMN, "Address column", options, summary.choice, hint=hint, at_once=True)
        )
    if summary.marked.rows:
        ticked = () if summary.marked.kept else ("yes",)
        tick = {"yes": LEAVE_OUT}
        blocks.append(boxes(ids.Input.LEAVE_OUT, "Marked rows", tick, ticked, optional=True, at_once=True))
    return blocks


def _column(candidate: Candidate) -> str:
    return f"{candidate.title} ({candidate.example})" if candidate.example else candidate.title


def _remark(remark: Remark, ref: ids.Ref) -> Block:
    has_list = remark.code is RemarkCode.FIELD_GAPS
    shows = button(ids.Button.SHOW_MISSING, "Show them", ref) if has_list else None
    return verbatim(f"⚠️ {remark.sentence}", accessory=shows)


def _rejected(prepared: Prepared, *, list_sent: bool) -> list[Block]:
    audience, marked = prepared.source, prepared.summary.marked
    shown = audience.rejected[:REJECTED_SHOWN]
    if not shown:
        return []
    lines = [rejected_row(**row) for row in shown]
    left_out = audience.invalid + audience.duplicates + (0 if marked.kept else marked.rows)
    if more := left_out - len(shown):
        lines.append(
            f"and {count(more, 'more row')}" + (": you have them all in a direct message" if list_sent else "")
        )
    return [section("*Left out*"), verbatim("\n".join(lines))]


def rejected_row(line: int, value: str, why: str) -> str:
    quoted = f"“{clean(value, 60)}” " if value else ""
    return f"line {line}: {quoted}{clean(why, 100)}"


def _timing(prepared: Prepared) -> str:
    start = prepared.broadcast.start_at
    begins = f"Starts {chosen(start)}. " if start else ""
    answer = prepared.readiness
    if answer.confirmations:  # which says how long
        return begins.rstrip()
    if answer.duration is None:
        return f"{begins}How long it takes cannot be told."
    left = answer.facts.quota_left if answer.facts else None
    quota = ""
    if left is not None and left >= answer.size:
        quota = f" It leaves {left - answer.size:,} of the daily quota; left now: {left:,}."
    return f"{begins}It takes about {duration(answer.duration.total_seconds())}.{quota}"


def _samples(prepared: Prepared) -> list[Block]:
    """Show how it reads, in exactly the characters that the mail has."""
    return [
        block
        for sample in prepared.samples
        for block in (
            section(f"*To {esc(sample.address)}*"),
            verbatim(f"{clean(sample.subject, 200)}\n\n{clean(sample.text.rstrip(), SAMPLE_SHOWN)}"),
        )
    ]
