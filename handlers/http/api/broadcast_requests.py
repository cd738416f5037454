"""What goes into the API about a broadcast; its OpenAPI description is made from these classes."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any, Final, Self

from pydantic import AwareDatetime, Field, field_validator, model_validator

from bot.broadcast.audience.selection.filter import MOST_LINES, VALUE_LIMIT, Condition, Filter, Match, Operator
from bot.broadcast.audience.selection.selection import (
    MOST_AUDIENCES,
    MOST_BROADCASTS,
    NOTHING_SELECTED,
    Selection,
)
from bot.broadcast.content.images import MOST as MOST_IMAGES
from bot.broadcast.content.images import NAME_LIMIT
from bot.broadcast.mail_me_one import MOST_ADDRESSES
from bot.mailer.readiness.rules import Confirmation
from handlers.http.api.requests import Input

MOST_BYTES: Final = 5 * 1024 * 1024  # of a body
MOST_ROWS: Final = 10_000

Cell = str | int | float | bool | None


class Mode(StrEnum):
    """What becomes of a broadcast: sent, kept as a draft, or kept and its approval asked of the channel."""

    SEND = "send"
    DRAFT = "draft"
    ASK = "ask"


class ImageInput(Input):
    """A PNG, JPEG or GIF, which the message shows as `cid:` and its name; in a `text`, where a line is its name."""

    name: str = Field(min_length=1, max_length=NAME_LIMIT)
    data: str = Field(max_length=MOST_BYTES, description="The file in base64.")
    alt: str = Field(default="", max_length=1000, description="What it shows, for those who do not see it.")


class FilterLine(Input):
    """What must stand in a column."""

    column: str = Field(min_length=1, max_length=1000, description="Its title in the file, or its name in `{{…}}`.")
    op: Operator = Field(
        description="`is`, `is_not` and `contains` compare without case and outer spaces; `is_empty` takes no value; "
        "`before` and `after` compare dates like 2026-06-01, which is its first moment in UTC, or times of RFC 3339; "
        "`over` and `under` compare decimal numbers with a point. A cell that is no date or number is not found."
    )
    value: str = Field(default="", max_length=VALUE_LIMIT)


class FilterInput(Input):
    """The lines of which a row must meet `all`, or `any`; one of the two."""

    all: list[FilterLine] | None = Field(default=None, min_length=1, max_length=MOST_LINES)
    any: list[FilterLine] | None = Field(default=None, min_length=1, max_length=MOST_LINES)

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if bool(self.all) is bool(self.any):
            raise ValueError("Give all, or any.")
        return self

    def filter(self) -> Filter:
        """Return it.

        Raises:
            BotError: FILTER_VALUE.
        """
        match = Match.ALL if self.all else Match.ANY
        return Filter(
            match, tuple(Condition(one.column, one.op, one.value) for one in self.all or self.any or ())
        ).check()


AudienceNames = Annotated[list[Annotated[str, Field(min_length=1, max_length=200)]], Field(max_length=MOST_AUDIENCES)]
BroadcastIds = Annotated[list[Annotated[str, Field(pattern="^[0-9a-f]{32}$")]], Field(max_length=MOST_BROADCASTS)]


class BroadcastMembers(Input):
    """What may be said of a broadcast beside From and subject; null is as if it were not there."""

    reply_to: str | None = Field(default=None, max_length=320, description="Where answers go; none: to From.")
    preheader: str | None = Field(
        default=None, max_length=1000, description="The line that mail programs show after the subject."
    )
    text: str | None = Field(
        default=None,
        max_length=100_000,
        description="Plain text; web addresses in it become links. `{{first_name}}` is filled from a column of the "
        "audience, `{{first_name|there}}` has a fallback. Exactly one of `text`, `markdown` and `html`; a draft may "
        "lack it until it is asked or sent.",
    )
    message: str | None = Field(default=None, max_length=100_000, description="The older name of `text`.")
    markdown: str | None = Field(
        default=None,
        max_length=300_000,
        description="CommonMark with tables and strikethrough, with fields as in `text`. HTML in it is text.",
    )
    html: str | None = Field(
        default=None,
        max_length=2_000_000,
        description="An HTML page, with fields as in `text`. What mail programs refuse is left out, and named in "
        "`warnings`: scripts, forms, media queries. `{{unsubscribe}}` is the recipient's own link; without it a footer "
        "has it.",
    )
    images: list[ImageInput] | None = Field(
        default=None, max_length=MOST_IMAGES, description="Pictures that `markdown` and `html` show by `cid:` and name."
    )
    audience: str | None = Field(
        default=None,
        description="A CSV with a column of addresses. Exactly one of `audience`, `saved_audience` and `rows`; a draft "
        "may lack it until it is asked or sent.",
    )
    saved_audience: str | None = Field(default=None, max_length=200, description="The name of a saved audience.")
    rows: list[dict[str, Cell]] | None = Field(
        default=None, max_length=MOST_ROWS, description="The audience as objects, each with an `email`."
    )
    address_column: str = Field(
        default="",
        max_length=1000,
        description="The column of `audience` that holds the addresses; needed where several may.",
    )
    keep_marked_rows: bool = Field(
        default=False, description="Mail also the rows that say of themselves that they are unsubscribed or cleaned."
    )
    where: FilterInput | None = Field(
        default=None,
        description="Only rows of the audience that this finds. Who gets the broadcast: the audience where …, and all "
        "of `also`, less `except`, less who got `except_broadcasts`; an address that comes twice keeps its first "
        "values. It is looked at again whenever the broadcast is asked for or sent.",
    )
    also: AudienceNames | None = Field(default=None, description="Names of saved audiences: everybody in them, too.")
    leaves_out: AudienceNames | None = Field(
        default=None, alias="except", description="Names of saved audiences: nobody who is in one of them."
    )
    except_broadcasts: BroadcastIds | None = Field(
        default=None,
        description="Nobody who got one of these broadcasts: is `sent`, `delivered`, `bounced`, `complained` or "
        "`in_doubt` there.",
    )
    send_at: AwareDatetime | None = Field(
        default=None, description="When to start; null: as soon as the time for Undo is over, or it is approved."
    )
    accept: list[Confirmation] = Field(
        default=[],
        max_length=10,
        description="What is agreed to: the `code` of each of the confirmations that `/readiness` names.",
    )

    def selection(self, before: Selection = NOTHING_SELECTED) -> Selection:
        """Return who of the audience gets it; what is not there is as it was before.

        Raises:
            BotError: FILTER_VALUE.
        """

        def merged(name: str, given: Sequence[str] | None, otherwise: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(dict.fromkeys(given or ())) if name in self.model_fields_set else otherwise

        where = self.where.filter() if self.where else None
        return Selection(
            where if "where" in self.model_fields_set else before.where,
            merged("also", self.also, before.also),
            merged("leaves_out", self.leaves_out, before.leaves_out),
            merged("except_broadcasts", self.except_broadcasts, before.leaves_out_got),
        )

    @field_validator("rows")
    @classmethod
    def _can_be_read(cls, rows: Any) -> Any:
        for number, row in enumerate(rows or (), start=1):
            if not any(name == "email" and isinstance(cell, str) for name, cell in row.items()):
                raise ValueError(f"Row {number} has no email that is text.")
            if any("\0" in cell for cell in (*row, *row.values()) if isinstance(cell, str)):
                raise ValueError(f"Row {number} holds the character NUL.")
        return rows


class BroadcastInput(BroadcastMembers):
    """A broadcast to send, to ask for, or to keep as a draft: what the form in Slack asks for."""

    mode: Mode = Field(default=Mode.SEND, description="`send` needs the scope `send`.")
    sender: str = Field(
        alias="from", min_length=1, max_length=320, description="The From address, covered by a verified identity."
    )
    subject: str = Field(min_length=1, max_length=1000)


class BroadcastPatch(BroadcastMembers):
    """A merge patch (RFC 7396): what is not there stays as it is, null takes it away.

    The audience and the text are each one thing, whichever of the members it came by; so is `where`.
    """

    mode: Mode | None = Field(
        default=None,
        description="`ask` or `send`: it is asked for or sent as it then is; should that be refused, the change stays.",
    )
    sender: str | None = Field(default=None, alias="from", min_length=1, max_length=320)
    subject: str | None = Field(default=None, min_length=1, max_length=1000)


class TestInput(Input):
    """Whose mail is to be sent, and to whom."""

    to: list[str] = Field(
        min_length=1,
        max_length=MOST_ADDRESSES,
        description="One mail each. A token without the scope `send` reaches only those that the settings of the "
        "channel name under “Tests go to”.",
    )
    row: int = Field(default=1, ge=1, le=100_000_000, description="Whose values, by the audience's order.")


class PreviewInput(Input):
    row: int = Field(default=1, ge=1, le=100_000_000, description="Whose mail, by the audience's order.")
