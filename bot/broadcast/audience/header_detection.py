"""The first rows of a file as a table: what stands above the header, the header, and which columns are kept."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from bot.broadcast.audience.address_column import CONTAINS, PLAIN, VAGUE, Certainty, Record, is_address, judge, named
from bot.broadcast.audience.codes import AudienceCode
from bot.broadcast.audience.text_decoding import upload_error
from bot.broadcast.content.merge_tags import column_names, normalize_column
from bot.email_addresses import shown
from bot.errors import BotError

_HEADERS = 10  # rows in which the header is looked for
_NAMED = 10  # columns in one sentence
_EXAMPLE = 60  # characters
_NUMBERED = re.compile(r"Column \d+")


class Candidate(NamedTuple):
    """A column that may hold the addresses: its name in `{{…}}`, its title in the file, the first value in it."""

    name: str
    title: str
    example: str

    @property
    def choice(self) -> str:
        """How to ask for it: without a header a name goes from one column to another, and its number stays."""
        return normalize_column(self.title) if _NUMBERED.fullmatch(self.title) else self.name


@dataclass(frozen=True, slots=True)
class Choice:
    """What a person has said about a file.

    Attributes:
        address_column: name or title of the column; empty: the best is taken.
        keep_marked: rows that say that they are unsubscribed are taken too.
        needs: the names of columns that the message uses: they are kept first.
        can_ask: a person sees which column was taken, and can choose another.
        keep_repeats: a row whose address was there before is taken too.
    """

    address_column: str = ""
    keep_marked: bool = False
    needs: Sequence[str] = ()
    can_ask: bool = False
    keep_repeats: bool = False


ANY = Choice()


@dataclass(slots=True)
class Table:
    """Attributes: `above` stands above the header; `at` is the position of the addresses; `filled` hold a value."""

    above: Sequence[Record]
    has_header: bool
    header_line: int
    titles: list[str]
    rows: Sequence[Record]
    names: tuple[str, ...] = ()
    at: int = 0
    candidates: tuple[Candidate, ...] = ()
    certainty: Certainty = Certainty.SURE
    filled: set[int] = field(default_factory=set)

    @property
    def header(self) -> str:
        """The header, where no name in it says that it is one."""
        if not self.has_header or any(named(title).rank >= VAGUE for title in self.titles):
            return ""
        return f"Line {self.header_line} was read as the header: {_listed(self.titles)}."

    @property
    def has_empty_columns(self) -> bool:
        return len(self.filled) < len(self.titles)

    def look_for_values(self, records: Iterable[Record]) -> None:
        """Look through the rest of a file for values in columns that have none in the first rows."""
        empty = set(range(len(self.titles))) - self.filled
        skipped = len(self.above) + self.has_header
        for count, (_, cells) in enumerate(records):
            if not empty:
                break
            if count >= skipped:
                empty -= {position for position in empty if position < len(cells) and cells[position]}
        self.filled = set(range(len(self.titles))) - empty

    def kept(self, needs: Sequence[str], limit: int) -> tuple[list[int], int]:
        """Return the positions of the columns that are kept, and how many with a value are not."""
        needed = [position for position, name in enumerate(self.names) if name in needs and position != self.at]
        filled = sorted({*self.filled, self.at, *needed})
        first = [self.at, *needed, *(position for position in filled if position != self.at and position not in needed)]
        return sorted(first[:limit]), max(0, len(filled) - limit)


def table_of(sample: Sequence[Record], limit: int, choice: Choice) -> Table:
    """Find the header and the column of addresses.

    Raises:
        BotError: AUDIENCE_HEADER_ONLY, _TOO_MANY_COLUMNS, UNKNOWN_COLUMN.
    """
    above, has_header = _header(sample)
    table = _table(sample, above, limit, has_header=has_header)
    if has_header and not above and table.candidates and not table.titles[table.at] and table.header:
        table = _table(sample, 0, limit, has_header=False)  # no name where the addresses are: a row like all others
    if choice.address_column:
        _choose(table, choice.address_column)
    return table


def _header(sample: Sequence[Record]) -> tuple[int, bool]:
    """Return how many rows stand above the header, and whether there is one."""
    data = next((at for at, (_, cells) in enumerate(sample) if any(map(_is_data, cells))), len(sample))
    usual = Counter(len(cells) for _, cells in sample).most_common(1)[0][0]
    wide = [at for at in range(min(data, _HEADERS)) if usual == 1 or not _is_title(sample[at][1])]
    for at in wide:
        if any(named(cell).rank >= CONTAINS for cell in sample[at][1]):
            return at, True
    return (wide[0], True) if wide else (0, False)


def _is_title(cells: Sequence[str]) -> bool:
    """Whether this stands above a table, as the one value in a row of its own."""
    filled = [cell for cell in cells if cell]
    return len(filled) == 1 and named(filled[0]).rank < PLAIN


def _is_data(cell: str) -> bool:
    """Whether a cell can be no name of a column: an address, or what was to be one."""
    return "@" in cell and (" " not in cell or is_address(cell))


def _table(sample: Sequence[Record], above: int, limit: int, *, has_header: bool) -> Table:
    line, first = sample[above]
    rows = sample[above + has_header :]
    if has_header and not rows:
        raise upload_error(AudienceCode.AUDIENCE_HEADER_ONLY)
    usual = Counter(len(cells) for _, cells in rows).most_common(1)[0][0]
    width = len(first) if has_header else usual
    if width > limit:
        raise upload_error(
            AudienceCode.AUDIENCE_TOO_MANY_COLUMNS,
            f"The file has {width:,} columns: leave out all but {limit:,} of them.",
        )
    titles = list(first) if has_header else [""] * width
    table = Table(sample[:above], has_header, line, titles, rows)
    judged = judge(titles, rows)
    table.at = judged.positions[0] if judged.positions else 0
    table.names = _names(table)
    table.certainty = judged.certainty
    table.candidates = tuple(_candidate(table, position) for position in judged.positions)
    table.filled = {position for _, cells in rows for position, cell in enumerate(cells[:width]) if cell}
    return table


def _names(table: Table) -> tuple[str, ...]:
    """Return the names of the columns; without a header the one of the addresses is `email`."""
    if table.has_header:
        return column_names(table.titles)
    return column_names(["email" if at == table.at else "" for at in range(len(table.titles))])


def _candidate(table: Table, position: int) -> Candidate:
    values = (cells[position] for _, cells in table.rows if position < len(cells))
    example = next((value for value in values if is_address(value)), "")
    title = shown(table.titles[position], _EXAMPLE) or f"Column {position + 1}"
    return Candidate(table.names[position], title, shown(example, _EXAMPLE))


def _choose(table: Table, wanted: str) -> None:
    name = normalize_column(wanted)
    for position, title in enumerate(table.titles):
        if name in {table.names[position], f"column_{position + 1}"} or title == wanted.strip():
            break
    else:
        raise BotError(
            AudienceCode.UNKNOWN_COLUMN,
            f"The file has no column “{shown(wanted, 40)}”: it has {_listed(table.names)}.",
            field="address_column",
        )
    table.at, table.certainty = position, Certainty.SURE if len(table.candidates) < 2 else Certainty.LIKELY
    table.names = _names(table)
    chosen = _candidate(table, position)
    others = (_candidate(table, _position(table, each)) for each in table.candidates)
    table.candidates = tuple(dict.fromkeys((chosen, *others)))


def _position(table: Table, candidate: Candidate) -> int:
    if table.has_header:
        return table.names.index(candidate.name)
    return int(candidate.title.rpartition(" ")[2]) - 1  # Column 3


def no_addresses(table: Table) -> BotError:
    names = _listed(table.titles) or "no names"
    return upload_error(
        AudienceCode.AUDIENCE_NO_ADDRESS_COLUMN, f"No column holds addresses ({names}): name the right one “email”."
    )


def ambiguous(table: Table) -> BotError:
    names = _listed([each.title for each in table.candidates])
    error = upload_error(
        AudienceCode.AUDIENCE_AMBIGUOUS,
        f"Several columns may hold the addresses ({names}): say which in address_column.",
    )
    error.candidates = [each.name for each in table.candidates]
    return error


def _listed(names: Sequence[str]) -> str:
    """Return the first of these names, and how many more there are."""
    filled = [f"“{shown(name, 40)}”" for name in names if name]
    more = len(filled) - _NAMED
    return ", ".join(filled[:_NAMED]) + (f" and {more:,} more" if more > 0 else "")
