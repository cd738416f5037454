"""What AWS said to each permission, as a list of ticks."""

from collections.abc import Sequence

from slack_sdk.models.blocks import Block

from bot.ses.permission_check import ActionCheck, Outcome
from handlers.slack.text import code
from handlers.slack.views.blocks import section

ACTIONS_A_SECTION = 14  # keeps a section of ticks below Slack's 3,000 characters

_MARKS = {
    Outcome.OK: ":white_check_mark:",
    Outcome.MISSING: ":x:",
    Outcome.SKIPPED: ":heavy_minus_sign:",
    Outcome.UNKNOWN: ":grey_question:",
}
_WORDS = {
    Outcome.OK: "allowed",
    Outcome.MISSING: "missing",
    Outcome.SKIPPED: "checked when used",
    Outcome.UNKNOWN: "AWS did not say",
}


def ticks(steps: Sequence[ActionCheck]) -> list[Block]:
    lines = [
        f"{_MARKS[step.outcome]} {code(step.action)} {_WORDS[step.outcome]}{'' if step.required else ' (optional)'}"
        for step in steps
    ]
    return [section("\n".join(lines[at : at + ACTIONS_A_SECTION])) for at in range(0, len(lines), ACTIONS_A_SECTION)]
