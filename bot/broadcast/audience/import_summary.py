"""How a file was read, stored with its audience: what a person may want to know or change."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bot.broadcast.audience.address_column import Certainty
from bot.broadcast.audience.csv_reader import CsvAudience
from bot.broadcast.audience.header_detection import Candidate
from bot.broadcast.audience.status_column import Marked
from bot.broadcast.content.warnings import Remark, RemarkCode
from bot.email_addresses import shown

NOTHING = Marked()
CANDIDATES = 100  # that are kept, as many as a menu of Slack's has options


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """Attributes are those of a `CsvAudience`; `candidates` are none where it is sure which column is meant."""

    address_column: str = ""
    candidates: tuple[Candidate, ...] = ()
    header: str = ""
    columns_left_out: int = 0
    marked: Marked = NOTHING
    sheet: str = ""

    @classmethod
    def of(cls, sheet: CsvAudience) -> "ImportSummary":
        """Return it of a sheet that is read to its end."""
        candidates = () if sheet.certainty is Certainty.SURE else sheet.candidates[:CANDIDATES]
        return cls(sheet.address_column, candidates, sheet.header, sheet.left_out, sheet.marks.result(), sheet.sheet)

    @property
    def choice(self) -> str:
        """How to ask for the column that the addresses were taken from; nothing, where no other could be meant."""
        return next((each.choice for each in self.candidates if each.name == self.address_column), "")

    def to_json(self) -> dict[str, Any]:
        return {
            "address_column": self.address_column,
            "candidates": [[*each] for each in self.candidates],
            "header": self.header,
            "columns_left_out": self.columns_left_out,
            "marked": [*self.marked],
            "sheet": self.sheet,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "ImportSummary":
        """Return what was kept; of an audience that was no file there is nothing."""
        if "candidates" not in stored:
            return cls()
        candidates = tuple(Candidate(*each) for each in stored["candidates"])
        left_out, marked = stored["columns_left_out"], Marked(*stored["marked"])
        sheet = stored.get("sheet", "")  # of what was read before there were any
        return cls(stored["address_column"], candidates, stored["header"], left_out, marked, sheet)

    def remarks(self) -> Iterator[Remark]:
        """Say of rows that are marked as not to be mailed what becomes of them."""
        marked = self.marked
        if marked.rows:
            say = "row says" if marked.rows == 1 else "rows say"
            words = " or ".join(f"“{shown(word, 40)}”" for word in marked.words)
            titles = " and ".join(shown(title, 40) for title in marked.titles)
            becomes = "mailed all the same" if marked.kept else "left out"
            yield Remark(RemarkCode.MARKED_ROWS, f"{marked.rows:,} {say} {words} in {titles}: {becomes}.")
