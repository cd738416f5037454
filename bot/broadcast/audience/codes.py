"""Why a file, or a saved audience, is not taken."""

from bot.errors import Code


class AudienceCode(Code):
    AUDIENCE_NOT_CSV = "AUDIENCE_NOT_CSV"
    AUDIENCE_QUOTE = "AUDIENCE_QUOTE"
    AUDIENCE_EMPTY = (
        "AUDIENCE_EMPTY",
        "The file is empty: upload a CSV with a column of addresses.",
    )
    AUDIENCE_TOO_MANY_ROWS = "AUDIENCE_TOO_MANY_ROWS"
    AUDIENCE_NO_ADDRESS_COLUMN = "AUDIENCE_NO_ADDRESS_COLUMN"
    AUDIENCE_AMBIGUOUS = "AUDIENCE_AMBIGUOUS"
    AUDIENCE_HEADER_ONLY = (
        "AUDIENCE_HEADER_ONLY",
        "The file has a header and no rows: add the recipients below it.",
    )
    AUDIENCE_TOO_MANY_COLUMNS = "AUDIENCE_TOO_MANY_COLUMNS"
    UNKNOWN_COLUMN = "UNKNOWN_COLUMN"
    FILTER_VALUE = "FILTER_VALUE"
    AUDIENCE_UNKNOWN = "AUDIENCE_UNKNOWN"
    BROADCAST_UNKNOWN = (
        "BROADCAST_UNKNOWN",
        "“Except who got” names a broadcast that is not there.",
        "Take it out, or choose another.",
    )
    IMPORT_UNDER_WAY = (
        "IMPORT_UNDER_WAY",
        "Another audience of this channel is being read just now.",
        "Try again when it is.",
    )
    NOT_FOUND = (
        "NOT_FOUND",
        "This saved audience is no longer there: choose another.",
    )
    STATE_CHANGED = "ALREADY"
    AUDIENCE_NAME = "AUDIENCE_NAME"
    AUDIENCES_FULL = "AUDIENCES_FULL"
    AUDIENCE_NO_RECIPIENTS = "AUDIENCE_NO_RECIPIENTS"
    AUDIENCE_ENCODING = "AUDIENCE_ENCODING"
    AUDIENCE_TOO_LARGE = "AUDIENCE_TOO_LARGE"


SELECTION_CODES = frozenset(
    {
        AudienceCode.UNKNOWN_COLUMN,
        AudienceCode.FILTER_VALUE,
        AudienceCode.AUDIENCE_UNKNOWN,
        AudienceCode.BROADCAST_UNKNOWN,
        AudienceCode.AUDIENCE_NO_RECIPIENTS,
    }
)
"""What was selected from an audience cannot be, or is nobody."""
