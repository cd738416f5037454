"""What a receiver is asked and what it answers. It is reached by handlers/webhook_receiver.py."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, Protocol

ADDRESS_LIMIT: Final = 2_000
"""Characters of an address."""

WITHIN: Final = 10.0
"""Seconds in which an answer must be there, headers and body."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`status` of the answer; 0 where there was none, and then `error` says why in words of ours."""

    status: int = 0
    error: str = ""

    @property
    def taken(self) -> bool:
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    @property
    def gone(self) -> bool:
        """The receiver wants no more, ever."""
        return self.status == HTTPStatus.GONE

    @property
    def text(self) -> str:
        """As people read it; nothing in it is the receiver's own."""
        if not self.status:
            return self.error
        named = HTTPStatus(self.status).phrase if self.status in {*HTTPStatus} else ""
        moved = ", which is not followed" if HTTPStatus.MULTIPLE_CHOICES <= self.status < HTTPStatus.BAD_REQUEST else ""
        return f"{self.status} {named}".strip() + moved


class Receiver(Protocol):
    """Where events go."""

    async def check(self, address: str) -> None:
        """Look the address up, and see whether it may be connected to.

        Raises:
            BotError: WEBHOOK_ADDRESS.
        """

    async def post(self, address: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Post once; whatever goes wrong is an answer."""
