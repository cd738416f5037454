"""What comes out of the API; its OpenAPI description is made from these classes.

An answer holds what stands here and nothing else: rows of the database have more, and none of it gets out by itself.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Generic, Self, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from bot.mailer.readiness.explanations import NextStep, ReadinessCode, explanation
from bot.mailer.readiness.rules import Blocker, Confirmation, RecipientRule, SendWarning
from bot.mailer.readiness.rules import Readiness as Decision
from bot.mailer.shapes import identity_shape, mailer_shape
from storage import Access, IdentityKind, IdentityState, Production, Sending
from storage import models as rows

Item = TypeVar("Item")


class ResponseModel(BaseModel):
    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid", populate_by_name=True)


class Page(ResponseModel, Generic[Item]):
    items: list[Item]
    next_cursor: str | None = Field(description="What to pass as `cursor` for the next page; null on the last one.")


class Connection(ResponseModel):
    """Where the mailer is."""

    account_id: str
    region: str
    sign_in: str = Field(description="`access_key` or `role`.")
    connected_at: AwareDatetime


class Quota(ResponseModel):
    """Recipients within 24 hours, as AWS last said."""

    limit: int | None = Field(description="null: unlimited.")
    sent: int
    left: int | None = Field(description="null: unlimited.")
    per_second: float


class Mailer(ResponseModel):
    """A team's connection to one AWS account in one region."""

    id: str
    connection: Connection
    access: Access
    access_since: AwareDatetime
    access_error: str | None = Field(description="What AWS answered when it refused the credentials.")
    missing_action: str | None = Field(description="The IAM action that the credentials lack, where one is known.")
    production: Production
    sending: Sending
    quota: Quota
    checked_at: AwareDatetime = Field(description="When AWS last said so.")

    @classmethod
    def of(cls, row: rows.Mailer) -> Self:
        return cls.model_validate(mailer_shape(row))


class MailerAnswer(ResponseModel):
    mailer: Mailer | None = Field(description="null: the channel has not connected an account.")


class DnsRecord(ResponseModel):
    name: str
    type: str
    value: str
    purpose: str
    required: bool = Field(description="Whether verification needs it.")


class Identity(ResponseModel):
    """An address or domain as SES knows it."""

    id: str
    name: str
    kind: IdentityKind
    managed: bool = Field(
        description="Whether Mailroom looks after it; the others of the account are known, and never touched."
    )
    state: IdentityState
    since: AwareDatetime
    awaited_until: AwareDatetime | None = Field(description="While it is pending: when AWS stops looking.")
    dns_records: list[DnsRecord]
    last_error: str | None
    checked_at: AwareDatetime = Field(description="When AWS last said so.")

    @classmethod
    def of(cls, row: rows.Identity, mailer: rows.Mailer) -> Self:
        return cls.model_validate(identity_shape(row, mailer.region))


class IdentityPage(Page[Identity]):
    pass


class Reason(ResponseModel):
    """A code, and what it says to a person."""

    code: Blocker | SendWarning | Confirmation
    sentence: str
    next_step: NextStep


class Readiness(ResponseModel):
    """Whether this may be sent, from what is stored. Facts that are too old are a blocker: FACTS_STALE."""

    allowed: bool
    blockers: list[Reason] = Field(description="Why not, most basic first.")
    warnings: list[Reason]
    confirmations: list[Reason] = Field(description="What a person must agree to first.")
    via: list[str] = Field(description="Identities from which it may go instead.")
    recipient_rule: RecipientRule = Field(description="`sandbox`: only verified recipients and the mailbox simulator.")
    seconds: float | None = Field(description="How long it takes at most; null: cannot be told.")
    checked_at: AwareDatetime | None = Field(description="When AWS last said so; null without a mailer.")

    @classmethod
    def of(cls, answer: Decision) -> Self:
        return cls(
            allowed=answer.allowed,
            blockers=_reasons(answer.blockers, answer),
            warnings=_reasons(answer.warnings, answer),
            confirmations=_reasons(answer.confirmations, answer),
            via=list(answer.via),
            recipient_rule=answer.recipient_rule,
            seconds=_seconds(answer.duration),
            checked_at=answer.facts.checked_at if answer.facts else None,
        )


def _reasons(codes: Sequence[ReadinessCode], answer: Decision) -> list[Reason]:
    notices = [explanation(code, answer) for code in codes]
    return [Reason(code=each.code, sentence=each.sentence, next_step=each.step) for each in notices]


def _seconds(duration: timedelta | None) -> float | None:
    return None if duration is None else duration.total_seconds()
