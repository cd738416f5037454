"""What goes into the API; its OpenAPI description is made from these classes."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field, field_validator

from storage import DeliveryState, SendKind

PAGE_LIMIT = 100


class Input(BaseModel):
    """Parameters; one that is not known is refused, so that a slip of the pen does not go unnoticed."""

    model_config = ConfigDict(
        defer_build=True, frozen=True, extra="forbid", hide_input_in_errors=True, populate_by_name=True
    )

    MAY_BE_EMPTY: ClassVar[frozenset[str]] = frozenset()
    """Parameters of a query that are there also where they are empty."""

    @field_validator("*")
    @classmethod
    def _can_be_stored(cls, value: object) -> object:
        """Refuse the one character that PostgreSQL does not take, wherever it stands."""
        texts = value if isinstance(value, list) else [value]
        if any(isinstance(text, str) and "\0" in text for text in texts):
            raise ValueError("It holds the character NUL.")
        return value


class NoInput(Input):
    pass


class PageInput(Input):
    cursor: str = Field(
        default="", max_length=2000, description="`next_cursor` of the page before; none for the first page."
    )
    limit: int = Field(default=50, ge=1, le=PAGE_LIMIT, description="How many items a page has at most.")


class DeliveriesInput(PageInput):
    state: DeliveryState | None = Field(default=None, description="Only recipients in this state.")


class ReadinessInput(Input):
    kind: SendKind = Field(
        default=SendKind.BROADCAST, description="What is to be sent; a broadcast to few recipients is a small one."
    )
    sender: str = Field(
        default="",
        alias="from",
        max_length=320,
        description="The From address; without one the answer is whether any will do.",
    )
    size: int = Field(
        default=1, ge=0, le=100_000_000, description="How many recipients, those of the mailbox simulator left out."
    )
