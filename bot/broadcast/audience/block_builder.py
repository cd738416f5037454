"""The rows of an upload as they pass: counted, and gathered into the blocks in which members are kept."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from bot.address_extraction import may_hold_address
from bot.broadcast.audience.csv_reader import CsvRecipient, CsvRecipients, Rejected, RejectReason, Row
from bot.email_addresses import count_toward_quota
from bot.suppression.hidden import HiddenAddresses, any_hashed, is_hashed
from storage import Audience
from storage.audience_blocks import BLOCK

_REJECTED_KEPT = 100

_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_json_lines = json.JSONEncoder(ensure_ascii=False, separators=(",\n", ":")).encode  # no value has a line feed as it is

Reject = Callable[[Rejected], None]
"""Is told of each row that is left out."""


@dataclass(slots=True)
class BlockBuilder:
    """Counts the rows as they pass, and gathers the members."""

    audience: Audience
    reject: Reject
    hidden: HiddenAddresses
    marked: int = 0

    @property
    def rows(self) -> int:
        return self.audience.size + self.audience.duplicates + self.audience.invalid + self.marked

    def blocks(self, rows: Iterable[Row]) -> Iterator[dict[str, Any]]:
        lines, addresses, values = list[int](), list[str](), list[str]()
        for some in self._members(rows):
            lines += some.lines
            addresses += some.addresses
            values += some.values
            self.audience.empty_values = list(
                map(sum, zip_longest(self.audience.empty_values, some.empty, fillvalue=0))
            )
            for at in range(0, whole := len(lines) - len(lines) % BLOCK, BLOCK):
                end = at + BLOCK
                yield self._block(lines[at:end], addresses[at:end], values[at:end])
            del lines[:whole], addresses[:whole], values[:whole]
        if lines:
            yield self._block(lines, addresses, values)

    def _block(self, lines: Sequence[int], addresses: Sequence[str], values: Sequence[str]) -> dict[str, Any]:
        first_seq = self.audience.size + 1
        self.audience.size += len(lines)
        self.audience.toward_quota += count_toward_quota(addresses)
        return {
            "audience_id": self.audience.id,
            "first_seq": first_seq,
            "addresses": _json(addresses),
            "lines": _json(lines),
            "fields": f"[{','.join(values)}]",
        }

    def _members(self, rows: Iterable[Row]) -> Iterator[CsvRecipients]:
        """Yield those who are stored, some at once."""
        alone = list[CsvRecipient]()
        for row in rows:
            if isinstance(row, CsvRecipients):
                yield self._together(alone)
                alone.clear()
                yield row if self._may_all_be_stored(row.addresses) else self._together([*row.each()])
            elif isinstance(row, Rejected):
                self._reject(row._replace(value=self.hidden.within(row.value)))
            else:
                alone.append(row)
                if len(alone) == BLOCK:
                    yield self._together(alone)
                    alone.clear()
        yield self._together(alone)

    def _may_all_be_stored(self, addresses: Sequence[str]) -> bool:
        return not self.hidden and not any_hashed(addresses)

    def _together(self, rows: Sequence[CsvRecipient]) -> CsvRecipients:
        if not self._may_all_be_stored([row.address for row in rows]):
            rows = [self._stored(row) for row in rows if self._is_kept(row)]
        fields = [row.fields for row in rows]
        values = _json_lines(fields)[1:-1].replace('",\n"', '","').split(",\n") if fields else []
        empty = [column.count("") for column in zip(*fields, strict=True)]
        return CsvRecipients([row.line for row in rows], [row.address for row in rows], values, empty)

    def _is_kept(self, row: CsvRecipient) -> bool:
        if is_hashed(row.address):
            self._reject(Rejected(row.line, row.address, "was erased", RejectReason.INVALID))
            return False
        return True

    def _stored(self, row: CsvRecipient) -> CsvRecipient:
        """Return a row without those who are hidden, whichever of its columns they stand in."""
        if not self.hidden:
            return row
        shown = self.hidden.shown(row.address)
        if shown != row.address:
            return CsvRecipient(row.line, shown, [""] * len(row.fields))
        within, address = self.hidden.within, row.address
        return row._replace(
            fields=[within(cell) if may_hold_address(cell) and cell != address else cell for cell in row.fields]
        )

    def _reject(self, row: Rejected) -> None:
        audience = self.audience
        if row.reason is RejectReason.DUPLICATE:
            audience.duplicates += 1
        elif row.reason is RejectReason.MARKED:
            self.marked += 1
        else:
            audience.invalid += 1
        if len(audience.rejected) < _REJECTED_KEPT:
            audience.rejected.append({"line": row.line, "value": row.value, "why": row.why})
        self.reject(row)
