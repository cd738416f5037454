"""Why a mailer cannot be used."""

from bot.errors import Code


class MailerCode(Code):
    NO_MAILER = "NO_MAILER"
    CHANGED = (
        "CHANGED",
        "The mailer was deleted or reconnected while this form was open, so nothing was done.",
        "Type /mailer to see how it stands now.",
    )
    ACCESS_LOST = "ACCESS_LOST"
