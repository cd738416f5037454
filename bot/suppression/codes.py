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
    CONSENT_TOO_OLD = (
        "CONSENT_TOO_OLD",
        "They unsubscribed after that, so it no longer counts.",
        "Give the time at which they asked for your mail again.",
    )
    CONSENT_IN_FUTURE = (
        "CONSENT_IN_FUTURE",
        "That time is still to come.",
        "Give the time at which they asked for your mail again.",
    )
