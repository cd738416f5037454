"""Why a token is not made, or a request not answered a second time."""

from bot.errors import Code


class ApiCode(Code):
    KEY_REUSED = (
        "KEY_REUSED",
        "This Idempotency-Key came with another request before.",
        "Use a new one.",
    )
    ANSWERED = (
        "ANSWERED",
        "A request with this Idempotency-Key was answered at the same moment.",
    )
    TOKENS_CHANGED = (
        "ALREADY",
        "A token was made or revoked meanwhile, so none was made now.",
        "Look again.",
    )
    TOO_MANY_TOKENS = "TOO_MANY_TOKENS"
    TOKEN_NAME = "TOKEN_NAME"  # noqa: S105 - the code of an error
    TOKEN_SCOPES = ("TOKEN_SCOPES", "Choose at least one scope.")
    TOKEN_END = ("TOKEN_END", "Choose a day from today on, within ten years, or none.")
