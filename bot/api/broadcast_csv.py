"""Broadcasts as a CSV, one a line, for a spreadsheet: what becomes of their recipients stands in columns."""

import csv
import io
from collections.abc import Mapping, Sequence

from bot.broadcast.audience.rejected_rows import escape_formula
from storage import Broadcast, DeliveryState
from storage.audit import API_TOKEN

COLUMNS = (
    *("id", "kind", "state", "author", "from", "subject", "size"),
    *("created_at", "start_at", "started_at", "finished_at", "error"),
    *DeliveryState,
)


def broadcasts_csv(
    broadcasts: Sequence[Broadcast], names: Mapping[str, str], counts: Mapping[str, Mapping[DeliveryState, int]]
) -> str:
    """Return it. `names` are of tokens by actor, `counts` of recipients by broadcast and state."""
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow(COLUMNS)
    for row in broadcasts:
        author = names.get(row.created_by, "") if row.created_by.startswith(API_TOKEN) else row.created_by
        times = (row.created_at, row.start_at, row.started_at, row.finished_at)
        writer.writerow(
            [
                *(row.id, row.kind.value, row.state.value, escape_formula(author)),
                *(escape_formula(row.from_address), escape_formula(row.subject), row.size),
                *(at.isoformat() if at else "" for at in times),
                escape_formula(row.error),
                *(counts[row.id].get(state, 0) for state in DeliveryState),
            ]
        )
    return written.getvalue()
