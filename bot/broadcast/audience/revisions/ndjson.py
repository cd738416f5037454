"""An audience as a JSON object a line (https://github.com/ndjson/ndjson-spec), as programs send it.

It is read twice: which columns there are is known at its end.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from bot.broadcast.audience.address_column import Certainty
from bot.broadcast.audience.codes import AudienceCode
from bot.broadcast.audience.csv_reader import CsvAudience, CsvRecipient, Limits, Rejected, RejectReason
from bot.broadcast.audience.deduplication import AddressDeduplicator
from bot.broadcast.audience.revisions.columns import ADDRESS
from bot.broadcast.audience.revisions.patch import UnfitRowError, named_values
from bot.broadcast.audience.status_column import Marks
from bot.broadcast.audience.text_decoding import upload_error
from bot.email_addresses import InvalidNameError, address_in, address_key, shown

_LINE = 256 * 1024  # bytes
_SAMPLE = 1_000  # rows by which it is told whether a column marks rows
_SHOWN = 100  # characters of a rejected value


class _Object(list[tuple[str, Any]]):
    """A JSON object, with a member that is there twice."""


def _no_number(text: str) -> None:
    raise ValueError(text)


_decode = json.JSONDecoder(
    object_pairs_hook=_Object, parse_int=str, parse_float=str, parse_constant=_no_number
).decode  # numbers stay as they are written


@dataclass(frozen=True, slots=True)
class _Bad:
    why: str
    value: str = ""


def read_ndjson(file: BinaryIO, limits: Limits) -> CsvAudience:
    """Read which columns a file has, and return its rows as an iterator, as `read_csv` does.

    Raises:
        BotError: AUDIENCE_EMPTY, _TOO_MANY_COLUMNS, _TOO_MANY_ROWS.
    """
    columns: dict[str, None] = {ADDRESS: None}
    sample: list[tuple[int, list[str]]] = []
    count = 0
    for count, (line, row) in enumerate(_rows(file), start=1):
        if count > limits.rows:
            raise upload_error(AudienceCode.AUDIENCE_TOO_MANY_ROWS, f"There are over {limits.rows:,} lines.")
        if isinstance(row, _Bad):
            continue
        columns |= dict.fromkeys(row)
        if len(columns) > limits.kept:
            raise upload_error(
                AudienceCode.AUDIENCE_TOO_MANY_COLUMNS, f"Up to line {line} there are over {limits.kept:,} columns."
            )
        if len(sample) < _SAMPLE:
            sample.append((line, [row.get(name, "") for name in columns]))
    if not count:
        raise upload_error(AudienceCode.AUDIENCE_EMPTY)
    names = tuple(columns)
    marks = Marks(names, 0, sample, keep=False)
    rows = _recipients(file, names, marks, AddressDeduplicator())
    return CsvAudience(names, ADDRESS, (), Certainty.SURE, 0, "", "", marks, rows)


def _recipients(
    file: BinaryIO, names: tuple[str, ...], marks: Marks, seen: AddressDeduplicator
) -> Iterator[CsvRecipient | Rejected]:
    for line, row in _rows(file):
        if isinstance(row, _Bad):
            yield Rejected(line, shown(row.value, _SHOWN), row.why, RejectReason.INVALID)
            continue
        typed = row[ADDRESS]
        try:
            address = address_in(typed)
        except InvalidNameError as error:
            yield Rejected(line, shown(typed, _SHOWN), error.why.partition(":")[0], RejectReason.INVALID)
            continue
        cells = [address, *(row.get(name, "") for name in names[1:])]
        if mark := marks.mark_of(cells):
            yield Rejected(line, shown(typed, _SHOWN), f"is marked “{shown(mark, 40)}”", RejectReason.MARKED)
        elif first := seen.first_line(address_key(address), line):
            yield Rejected(line, shown(typed, _SHOWN), f"is the same as line {first}", RejectReason.DUPLICATE)
        else:
            yield CsvRecipient(line, address, cells)


def _rows(file: BinaryIO) -> Iterator[tuple[int, Mapping[str, str] | _Bad]]:
    """Yield each line that is not blank as values by the names of their columns, or what is wrong with it."""
    file.seek(0)
    number = 0
    while line := file.readline(_LINE):
        number += 1
        if len(line) == _LINE and not line.endswith(b"\n"):
            while (rest := file.readline(_LINE)) and not rest.endswith(b"\n"):
                pass
            yield number, _Bad(f"is longer than {_LINE // 1024} KB")
        elif line.strip():
            yield number, _read(line)


def _read(line: bytes) -> Mapping[str, str] | _Bad:
    try:
        text = line.decode()
    except UnicodeDecodeError:
        return _Bad("is not UTF-8 text")
    try:
        row = _decode(text.strip().removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        return _Bad("is not JSON", text)
    if not isinstance(row, _Object):
        return _Bad("is not a JSON object", text)
    try:
        return named_values([(name, _text(name, value)) for name, value in row])
    except UnfitRowError as error:
        return _Bad(str(error), text)


def _text(name: str, value: Any) -> str:
    """Return a value as text.

    Raises:
        UnfitRowError: it is an object or a list; or no text, where the address should be.
    """
    match value:
        case str():
            return value
        case True | False if name != ADDRESS:
            return str(value).lower()
        case None if name != ADDRESS:
            return ""
    raise UnfitRowError(f"has in “{shown(name, 40)}” what is no text, number, true, false or null")
