"""Where a member of an audience stands: members are kept in blocks, in the order of the file."""

from collections.abc import Iterable
from typing import Final

from sqlalchemy import Connection, bindparam
from sqlmodel import SQLModel

BLOCK: Final = 100  # members

_blocks = SQLModel.metadata.tables["audience_block"]
_FIELDS = (
    _blocks.select()
    .with_only_columns(_blocks.c.first_seq, _blocks.c.fields)
    .where(_blocks.c.audience_id == bindparam("audience"), _blocks.c.first_seq.in_(bindparam("starts", expanding=True)))
)


def fields_of(connection: Connection, audience_id: str | None, seqs: Iterable[int]) -> dict[int, list[str]]:
    """Return the values of at least these members, by `seq`."""
    starts = {seq - (seq - 1) % BLOCK for seq in seqs}
    found = connection.execute(_FIELDS, {"audience": audience_id, "starts": sorted(starts)})
    return {start + at: values for start, block in found for at, values in enumerate(block)}
