"""Why an identity is not added or changed."""

from bot.errors import Code


class IdentityCode(Code):
    NOTHING_TO_DECIDE = (
        "NOTHING_TO_DECIDE",
        "There is nothing to decide about this any more.",
        "Type /mailer to see how things stand.",
    )
    EXISTS = "EXISTS"
    NOT_FOUND = (
        "NOT_FOUND",
        "This identity is no longer here.",
        "Type /mailer to see which ones are.",
    )
    SAME_NAME = "SAME_NAME"
    ASK_FIRST = "ASK_FIRST"
    UNDER_WAY = "UNDER_WAY"
    STALE_ACTION = "ALREADY"
