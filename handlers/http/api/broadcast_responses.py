"""What the API answers about broadcasts and their recipients."""

from typing import Annotated, Self

from pydantic import AwareDatetime, Field

from bot.broadcast.content.warnings import RemarkCode
from bot.broadcast.draft import Prepared
from bot.broadcast.reporting.progress import Progress
from bot.mailer.readiness.explanations import warnings
from bot.mailer.readiness.rules import SendWarning
from handlers.http.api.responses import Page, ResponseModel
from storage import models as rows
from storage.states import (
    BroadcastState,
    DeliveryState,
    PauseReason,
    SendKind,
)


class BroadcastSummary(ResponseModel):
    """A test or a broadcast."""

    id: str
    kind: SendKind
    state: BroadcastState
    paused_for: list[PauseReason] = Field(description="Why it is paused; it goes on when none is left.")
    sender: Annotated[str, Field(alias="from")]
    reply_to: str | None
    subject: str
    size: int = Field(description="How many recipients.")
    created_at: AwareDatetime
    start_at: AwareDatetime | None
    started_at: AwareDatetime | None
    finished_at: AwareDatetime | None
    error: str | None

    @classmethod
    def of(cls, row: rows.Broadcast) -> Self:
        return cls(**_summary(row))


class Broadcast(BroadcastSummary):
    """A test or a broadcast, and how far it is."""

    counts: dict[DeliveryState, int] = Field(description="Recipients by state; they add up to `size` at every moment.")
    per_second: float = Field(description="Recipients handed to SES a second, over the last minute.")
    seconds_left: float | None

    @classmethod
    def with_progress(cls, progress: Progress) -> Self:
        return cls(
            **_summary(progress.broadcast),
            counts={state: progress.counts.get(state, 0) for state in DeliveryState},
            per_second=progress.rate,
            seconds_left=progress.seconds_left,
        )


class Remark(ResponseModel):
    """What should be known, and holds nothing up."""

    code: SendWarning | RemarkCode
    sentence: str

    @classmethod
    def all_of(cls, prepared: Prepared) -> list[Self]:
        of_guard = [cls(code=SendWarning(each.code), sentence=each.sentence) for each in warnings(prepared.readiness)]
        return of_guard + [cls(code=each.code, sentence=each.sentence) for each in prepared.remarks]


class NewBroadcast(Broadcast):
    """A broadcast that was just made."""

    warnings: list[Remark]

    @classmethod
    def with_warnings(cls, progress: Progress, warnings: list[Remark]) -> Self:
        return cls(**dict(Broadcast.with_progress(progress)), warnings=warnings)


def _summary(row: rows.Broadcast) -> dict[str, object]:
    return {
        "id": row.id,
        "kind": row.kind,
        "state": row.state,
        "paused_for": row.pause_reasons,
        "sender": row.from_address,
        "reply_to": row.reply_to or None,
        "subject": row.subject,
        "size": row.size,
        "created_at": row.created_at,
        "start_at": row.start_at,
        "started_at": row.started_at,
        "finished_at": row.finished_at,
        "error": row.error or None,
    }


class BroadcastPage(Page[BroadcastSummary]):
    pass


class Delivery(ResponseModel):
    """One recipient of one broadcast."""

    id: str
    address: str
    state: DeliveryState
    message_id: str | None = Field(description="As SES calls the mail.")
    error: str | None
    at: AwareDatetime = Field(description="When it came into this state.")

    @classmethod
    def of(cls, row: rows.Delivery) -> Self:
        return cls(
            id=f"{row.broadcast_id}-{row.seq}",
            address=row.address,
            state=row.state,
            message_id=row.message_id,
            error=row.error or None,
            at=row.at,
        )


class DeliveryPage(Page[Delivery]):
    pass
