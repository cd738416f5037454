"""Why an address stays as it is."""

from bot.errors import Code


class SuppressionCode(Code):
    NOT_FOUND = (
        "NOT_FOUND",
        "This address is not suppressed.",
    )
    SUPPRESSION_STAYS = (
        "SUPPRESSION_STAYS",
        "The recipient unsubscribed or complained, and that stays.",
    )
