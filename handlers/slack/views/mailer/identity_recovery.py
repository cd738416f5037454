"""Retrying and replacing an identity that failed: the form, and what came of it."""

from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View

from bot.mailer.identities.recovery import RetryOutcome
from bot.mailer.identities.recovery_state import StaleActionError
from bot.mailer.identity_records import records_of
from handlers.slack import ids
from handlers.slack.text import esc, mention
from handlers.slack.views.blocks import Message, boxes, field, form, page, section, text_message
from handlers.slack.views.mailer.identities import identity_message, state_label
from storage import Identity, Mailer

REPLACE_TITLE = "Replace identity"
MOVE = "Move scheduled broadcasts and drafts to the new identity"
REMOVE = "Remove the old identity at AWS, too"


def replace_form(ref: ids.Ref, old: Identity, *, moves: bool, asks: bool, typed: str = "", notice: str = "") -> View:
    """The form; with `moves` broadcasts wait to be sent from the old one, with `asks` others may use it."""
    ticks: list[Block] = []
    if moves:
        ticks.append(
            boxes(ids.Input.MOVE_BROADCASTS, MOVE, {"yes": MOVE}, hint="Otherwise they are paused.", optional=True)
        )
    if asks:
        hint = "It was in the AWS account before Mailroom, or another channel uses it. Otherwise it is left there."
        ticks.append(boxes(ids.Input.REMOVE_OLD, REMOVE, {"yes": REMOVE}, hint=hint, optional=True))
    return form(
        ids.Form.REPLACE_IDENTITY,
        REPLACE_TITLE,
        [
            section(f"*{esc(old.name)}* {state_label(old)}. What do you want to send from instead?"),
            field(
                ids.Input.IDENTITY,
                "Email address or domain",
                initial=typed,
                placeholder="example.com or hello@example.com",
                max_length=320,
            ),
            *ticks,
        ],
        submit="Replace identity",
        ref=ref,
        notice=notice,
    )


def retried_message(result: RetryOutcome) -> Message:
    """Answer the person who pressed; the next step is in the channel."""
    name = esc(result.identity.name)
    if not result.again:
        return text_message(f":information_source: *{name}* {state_label(result.identity)}, so it was left as it is.")
    return text_message(f":repeat: *{name}* was created again at AWS. What to do for it now stands in the channel.")


def replaced_page(old_name: str, new: Identity, mailer: Mailer) -> View:
    """The identity that waits now, with its DNS records."""
    message = identity_message(new, records_of(new, mailer.region))
    told = section(f"*{esc(new.name)}* takes the place of *{esc(old_name)}*; the channel has been told too.")
    return page(REPLACE_TITLE, [told, *message.blocks])


def too_late_message(error: StaleActionError) -> Message:
    """Somebody was faster, or the button is older than what happened since."""
    who = f" ({mention(error.by)} did it.)" if error.by else ""
    return text_message(f":information_source: {esc(error.text)}{who}")
