"""The rows of an upload as they pass: counted, and gathered into the blocks in which members are kept."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice, zip_longest
from typing import Any

from bot.address_extraction import may_hold_address
from bot.broadcast.audience.csv_reader import CsvRecipient, Rejected, RejectReason
from bot.email_addresses import count_toward_quota
from bot.suppression.hidden import HiddenAddresses, is_hashed
from storage.audience_blocks import BLOCK
from storage.models import Audience

_REJECTED_KEPT = 100

_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

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

    def blocks(self, rows: Iterable[CsvRecipient | Rejected]) -> Iterator[dict[str, Any]]:
        members = self._members(rows)
        while block := list(islice(members, BLOCK)):
            first_seq = self.audience.size + 1
            self.audience.size += len(block)
            addresses, fields = [member.address for member in block], [member.fields for member in block]
            self.audience.toward_quota += count_toward_quota(addresses)
            empty = (values.count("") for values in zip(*fields, strict=True))
            self.audience.empty_values = list(map(sum, zip_longest(self.audience.empty_values, empty, fillvalue=0)))
            yield {
                "audience_id": self.audience.id,
                "first_seq": first_seq,
                "addresses": _json(addresses),
                "lines": _json([member.line for member in block]),
                "fields": _json(fields),
            }

    def _members(self, rows: Iterable[CsvRecipient | Rejected]) -> Iterator[CsvRecipient]:
        for row in rows:
            if isinstance(row, Rejected):
                self._reject(row._replace(value=self.hidden.within(row.value)))
            elif is_hashed(row.address):
                self._reject(Rejected(row.line, row.address, "was erased", RejectReason.INVALID))
            else:
                yield self._stored(row) if self.hidden else row

    def _stored(self, row: CsvRecipient) -> CsvRecipient:
        """Return a row without those who are hidden, whichever of its columns they stand in."""
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
