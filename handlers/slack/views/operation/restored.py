"""The question after a restore: what was lost, what is held, and whether it goes on."""

from collections.abc import Sequence

from slack_sdk.models.blocks import Block

from bot.errors import BotError
from bot.wording import count, duration
from handlers.slack import ids
from handlers.slack.text import esc, mention, when
from handlers.slack.views.blocks import Message, button, buttons, context, section
from handlers.slack.views.broadcast_message import cancel_button
from storage import Broadcast, Restoration

SHOWN = 5
_UNTIL = (
    "Until then nothing is sent, from here or by a program. Cancel what must not go on, and press *Go on*. "
    "Whoever may have been mailed since is in doubt and stays unmailed; each broadcast asks about them at its end."
)


def question_message(restoration: Restoration, held: Sequence[Broadcast]) -> Message:
    """Ask once for the whole channel; once it is answered, say by whom."""
    ago = duration((restoration.restored_at - restoration.copied_at).total_seconds())
    text = f"Mailroom was restored from {ago} ago: go on or cancel?"
    blocks: list[Block] = [
        section(
            f":rewind: *Mailroom was restored from {ago} ago: go on or cancel?*\n"
            f"Its database is as it was on {when(restoration.copied_at)}; what came since is lost: drafts, audiences, "
            f"settings, reports. {_suppressions(restoration)}"
        )
    ]
    if restoration.answered_by:
        blocks.append(context(f"{mention(restoration.answered_by)} let everything go on."))
        return Message(text, blocks)
    for broadcast in held[:SHOWN]:
        what = f"“{esc(broadcast.subject, 200)}” to {count(broadcast.size, 'recipient')} is held."
        blocks += [section(what), buttons(cancel_button(broadcast))]
    if len(held) > SHOWN:
        blocks.append(section(f"{len(held) - SHOWN:,} more are held: `/broadcast list` has them."))
    go_on = button(ids.Button.GO_ON_RESTORED, "Go on", ids.Ref(restoration.team_id), style="primary")
    return Message(text, [*blocks, section(_UNTIL), buttons(go_on)])


def went_on_message(refused: Sequence[tuple[Broadcast, BotError]]) -> Message:
    """Tell who pressed *Go on* what cannot go on yet."""
    lines = [f"“{esc(broadcast.subject, 100)}” still waits: {esc(error.text, 300)}" for broadcast, error in refused]
    return Message("Not everything can go on yet", [section("\n".join(lines[:SHOWN]))])


def _suppressions(restoration: Restoration) -> str:
    again = "Amazon SES's own list of bounces and complaints is being read again."
    if restoration.journal:
        back = count(restoration.returned, "suppression", "suppressions")
        return f"{back} since came back from the journal: who unsubscribed, complained or was erased. {again}"
    return f"*Whoever unsubscribed or was erased since is not on the list any more.* {again}"
