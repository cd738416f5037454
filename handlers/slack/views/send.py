"""Writing a test or a broadcast, and the confirmation before anything goes out."""

from collections.abc import Mapping, Sequence
from typing import Any

from slack_sdk.models.blocks import Block, DateTimePickerElement, RichTextInputElement
from slack_sdk.models.blocks.block_elements import FileInputElement
from slack_sdk.models.views import View

from bot.broadcast.plan import Draft, Prepared
from bot.mailer.sentences import explain
from handlers.slack import ids
from handlers.slack.text import clean, count, duration, esc, when
from handlers.slack.views.common import context, field, form, labelled, page, section

TEST_TITLE = "Send a test"
BROADCAST_TITLE = "New broadcast"
SUBJECT_LIMIT = 300
REJECTED_SHOWN = 15
SAMPLE_SHOWN = 600


def write_test_form(ref: ids.Ref, draft: Draft, *, to: str, hint: str, notice: str = "") -> View:
    return form(
        ids.Form.SEND_TEST,
        TEST_TITLE,
        [
            field(ids.Input.FROM, "From", initial=draft.from_address, hint=hint, max_length=320),
            field(
                ids.Input.TO,
                "To",
                initial=to,
                hint="Up to 50 addresses, with commas between. success@simulator.amazonses.com always works.",
                multiline=True,
            ),
            field(ids.Input.SUBJECT, "Subject", initial=draft.subject, max_length=SUBJECT_LIMIT),
            _message(draft.body),
        ],
        submit="Send test",
        ref=ref,
        notice=notice,
    )


def write_broadcast_form(
    ref: ids.Ref, draft: Draft, *, hint: str, send_at: int | None = None, notice: str = ""
) -> View:
    return form(
        ids.Form.NEW_BROADCAST,
        BROADCAST_TITLE,
        [
            field(ids.Input.FROM, "From", initial=draft.from_address, hint=hint, max_length=320),
            field(
                ids.Input.REPLY_TO,
                "Reply-to",
                initial=draft.reply_to,
                hint="Where answers go; empty: to From.",
                optional=True,
                max_length=320,
            ),
            field(ids.Input.SUBJECT, "Subject", initial=draft.subject, max_length=SUBJECT_LIMIT),
            field(
                ids.Input.PREHEADER,
                "Preheader",
                initial=draft.preheader,
                hint="The line that mail programs show after the subject.",
                optional=True,
                max_length=SUBJECT_LIMIT,
            ),
            _message(draft.body),
            labelled(
                ids.Input.AUDIENCE,
                "Audience CSV",
                FileInputElement(action_id=ids.Input.AUDIENCE, filetypes=["csv", "txt", "tsv"], max_files=1),
                hint="A CSV with a column of addresses; every other column can be used as {{column}} in the text.",
            ),
            labelled(
                ids.Input.SEND_AT,
                "Send at",
                DateTimePickerElement(action_id=ids.Input.SEND_AT, initial_date_time=send_at),
                hint="Empty: now, after you have confirmed.",
                optional=True,
            ),
        ],
        submit="Next",
        ref=ref,
        notice=notice,
    )


def confirmation(prepared: Prepared, ref: ids.Ref, *, one_click: bool) -> View:
    """Show the numbers, what was rejected, how it reads, and what it does to the quota; nothing has gone out yet."""
    broadcast = prepared.broadcast
    blocks: list[Block] = [
        section(
            f"*{count(broadcast.size - prepared.suppressed, 'recipient')}* will get “{esc(broadcast.subject, 200)}” "
            f"from {esc(broadcast.from_address)}."
        ),
        section(_counts(prepared)),
        *_rejected(prepared.audience.rejected, prepared.audience.invalid + prepared.audience.duplicates),
        *(section(f":warning: {esc(notice.sentence)}") for notice in explain(prepared.readiness)),
        section(_timing(prepared)),
        *_samples(prepared),
    ]
    if not one_click:
        blocks.append(
            context(
                ":warning: This Mailroom has no public address, so “unsubscribe” writes to your reply address. "
                "Nobody sees those here: record each with `/mailer suppress`."
            )
        )
    scheduled = broadcast.start_at is not None
    return form(
        ids.Form.CONFIRM_BROADCAST, "Check and send", blocks, submit="Schedule" if scheduled else "Send now", ref=ref
    )


def confirmed(seconds: float, *, scheduled: bool) -> View:
    first = (
        "It is scheduled." if scheduled else f"It starts in {duration(seconds)}; *Undo* is in the channel until then."
    )
    return page("On its way", [section(f":white_check_mark: {first} The channel shows how it goes.")])


def test_sent(addresses: int) -> View:
    return page(
        TEST_TITLE,
        [section(f":white_check_mark: The test is on its way to {count(addresses, 'address', 'addresses')}.")],
    )


def _message(body: Mapping[str, Any]) -> Block:
    return labelled(
        ids.Input.MESSAGE,
        "Message",
        RichTextInputElement(action_id=ids.Input.MESSAGE, initial_value=dict(body) or None),
        hint="{{first_name}} is filled from a column of the CSV; {{first_name|there}} has a fallback.",
    )


def _counts(prepared: Prepared) -> str:
    audience = prepared.audience
    lines = [f"• {count(audience.size, 'address', 'addresses')} in the file"]
    if audience.duplicates:
        lines.append(f"• {count(audience.duplicates, 'duplicate')} left out")
    if audience.invalid:
        lines.append(f"• {count(audience.invalid, 'invalid row')} left out")
    if prepared.suppressed:
        lines.append(f"• {count(prepared.suppressed, 'suppressed address', 'suppressed addresses')} left out")
    return "\n".join(lines)


def _rejected(rejected: Sequence[dict[str, Any]], total: int) -> list[Block]:
    if not rejected:
        return []
    lines = [f"line {row['line']}: {esc(str(row['value']), 60)} {esc(str(row['why']), 100)}" for row in rejected]
    more = total - len(lines[:REJECTED_SHOWN])
    shown = "\n".join(lines[:REJECTED_SHOWN]) + (f"\nand {count(more, 'more row')}" if more > 0 else "")
    return [section(f"*Left out*\n{shown}")]


def _timing(prepared: Prepared) -> str:
    start = prepared.broadcast.start_at
    begins = f"Starts {when(start)}. " if start else ""
    if prepared.readiness.duration is None:
        return f"{begins}How long it takes cannot be told."
    return f"{begins}It takes about {duration(prepared.readiness.duration.total_seconds())}."


def _samples(prepared: Prepared) -> list[Block]:
    return [
        section(
            f"*To {esc(sample.address)}*\n{esc(sample.subject, 200)}\n>"
            + esc(clean(sample.text.rstrip(), SAMPLE_SHOWN)).replace("\n", "\n>")
        )
        for sample in prepared.samples
    ]
