"""What comes out of the routes about saved audiences."""

from typing import Self

from pydantic import AwareDatetime, Field

from bot.broadcast.audience.import_summary import ImportSummary
from bot.broadcast.audience.revisions.columns import columns_of
from bot.broadcast.audience.revisions.proposals import Proposal
from handlers.http.api.responses import Page, ResponseModel
from storage import models as rows


class SavedAudience(ResponseModel):
    """An audience under a name."""

    id: str = Field(description="Of this revision.")
    name: str
    size: int
    columns: list[str] = Field(description="`email` is that of the addresses.")
    revision: int
    updated_at: AwareDatetime

    @classmethod
    def of(cls, row: rows.Audience) -> Self:
        return cls(
            id=row.id,
            name=row.name,
            size=row.size,
            columns=columns_of(row),
            revision=row.revision,
            updated_at=row.named_at or row.created_at,
        )


class AudiencePage(Page[SavedAudience]):
    """All of them: a channel has at most 50."""


class RejectedLine(ResponseModel):
    line: int = Field(description="Of a patch the row, those of `remove` after those of `upsert`.")
    value: str
    reason: str


class AudienceChange(ResponseModel):
    """What came of what was given: each line of it is counted once, as one of six."""

    name: str
    revision: int = Field(description="As before, where nothing was added, changed or removed.")
    size: int
    columns: list[str]
    added: int
    changed: int
    removed: int = Field(description="Of a file: who is not in it any more.")
    unchanged: int
    duplicates: int
    invalid: int = Field(description="Lines that cannot be used, and those that say that they are unsubscribed.")
    rejected: list[RejectedLine] = Field(description="The first hundred.")

    @classmethod
    def of(cls, proposal: Proposal, kept: rows.Audience) -> Self:
        read, counts = proposal.audience, proposal.counts
        marked = ImportSummary.from_json(read.import_summary).marked
        return cls(
            name=kept.name,
            revision=kept.revision,
            size=kept.size,
            columns=columns_of(kept),
            added=counts.added,
            changed=counts.changed,
            removed=counts.removed,
            unchanged=counts.unchanged,
            duplicates=read.duplicates,
            invalid=read.invalid + (0 if marked.kept else marked.rows),
            rejected=[RejectedLine(line=row["line"], value=row["value"], reason=row["why"]) for row in read.rejected],
        )
