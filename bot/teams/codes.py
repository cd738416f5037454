"""Why a team or its settings are not found or not changed."""

from bot.errors import Code


class TeamCode(Code):
    NOT_FOUND = (
        "NOT_FOUND",
        "What this button or form belongs to is no longer there.",
        "Type /mailer.",
    )
    CHANGED = (
        "CHANGED",
        "Somebody else changed this while your form was open, so nothing of yours was saved.",
        "Here is how it stands now.",
    )
    FROM_NAME = "FROM_NAME"
    POSTAL_ADDRESS = "POSTAL_ADDRESS"
    APPROVAL_FROM = "APPROVAL_FROM"
    NO_APPROVERS = "NO_APPROVERS"
    POLICY = "POLICY"
    COLOUR = ("COLOUR", "That is no colour: type # and six digits or letters, as in #14532d.")
    FOOTER_WORDS = "FOOTER_WORDS"
