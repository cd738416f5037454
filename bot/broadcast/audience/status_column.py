"""Rows that say of themselves that they must not be mailed: `unsubscribed` or `cleaned` in a column `Status`."""

from collections.abc import Sequence
from typing import NamedTuple

from bot.broadcast.audience.address_column import Record
from bot.broadcast.content.merge_tags import normalize_column
from bot.suppression.reasons import BOUNCE_WORDS, COMPLAINT_WORDS, UNSUBSCRIBE_WORDS, folded

# Words that tell a column by themselves: "unsubscribe", "optout" and "opt out" may stand in any other, too.
_UNSUBSCRIBED = UNSUBSCRIBE_WORDS - {"unsubscribe", "optout", "opt out"} | {"cleaned"}
_MARKED = UNSUBSCRIBE_WORDS | COMPLAINT_WORDS | BOUNCE_WORDS | {"suppressed", "do not email", "do not mail"}
_STATUS = ("status", "statut", "estado", "stato", "subscri", "consent")  # in the name of a column
_FLAGS = {
    *("unsubscribed", "unsubscribed_from_all_email", "opted_out", "opt_out", "optout", "email_opt_out"),
    *("has_opted_out_of_email", "do_not_email", "do_not_mail", "bounced", "abgemeldet"),
}
_YES = {"1", "x", "y", "yes", "true", "t", "on", "ja", "oui", "si", "sí", "sim", "wahr", "vrai"}
_WORDS_SHOWN = 3


class Marked(NamedTuple):
    """How many rows are marked, with which words, in columns of which titles; and whether they are `kept`."""

    rows: int = 0
    words: Sequence[str] = ()
    titles: Sequence[str] = ()
    kept: bool = False


class Marks:
    """Knows which columns mark a row, and counts those that are marked."""

    def __init__(self, titles: Sequence[str], address_at: int, rows: Sequence[Record], *, keep: bool) -> None:
        """`keep`: marked rows are counted and not left out."""
        self.keep = keep
        self.count = 0
        self._words: dict[str, None] = {}
        self._titles: dict[str, None] = {}
        self._columns = [
            (position, title, _YES if is_flag else _MARKED)
            for position, title in enumerate(titles)
            for is_flag in [normalize_column(title) in _FLAGS]
            if position != address_at and (is_flag or _is_status(position, title, rows))
        ]

    def __bool__(self) -> bool:
        return bool(self._columns)

    def mark_of(self, cells: Sequence[str]) -> str:
        """Return what a row says of itself, and count it; nothing, where it is like any other."""
        for position, title, words in self._columns:
            if folded(cells[position]) in words:
                self.count += 1
                word = title if words is _YES else cells[position]
                if len(self._words) < _WORDS_SHOWN:
                    self._words[word.lower()] = None
                    self._titles[title] = None
                return word
        return ""

    def result(self) -> Marked:
        return Marked(self.count, [*self._words], [*self._titles], self.keep)


def _is_status(position: int, title: str, rows: Sequence[Record]) -> bool:
    if any(word in title.casefold() for word in _STATUS):
        return True
    return any(folded(cells[position]) in _UNSUBSCRIBED for _, cells in rows if position < len(cells))
