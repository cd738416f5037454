"""Whether a person has agreed to all that readiness asks them at that moment."""

from bot.errors import BotError
from bot.mailer.readiness.rules import Readiness
from handlers.slack.codes import SlackCode
from handlers.slack.dispatch.interaction import Values
from handlers.slack.views.confirmations import INPUTS


def all_shown(values: Values, answer: Readiness) -> bool:
    """Whether the form asked for all of it: what is true may have changed since it was drawn."""
    return all(INPUTS[code] in values for code in answer.confirmations)


def check_ticked(values: Values, answer: Readiness) -> None:
    """Raise BotError NOT_TICKED, in its field, for the first that is not agreed to."""
    for code in answer.confirmations:
        if not values.ticked(INPUTS[code]):
            raise BotError(SlackCode.NOT_TICKED, field=INPUTS[code])
