"""Who of an audience gets a broadcast, as the form in which it is written asks for it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from slack_sdk.models.blocks import Block, StaticMultiSelectElement

from bot.broadcast.audience.saved import NAME_LIMIT
from bot.broadcast.audience.selection.filter import Filter
from handlers.slack import ids
from handlers.slack.text import clean
from handlers.slack.views.blocks import button, labelled, options_of, verbatim
from storage import Audience, Broadcast

FILTER_BLOCK: Final = "only_where"


@dataclass(frozen=True, slots=True)
class SelectionChoices:
    """What is chosen, by id, and what there is to choose from."""

    where: Filter | None = None
    also: Sequence[str] = ()
    leaves_out: Sequence[str] = ()
    leaves_out_got: Sequence[str] = ()
    saved: Sequence[Audience] = ()
    sent: Sequence[Broadcast] = ()


NOTHING_CHOSEN: Final = SelectionChoices()


def selection_fields(ref: ids.Ref, choices: SelectionChoices) -> list[Block]:
    """Ask for it; a menu without options is none that Slack would take."""
    saved = {audience.id: f"{clean(audience.name, NAME_LIMIT)} ({audience.size:,})" for audience in choices.saved}
    sent = {
        broadcast.id: f"{broadcast.started_at:%Y-%m-%d} {clean(broadcast.subject, 60)}" for broadcast in choices.sent
    }
    return [
        filter_block(ref, choices.where),
        *_menu(ids.Input.ALSO, "Also", saved, choices.also, "Everybody in these saved audiences gets it, too."),
        *_menu(ids.Input.EXCEPT, "Except", saved, choices.leaves_out, "Nobody in these saved audiences gets it."),
        *_menu(ids.Input.EXCEPT_GOT, "Except who got", sent, choices.leaves_out_got, "Broadcasts sent before."),
    ]


def filter_block(ref: ids.Ref, where: Filter | None) -> Block:
    """Say which rows of the audience are meant, and offer to change that."""
    says = f"Only those where {where}." if where else "Everybody in the audience."
    block = verbatim(says, accessory=button(ids.Button.ONLY_WHERE, "Only those where", ref))
    block.block_id = FILTER_BLOCK
    return block


def with_filter(view: Mapping[str, Any], ref: ids.Ref, where: Filter | None) -> dict[str, Any]:
    """Return a form, as Slack has it, with another filter in it."""
    sent = ("type", "callback_id", "title", "submit", "close", "private_metadata")
    blocks = [
        filter_block(ref, where).to_dict() if block.get("block_id") == FILTER_BLOCK else block
        for block in view["blocks"]
    ]
    return {name: view[name] for name in sent if view.get(name)} | {"blocks": blocks}


def _menu(name: ids.Input, label: str, given: Mapping[str, str], chosen: Iterable[str], hint: str) -> list[Block]:
    options = options_of(given)
    if not options:
        return []
    ticked = [options[key] for key in chosen if key in options]
    element = StaticMultiSelectElement(action_id=name, options=list(options.values()), initial_options=ticked or None)
    return [labelled(name, label, element, hint=hint, optional=True)]
