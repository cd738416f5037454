"""Who of an audience gets a broadcast, as somebody chose it, and how many that were when it was last looked at."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from bot.broadcast.audience.selection.filter import OF_DATES, Filter
from bot.broadcast.content.warnings import Remark, RemarkCode
from bot.email_addresses import shown
from bot.wording import count

MOST_AUDIENCES: Final = 50  # in `also`, and in `except`: as many as a team can save
MOST_BROADCASTS: Final = 50
_KEPT: Final = "selected"  # where an audience's `import_summary` has what it was selected by


@dataclass(frozen=True, slots=True)
class Selection:
    """(The audience where …) and all of `also`, less `leaves_out`, less who got `leaves_out_got`; false: all of it.

    Audiences are named, since a name stands for what it has at the moment; broadcasts have their ids.
    """

    where: Filter | None = None
    also: tuple[str, ...] = ()
    leaves_out: tuple[str, ...] = ()
    leaves_out_got: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.where or self.also or self.leaves_out or self.leaves_out_got)

    def to_json(self) -> dict[str, Any]:
        """Return it as the API has it, without what is empty."""
        lists = {"also": self.also, "except": self.leaves_out, "except_broadcasts": self.leaves_out_got}
        where = {"where": self.where.to_json()} if self.where else {}
        return where | {name: [*values] for name, values in lists.items() if values}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        where = stored.get("where")
        lists = (tuple(stored.get(name, ())) for name in ("also", "except", "except_broadcasts"))
        return cls(Filter.from_json(where) if where else None, *lists)


NOTHING_SELECTED: Final = Selection()


@dataclass(slots=True)
class Selected:
    """How many were selected by what, counted as they passed.

    Attributes:
        key: what it was selected from and by; the same key selects the same again.
        of: members of the audience.
        matched: those that the filter keeps.
        added: from `also`, who were not there already.
        left_out: of both, who are in one of `leaves_out`.
        got: of the rest, who got one of `leaves_out_got`.
        own: members of the audience itself in what came of it: they come first.
        unreadable: of each line of the filter, in how many rows the cell was no date or number.
    """

    key: Mapping[str, Any] = field(default_factory=dict)
    of: int = 0
    matched: int = 0
    added: int = 0
    left_out: int = 0
    got: int = 0
    own: int = 0
    unreadable: list[int] = field(default_factory=list)

    def to_json(self, of_source: Mapping[str, Any]) -> dict[str, Any]:
        """Return the import summary of what was selected; `of_source` is that of the audience."""
        counts = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {**of_source, _KEPT: counts}

    @classmethod
    def from_json(cls, summary: Mapping[str, Any]) -> Self | None:
        """Return it from an import summary; None: the audience was not selected from another."""
        return cls(**summary[_KEPT]) if _KEPT in summary else None

    def remarks(self, where: Filter | None) -> Iterator[Remark]:
        """Say of each line that compares dates or numbers how many cells are none."""
        for line, rows in zip(where.lines if where else (), self.unreadable, strict=False):
            if rows:
                kind = "date like 2026-06-01" if line.op in OF_DATES else "number like 12.5"
                yield Remark(
                    RemarkCode.FILTER_NO_VALUE,
                    f"In {count(rows, 'row')} of {self.of:,} {shown(line.column, 40)} is no {kind}, so none of them is "
                    f"found by {line}.",
                )
