"""What goes into the routes about suppressions."""

from datetime import UTC, datetime
from typing import Annotated, ClassVar, Literal

from pydantic import AwareDatetime, Field

from handlers.http.api.requests import Input, PageInput
from storage import SuppressionReason

_TIME = Annotated[AwareDatetime, Field(ge=datetime(1970, 1, 1, tzinfo=UTC), lt=datetime(3000, 1, 1, tzinfo=UTC))]


class AddressInput(Input):
    address: str = Field(min_length=1, max_length=320, description="One bare email address.")


class SuppressionsInput(PageInput):
    MAY_BE_EMPTY: ClassVar[frozenset[str]] = frozenset({"since"})

    since: str | None = Field(
        default=None,
        max_length=2000,
        description="`next_cursor` of the last time, empty for the beginning: what has changed since then, in the "
        "order of change, each address once, those that were lifted too. No items: you are in step.",
    )
    reason: SuppressionReason | None = Field(default=None, description="Only those suppressed for this reason.")


class BulkInput(Input):
    invalid: Literal["skip", "refuse"] = Field(
        default="skip",
        description="What becomes of lines that are not understood; refuse: nothing is kept.",
    )


class BulkLine(Input):
    address: str = Field(min_length=1, max_length=320)
    reason: str = Field(default="", max_length=100)
    at: _TIME | None = None


class ConsentInput(Input):
    at: _TIME = Field(description="When they asked to be mailed again: later than their unsubscribe.")
    how: str = Field(min_length=1, max_length=300, description="How they asked; it is kept in the audit.")


class LiftInput(Input):
    address: str = Field(min_length=1, max_length=320, description="One bare email address.")
    consent: ConsentInput
