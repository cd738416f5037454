"""Rows of a CSV without quotes, and with nothing else that takes a look at each: many at once, in half the time."""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from bot.email_addresses import LOCAL_LIMIT, PLAIN_ADDRESS


class PlainRows(NamedTuple):
    """Rows at the beginning of a text, a line each.

    Attributes:
        end: where they end.
        addresses: of each.
        values: of each, as a JSON list.
        empty: how many values are empty, of each column.
    """

    end: int = 0
    addresses: Sequence[str] = ()
    values: Sequence[str] = ()
    empty: Sequence[int] = ()


_NONE = PlainRows()


def plain_rows(width: int, at: int, delimiter: str, longest: int) -> Callable[[str], PlainRows]:
    """Return what finds rows of printable values without quotes, backslashes and spaces around them.

    Args:
        width: of a row.
        at: where its address stands, which is a plain one.
        delimiter: between its values.
        longest: characters of a row, about.
    """
    between = re.escape(delimiter)
    some = rf'[^ "\\{between}\x00-\x1f\x7f]++'
    value = f"(?:{some}(?: ++{some})*+)?+"
    before, after = f"(?:{value}{between}){{{at}}}", f"(?:{between}{value}){{{width - at - 1}}}"
    beginning = re.compile(f"(?:{before}{PLAIN_ADDRESS}{after}\r?+\n)*+")

    def found(text: str) -> PlainRows:
        matched = beginning.match(text)
        end = matched.end() if matched else 0
        rows = text[:end].replace("\r\n", "\n")[:-1]
        if not rows or not (rows.isascii() or rows.replace("\n", "").replace(delimiter, "").isprintable()):
            return _NONE
        cells = rows.replace("\n", delimiter).split(delimiter)
        values = ('["' + rows.replace(delimiter, '","').replace("\n", '"]\n["') + '"]').split("\n")
        addresses = cells[at::width]
        if (
            len(cells) != width * len(values)
            or max(map(len, values)) > longest
            or max(map(len, addresses)) > LOCAL_LIMIT
        ):
            return _NONE
        empty = [cells[place::width].count("") for place in range(width)] if "" in cells else [0] * width
        return PlainRows(end, addresses, values, empty)

    return found
