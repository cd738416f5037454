"""What comes out of the routes about suppressions and people."""

from typing import Literal, Self

from pydantic import AwareDatetime, Field

from bot.suppression.suppression_list import AtAws
from handlers.http.api.responses import Page, ResponseModel
from storage import DeliveryState, SuppressionReason
from storage import models as rows


class Suppression(ResponseModel):
    """An address that this team never mails again (`active`), or that was lifted."""

    id: str | None
    address: str
    reason: SuppressionReason
    word: str = Field(description="The reason as a file or a program had it; empty where it is the reason's own name.")
    source: str = Field(description="The broadcast it comes from, or who recorded it.")
    created_at: AwareDatetime
    state: Literal["active", "lifted"]
    changed_at: AwareDatetime
    lifted_at: AwareDatetime | None

    @classmethod
    def of(cls, row: rows.Suppression | rows.LiftedSuppression) -> Self:
        lifted = row.lifted_at if isinstance(row, rows.LiftedSuppression) else None
        changed = row.changed_at if isinstance(row, rows.Suppression) else None
        return cls(
            id=row.id if isinstance(row, rows.Suppression) else None,
            address=row.address,
            reason=row.reason,
            word=row.word,
            source=row.source,
            created_at=row.created_at,
            state="lifted" if lifted else "active",
            changed_at=lifted or changed or row.created_at,
            lifted_at=lifted,
        )


class SuppressionPage(Page[Suppression]):
    """With `since`, `next_cursor` is always a text: keep it for the next time."""


class Lifted(ResponseModel):
    """The address may be mailed again, as far as Mailroom goes."""

    at_aws: AtAws
    detail: str = (
        "It may still be on AWS's own list, which keeps mail to it back: allow ses:DeleteSuppressedDestination and "
        "ses:GetSuppressedDestination, or take it off in the AWS console (SES, Suppression list)."
    )


class LiftedWithConsent(ResponseModel):
    """The address may be mailed again; `at_aws` is what became of it on AWS's own list."""

    at_aws: AtAws


class PersonSuppression(ResponseModel):
    reason: SuppressionReason
    word: str
    source: str
    at: AwareDatetime
    lifted_at: AwareDatetime | None


class PersonAudience(ResponseModel):
    id: str
    name: str
    line: int
    fields: dict[str, str]


class PersonDelivery(ResponseModel):
    broadcast_id: str
    subject: str
    state: DeliveryState
    error: str
    at: AwareDatetime


class PersonAction(ResponseModel):
    at: AwareDatetime
    actor: str
    action: str
    subject: str


class Person(ResponseModel):
    """All that is known of an address."""

    address: str
    state: Literal["known", "erasing"]
    suppression: PersonSuppression | None
    audiences: list[PersonAudience]
    deliveries: list[PersonDelivery]
    audit: list[PersonAction]


class Erasing(ResponseModel):
    """It is done when nothing is known of them any more. Slack's messages and files, and backups, are not reached."""

    state: Literal["erasing"] = "erasing"
