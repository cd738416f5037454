"""What goes into the API; its OpenAPI description is made from these classes."""

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator

from bot.mailer.readiness.rules import Confirmation
from storage.states import DeliveryState, SendKind

PAGE_LIMIT = 100


class Input(BaseModel):
    """Parameters; one that is not known is refused, so that a slip of the pen does not go unnoticed."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, populate_by_name=True)

    @field_validator("*")
    @classmethod
    def _can_be_stored(cls, value: object) -> object:
        """Refuse the one character that PostgreSQL does not take, wherever it stands."""
        if isinstance(value, str) and "\0" in value:
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


class BroadcastInput(Input):
    """A broadcast to send: what the form in Slack asks for."""

    sender: str = Field(
        alias="from", min_length=1, max_length=320, description="The From address, covered by a verified identity."
    )
    reply_to: str = Field(default="", max_length=320, description="Where answers go; empty: to From.")
    subject: str = Field(min_length=1, max_length=1000)
    preheader: str = Field(
        default="", max_length=1000, description="The line that mail programs show after the subject."
    )
    text: str = Field(
        default="",
        max_length=100_000,
        description="Plain text; web addresses in it become links. `{{first_name}}` is filled from a column of the "
        "audience, `{{first_name|there}}` has a fallback. Exactly one of `text`, `message` and `html` is needed.",
    )
    message: str = Field(default="", max_length=100_000, description="The older name of `text`.")
    html: str = Field(
        default="",
        max_length=900_000,
        description="An HTML page, with fields as in `text`. What mail programs refuse is left out, and named in "
        "`warnings`: scripts, forms, pictures, media queries. `{{unsubscribe}}` is the recipient's own link; without "
        "it a footer has it.",
    )
    audience: str = Field(
        default="",
        description="A CSV with a column of addresses; instead of `saved_audience`. The whole request is at most 1 MB.",
    )
    address_column: str = Field(
        default="",
        max_length=1000,
        description="The column of `audience` that holds the addresses; needed where several may.",
    )
    keep_marked_rows: bool = Field(
        default=False, description="Mail also the rows that say of themselves that they are unsubscribed or cleaned."
    )
    saved_audience: str = Field(
        default="", max_length=200, description="The name of a saved audience; instead of `audience`."
    )
    send_at: AwareDatetime | None = Field(
        default=None, description="When to start; null: as soon as the time for Undo is over."
    )
    accept: list[Confirmation] = Field(
        default=[],
        max_length=10,
        description="What is agreed to: the `code` of each of the confirmations that `/readiness` names.",
    )


class AddressInput(Input):
    address: str = Field(min_length=1, max_length=320, description="One bare email address.")
