"""What an error of AWS means for a person, and what to do about it."""

from bot.errors import BotError, Code
from bot.ses.errors import ASSUME_ROLE, ErrorKind, SesError

_IN_A_MINUTE = "Please try again in a minute."
_OTHER = "AWS refused this: {text}", "Please try again; the AWS console shows more."


class AwsCode(Code):
    """One code for each `ErrorKind`. `{action}` and `{text}` are what AWS named and said."""

    AWS_ACCESS = (
        "AWS_ACCESS",
        "AWS no longer accepts the credentials.",
        "A team admin can reconnect with /mailer reconnect.",
    )
    AWS_MISSING_ACTION = (
        "AWS_MISSING_ACTION",
        "The policy in AWS does not allow {action}.",
        "Add it in IAM, then try again.",
    )
    AWS_PRINCIPAL = (
        "AWS_PRINCIPAL",
        "Mailroom's own AWS credentials do not work.",
        "The operator of Mailroom must replace them.",
    )
    AWS_THROTTLED = "AWS_THROTTLED", "AWS is asking us to slow down.", _IN_A_MINUTE
    AWS_UNAVAILABLE = "AWS_UNAVAILABLE", "AWS did not answer.", _IN_A_MINUTE
    AWS_NOT_SENT = "AWS_NOT_SENT", "AWS could not be reached.", _IN_A_MINUTE
    AWS_LIMIT = (
        "AWS_LIMIT",
        "The AWS account has reached a limit of its own: {text}",
        "Free some, or ask AWS for more.",
    )
    AWS_BAD_REQUEST = "AWS_BAD_REQUEST", "AWS does not take this: {text}", "Please correct it and try again."
    AWS_NOT_FOUND = "AWS_NOT_FOUND", "AWS no longer has this.", "Type /mailer to see how things stand."
    AWS_EXPIRED = "AWS_EXPIRED", *_OTHER
    AWS_CLOCK_SKEW = "AWS_CLOCK_SKEW", *_OTHER
    AWS_NOT_SIGNED_UP = "AWS_NOT_SIGNED_UP", *_OTHER
    AWS_REGION_OFF = "AWS_REGION_OFF", *_OTHER
    AWS_SUSPENDED = "AWS_SUSPENDED", *_OTHER
    AWS_PAUSED = "AWS_PAUSED", *_OTHER
    AWS_IDENTITY = "AWS_IDENTITY", *_OTHER
    AWS_QUOTA = "AWS_QUOTA", *_OTHER
    AWS_RATE = "AWS_RATE", *_OTHER
    AWS_REJECTED = "AWS_REJECTED", *_OTHER
    AWS_EXISTS = "AWS_EXISTS", *_OTHER
    AWS_CONFLICT = "AWS_CONFLICT", *_OTHER


_ROLE_LOST = (
    "The role no longer lets Mailroom in.",
    "A team admin can mend its trust policy in AWS, or reconnect with /mailer reconnect.",
)


def access_lost(action: str) -> tuple[str, str]:
    """Say what a loss of access means, and what mends it, by the action that AWS refused (`Mailer.access_action`)."""
    return _ROLE_LOST if action == ASSUME_ROLE else (AwsCode.AWS_ACCESS.sentence, AwsCode.AWS_ACCESS.next_step)


def explain(error: SesError, *, field: str = "") -> BotError:
    """Put what AWS said into a sentence and a next step."""
    code = AwsCode[f"AWS_{error.kind.name}"]
    sentence, next_step = code.sentence, code.next_step
    if error.kind is ErrorKind.ACCESS:
        sentence, next_step = access_lost(error.action)
    sentence = sentence.format(action=error.action or "this", text=error.text or error.code)
    return BotError(code, sentence, next_step, field=field)
