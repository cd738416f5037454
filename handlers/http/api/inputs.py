"""What goes into the API; its OpenAPI description is made from these classes."""

from pydantic import BaseModel, ConfigDict, Field

from storage.states import DeliveryState, SendKind

PAGE_LIMIT = 100


class Input(BaseModel):
    """Parameters; one that is not known is refused, so that a slip of the pen does not go unnoticed."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, use_attribute_docstrings=True, populate_by_name=True
    )


class NoInput(Input):
    pass


class PageInput(Input):
    cursor: str = Field(default="", max_length=2000)
    """`next_cursor` of the page before; none for the first page."""
    limit: int = Field(default=50, ge=1, le=PAGE_LIMIT)
    """How many items a page has at most."""


class DeliveriesInput(PageInput):
    state: DeliveryState | None = None
    """Only recipients in this state."""


class ReadinessInput(Input):
    kind: SendKind = SendKind.BROADCAST
    """What is to be sent; a broadcast to few recipients is a small one."""
    sender: str = Field(default="", alias="from", max_length=320)
    """The From address; without one the answer is whether any will do."""
    size: int = Field(default=1, ge=0, le=100_000_000)
    """How many recipients, those of the mailbox simulator left out."""


class AddressInput(Input):
    address: str = Field(min_length=1, max_length=320)
    """One bare email address."""
