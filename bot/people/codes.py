"""Why nothing is done about a person."""

from bot.errors import Code


class PersonCode(Code):
    NOT_FOUND = ("NOT_FOUND", "Nothing is known of this address here.")
    OTHER_ADDRESS = ("OTHER_ADDRESS", "This is not the address that you looked up.", "Type it in full.")
