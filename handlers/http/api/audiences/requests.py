"""What goes into the routes about saved audiences."""

from typing import Any, Final, Literal, Self

from pydantic import Field, field_validator, model_validator

from handlers.http.api.broadcast_requests import Cell
from handlers.http.api.requests import Input

TOGETHER: Final = 10_000  # rows and addresses of a patch


class AudienceInput(Input):
    address_column: str = Field(
        default="",
        max_length=1000,
        description="The column of a CSV that holds the addresses; needed where several may.",
    )
    invalid: Literal["skip", "refuse"] = Field(
        default="skip", description="What becomes of lines that cannot be used; refuse: one, and nothing is kept."
    )


class AudiencePatch(Input):
    """Who is to be in it, and who no longer; at most 10,000 together. Who is in both is not removed."""

    upsert: list[dict[str, Cell]] = Field(
        default=[],
        max_length=TOGETHER,
        description="Rows with an `email` each: they are added, or change who is there. A member that is absent keeps "
        "its value.",
    )
    remove: list[str] = Field(default=[], max_length=TOGETHER, description="Addresses.")

    @field_validator("upsert")
    @classmethod
    def _have_an_address(cls, rows: Any) -> Any:
        for number, row in enumerate(rows, start=1):
            if not any(name == "email" and isinstance(cell, str) for name, cell in row.items()):
                raise ValueError(f"Row {number} has no email that is text.")
        return rows

    @model_validator(mode="after")
    def _are_few(self) -> Self:
        if len(self.upsert) + len(self.remove) > TOGETHER:
            raise ValueError(f"At most {TOGETHER:,} rows and addresses together.")
        return self
