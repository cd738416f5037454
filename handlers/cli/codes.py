"""What `doctor` finds wrong."""

from bot.errors import Code


class CliCode(Code):
    PROXIES = (
        "PROXIES",
        (
            "PUBLIC_URL is set and HOST is of this machine only: a proxy stands in front, and the API takes all "
            "callers for one."
        ),
        "Set MAILROOM_PROXIES to how many proxies of yours there are.",
    )
    KEYS = (
        "KEYS",
        "The file with the keys, beside that of the database, is missing.",
        "Put its copy back.",
    )
    MAILERS_WITHOUT_ACCESS = "ACCESS_LOST"
    CHANNEL_WITHOUT_MAILER = "NO_MAILER"
    NO_CREDENTIALS = "NO_CREDENTIALS"
    NO_ANSWER = "NO_ANSWER"
