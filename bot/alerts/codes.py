"""Why a click on an alert does nothing."""

from bot.errors import Code


class AlertCode(Code):
    NOT_FOUND = (
        "NOT_FOUND",
        "This alert is no longer there.",
        "Type /mailer to see how things stand.",
    )
    NOT_OPEN = "ALREADY"
