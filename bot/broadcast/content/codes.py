"""Why a message is not taken."""

from bot.errors import Code


class ContentCode(Code):
    SUBJECT_EMPTY = (
        "SUBJECT_EMPTY",
        "Type a subject.",
    )
    BODY_EMPTY = "BODY_EMPTY"
    MESSAGE_TOO_LARGE = "MESSAGE_TOO_LARGE"
    NOT_ONE_LINE = "NOT_ONE_LINE"
    TOO_LONG = "TOO_LONG"
    UNKNOWN_FIELD = "UNKNOWN_FIELD"
    FIELD_SPLIT = "FIELD_SPLIT"
    FIELD_SYNTAX = "FIELD_SYNTAX"
    LINK_REFUSED = "LINK_REFUSED"
    HTML_TOO_LARGE = "HTML_TOO_LARGE"
    HTML_UNREADABLE = "HTML_UNREADABLE"
