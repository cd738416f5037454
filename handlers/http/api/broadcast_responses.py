"""What the API answers about broadcasts and their recipients."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, Field

from bot.api.broadcast_facts import BroadcastFacts
from bot.broadcast.approval.rules import ends_at
from bot.broadcast.content import warnings as remarks
from bot.broadcast.content.warnings import RemarkCode
from bot.broadcast.draft import Prepared
from bot.broadcast.preview import RecipientMail
from bot.mailer.readiness.explanations import warnings
from bot.mailer.readiness.rules import SendWarning
from bot.webhooks.shapes import broadcast_shape
from handlers.http.api.responses import Page, ResponseModel
from storage import BroadcastState, Content, DeliveryState, PauseReason, SendKind, content_of
from storage import models as rows


class Author(ResponseModel):
    """Who made a broadcast: a person, by their Slack user id, or a token, by its name."""

    kind: Literal["person", "token"]
    name: str


class BroadcastSummary(ResponseModel):
    """A test or a broadcast."""

    id: str
    kind: SendKind
    state: BroadcastState
    paused_for: list[PauseReason] = Field(description="Why it is paused; it goes on when none is left.")
    author: Author
    content: Content | None = Field(description="What it was written as; null: nothing is written yet.")
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
    def of(cls, row: rows.Broadcast, names: Mapping[str, str]) -> Self:
        return cls(**_summary(row, names))


class AudienceName(ResponseModel):
    """The saved audience that it was made for, as it was then."""

    name: str
    revision: int


class Approval(ResponseModel):
    """What a request waits for."""

    needed: int = Field(description="How many people must approve it.")
    given: int
    asked_at: AwareDatetime
    ends_at: AwareDatetime = Field(description="When it is a draft again, if nobody has approved it.")

    @classmethod
    def of(cls, row: rows.Broadcast, needed: int) -> Self | None:
        if row.state is not BroadcastState.AWAITING_APPROVAL or row.asked_at is None:
            return None
        return cls(needed=needed, given=len(row.approved_by), asked_at=row.asked_at, ends_at=ends_at(row))


class Broadcast(BroadcastSummary):
    """A test or a broadcast, and how far it is."""

    slack_url: str | None = Field(description="The channel's message about it; null: there is none, or none yet.")
    audience: AudienceName | None = Field(description="null: its audience was never saved, or it has none yet.")
    approval: Approval | None = Field(description="null: it does not wait for approval.")
    counts: dict[DeliveryState, int] = Field(description="Recipients by state; they add up to `size` at every moment.")
    per_second: float = Field(description="Recipients handed to SES a second, over the last minute.")
    seconds_left: float | None

    @classmethod
    def of_facts(cls, facts: BroadcastFacts, slack_url: str | None) -> Self:
        return cls(**_whole(facts, slack_url))


class Remark(ResponseModel):
    """What should be known, and holds nothing up."""

    code: SendWarning | RemarkCode
    sentence: str

    @classmethod
    def all_of(cls, prepared: Prepared) -> list[Self]:
        of_guard = [cls(code=SendWarning(each.code), sentence=each.sentence) for each in warnings(prepared.readiness)]
        return of_guard + cls.of_content(prepared.remarks)

    @classmethod
    def of_content(cls, known: Sequence[remarks.Remark]) -> list[Self]:
        return [cls(code=each.code, sentence=each.sentence) for each in known]


class NewBroadcast(Broadcast):
    """A broadcast that was just made or changed."""

    warnings: list[Remark]

    @classmethod
    def with_warnings(cls, facts: BroadcastFacts, slack_url: str | None, warnings: list[Remark]) -> Self:
        return cls(**_whole(facts, slack_url), warnings=warnings)


class MailPreview(ResponseModel):
    """The mail of one recipient; its unsubscribe link leads nowhere."""

    row: int
    address: str
    subject: str
    headers: dict[str, str] = Field(description="As they are handed to SES, which adds its own.")
    html: str = Field(description="Its images are named `cid:image1.png`, as in the mail.")
    text: str
    bytes: int = Field(description="Of HTML and text.")
    warnings: list[Remark]

    @classmethod
    def of(cls, mail: RecipientMail) -> Self:
        shown, html, text = mail.shown, mail.shown.mail.html, mail.shown.mail.text
        return cls(
            row=shown.row,
            address=shown.address,
            subject=shown.mail.subject,
            headers=dict(mail.headers),
            html=html,
            text=text,
            bytes=len(html.encode()) + len(text.encode()),
            warnings=Remark.of_content(mail.remarks),
        )


def _whole(facts: BroadcastFacts, slack_url: str | None) -> dict[str, Any]:
    progress, row = facts.progress, facts.broadcast
    return {
        **_summary(row, progress.names),
        "slack_url": slack_url,
        "audience": _audience(row),
        "approval": Approval.of(row, facts.approvals),
        "counts": {state: progress.counts.get(state, 0) for state in DeliveryState},
        "per_second": progress.rate,
        "seconds_left": progress.seconds_left,
    }


def _audience(row: rows.Broadcast) -> AudienceName | None:
    return AudienceName(name=row.audience_name, revision=row.audience_revision) if row.audience_name else None


def _summary(row: rows.Broadcast, names: Mapping[str, str]) -> dict[str, Any]:
    return broadcast_shape(row, content_of(row.body), names.get(row.created_by, ""))


class BroadcastPage(Page[BroadcastSummary]):
    pass


class Delivery(ResponseModel):
    """One recipient of one broadcast."""

    id: str
    address: str
    state: DeliveryState
    external_id: str | None = Field(description="The value of that column of the audience; null: it has none.")
    message_id: str | None = Field(description="As SES calls the mail.")
    error: str | None
    at: AwareDatetime = Field(description="When it came into this state.")

    @classmethod
    def of(cls, row: rows.Delivery, external_id: str | None) -> Self:
        return cls(
            id=f"{row.broadcast_id}-{row.seq}",
            address=row.address,
            state=row.state,
            external_id=external_id,
            message_id=row.message_id,
            error=row.error or None,
            at=row.at,
        )


class DeliveryPage(Page[Delivery]):
    pass
