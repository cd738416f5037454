"""What a person must agree to before a broadcast goes out: a tick for each, beside what mends it; and what it costs."""

from decimal import Decimal

from slack_sdk.models.blocks import Block, CheckboxesElement, Option, PlainTextObject

from bot.broadcast.draft import Prepared
from bot.mailer.readiness.explanations import NextStep, explanation
from bot.mailer.readiness.rules import Confirmation, Readiness
from bot.ses.prices import PRICES_OF
from handlers.slack import ids
from handlers.slack.text import esc
from handlers.slack.views.blocks import button, buttons, labelled, section

_CENT = Decimal("0.01")
INPUTS = {
    Confirmation.OVER_QUOTA: ids.Input.OVER_QUOTA,
    Confirmation.NO_ONE_CLICK: ids.Input.NO_ONE_CLICK,
    Confirmation.NO_DMARC: ids.Input.NO_DMARC,
}
_TICKS = {
    Confirmation.OVER_QUOTA: ("Over the daily quota", "Send it over days"),
    Confirmation.NO_ONE_CLICK: ("No one-click unsubscribe", "Send it without"),
    Confirmation.NO_DMARC: ("No DMARC", "Send it without"),
}


def cost(prepared: Prepared) -> list[Block]:
    """Say what it costs; where that is not known, a warning says so."""
    if prepared.cost is None:
        return []
    dollars = f"About ${prepared.cost:,.2f}" if prepared.cost >= _CENT else "Less than $0.01"
    return [section(f"{dollars} at Amazon SES, by its prices of {PRICES_OF:%d %B %Y}.")]


def ticks(answer: Readiness, ref: ids.Ref) -> list[Block]:
    """Say of each confirmation what it is about, and ask for its tick."""
    said = [explanation(code, answer) for code in answer.confirmations]
    blocks: list[Block] = []
    for code, each in zip(answer.confirmations, said, strict=True):
        label, agree = _TICKS[code]
        tick = Option(value="yes", text=PlainTextObject(text=agree))
        boxes = CheckboxesElement(action_id=INPUTS[code], options=[tick])
        blocks += [section(f":warning: {esc(each.sentence)}"), labelled(INPUTS[code], label, boxes)]
    if any(each.step is NextStep.SENDER_RULES for each in said):
        blocks.append(buttons(button(ids.Button.SET_UP, "Set it up", ref)))
    return blocks
