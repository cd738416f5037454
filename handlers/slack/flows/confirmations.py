"""Whether a person has agreed to all that readiness asks them at that moment."""

from collections.abc import Iterable

from bot.errors import BotError
from bot.mailer.readiness.rules import Confirmation
from handlers.slack.codes import SlackCode
from handlers.slack.dispatch.interaction import Values
from handlers.slack.views.confirmations import INPUTS


def all_shown(values: Values, codes: Iterable[Confirmation]) -> bool:
    """Whether the form asked for all of them: what is true may have changed since it was drawn."""
    return all(INPUTS[code] in values for code in codes)


def check_ticked(values: Values, codes: Iterable[Confirmation]) -> None:
    """Raise BotError NOT_TICKED, in its field, for the first that is not agreed to."""
    for code in codes:
        if not values.ticked(INPUTS[code]):
            raise BotError(SlackCode.NOT_TICKED, field=INPUTS[code])
