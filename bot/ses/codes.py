"""Why Amazon SES is out of reach."""

from bot.errors import Code


class SesCode(Code):
    NO_ANSWER = "NO_ANSWER"
