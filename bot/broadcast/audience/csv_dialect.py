"""Finds the separator of a file: the one the file declares, else the one that fits best."""

import csv
import re
from collections import Counter
from collections.abc import Sequence

from bot.broadcast.audience.address_column import is_address, named
from bot.broadcast.audience.codes import AudienceCode
from bot.broadcast.audience.text_decoding import upload_error
from bot.email_addresses import InvalidNameError, normal_address
from bot.errors import BotError

SEPARATORS = ",;\t|"
_HEADERS = 5  # rows in which the header is looked for
# Excel's own way to say it, also as other programs write it back: `sep=;`, `"sep=;"`, `SEP = ,`, `sep=;;;`
_TOLD = re.compile(r"[\s\"'\ufeff]*sep *= *[\"']?(\\t|\t|[^\w\s\"'])[\s\"',;|]*", re.IGNORECASE)
_OTHERS = {" ": "spaces", ":": "colons", "^": "carets", "~": "tildes", "/": "slashes"}
_DOCUMENTS = (
    (re.compile(r"<\?xml", re.IGNORECASE), "an XML file"),
    (re.compile(r"<(?:!doctype html|html|head|body|table|meta|div|tr)\b", re.IGNORECASE), "a web page (HTML)"),
    (re.compile(r"BEGIN:VCARD", re.IGNORECASE), "a file of contacts (vCard)"),
    (re.compile(r"[\[{]\s*[\"{]"), "JSON"),
    (re.compile(r"dn: \w+=", re.IGNORECASE), "an LDIF file"),
    (re.compile(r"From |Return-Path:|Received:"), "a mailbox"),
)


def separator(lines: list[str]) -> str:
    """Return the separator; a first line that only declares it is made empty.

    Raises:
        BotError: AUDIENCE_NOT_CSV, for a file that is something else.
    """
    if lines and (told := _TOLD.fullmatch(lines[0][:100])):
        lines[0] = "\n"  # keeps the count of lines
        character = "\t" if told[1] == r"\t" else told[1]
        if any(character in line for line in lines):
            return character
    start = next((line.lstrip("\ufeff \t") for line in lines if line.strip("\ufeff \t\r\n")), "")
    for begins, what in _DOCUMENTS:
        if begins.match(start):
            raise not_csv(what)
    filled = [line.strip() for line in lines if line.strip()]
    if all(_is_plain(line.strip('"')) for line in filled[1:] or filled):
        return ","  # one column
    return max(SEPARATORS, key=lambda character: _fit(filled, character))


def not_csv(what: str) -> BotError:
    return upload_error(
        AudienceCode.AUDIENCE_NOT_CSV, f"The file is {what}: save it as CSV (in Excel “CSV UTF-8”) and upload that."
    )


def strange_separator(lines: Sequence[str]) -> str:
    """Return, in a word, the separator of a file that is no CSV; empty where there is none."""
    filled = [line.strip() for line in lines if line.strip()]
    for character, word in _OTHERS.items():
        alone = sum(any(map(_is_plain, line.split(character))) for line in filled if character in line)
        if alone and alone >= len(filled) / 2:
            return word
    return ""


def _fit(lines: list[str], character: str) -> tuple[int, int, int, int]:
    """Rate a separator by cells that are just an address or a header's name, and by rows of the same width."""
    try:
        rows = [row for row in csv.reader(lines, delimiter=character, skipinitialspace=True) if row]
    except csv.Error:  # a huge value: read_csv says where
        return 0, 0, 0, 0
    alone = sum(any(map(is_address, row)) for row in rows)
    name = max((named(cell).rank for row in rows[:_HEADERS] for cell in row), default=0)
    width, regular = Counter(map(len, rows)).most_common(1)[0] if rows else (1, 0)
    return alone, name, regular if width > 1 else 0, sum(map(len, rows))


def _is_plain(text: str) -> bool:
    """Whether this is an address without anything around it."""
    try:
        return "@" in text and bool(normal_address(text.strip()))
    except InvalidNameError:
        return False
