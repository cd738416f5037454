"""Unsubscribe links: each names its recipient and is signed, so that nobody can guess another one."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from bot.signed_tokens import Key, Signer, verify

_PURPOSE = b"mailroom unsubscribe 1\0"
_ID_BYTES = 16
_SEQ_BYTES = 4

TEST_SEQ = 0  # stands in the link of a test, which is nobody's: recipients are counted from 1


@dataclass(frozen=True, slots=True)
class LinkSubject:
    """The delivery that a link belongs to. Team and broadcast are ids as `storage.models.new_id` makes them."""

    team_id: str
    broadcast_id: str
    seq: int

    @property
    def is_test(self) -> bool:
        """Whether it is the link of a test, which changes nothing."""
        return self.seq == TEST_SEQ


class TokenMaker:
    """Makes the tokens of a broadcast's recipients."""

    def __init__(self, keys: Sequence[Key], team_id: str, broadcast_id: str) -> None:
        self._signer = Signer(keys, _PURPOSE, bytes.fromhex(team_id) + bytes.fromhex(broadcast_id))

    def make(self, seq: int) -> str:
        """Return the URL-safe token of a recipient, signed with the first key: 72 characters with a key id of two."""
        return self._signer.sign(seq.to_bytes(_SEQ_BYTES))


def read_token(keys: Sequence[Key], token: str) -> LinkSubject | None:
    """Return the delivery that a token is for; None if none of our keys signed it. Takes the same time either way."""
    claim = verify(keys, _PURPOSE, token, 2 * _ID_BYTES + _SEQ_BYTES)
    if claim is None:
        return None
    team, broadcast, seq = claim[:_ID_BYTES], claim[_ID_BYTES : 2 * _ID_BYTES], claim[2 * _ID_BYTES :]
    return LinkSubject(team.hex(), broadcast.hex(), int.from_bytes(seq))


def unsubscribe_url(public_url: str, token: str) -> str:
    return f"{public_url.rstrip('/')}/u/{token}"


def unsubscribe_mailto(reply_to: str) -> str:
    return f"mailto:{quote(reply_to, safe='@')}?subject=unsubscribe"


def unsubscribe_headers(*, url: str = "", reply_to: str = "") -> dict[str, str]:
    """Return the headers of one mail: one-click where there is a public address, else by mail to the reply address.

    RFC 8058, section 3.1; RFC 2369, section 3.2. A value is at most 995 printable ASCII characters (SES,
    MessageHeader).

    Raises:
        ValueError: neither is given, or the address cannot stand in a header.
    """
    target = url or (unsubscribe_mailto(reply_to) if reply_to else "")
    value = f"<{target}>"
    if not target or len(value) > 995 or not (value.isascii() and value.isprintable()) or {*" <>"} & {*target}:
        raise ValueError("a mail needs an address to unsubscribe at that can stand in a header")
    headers = {"List-Unsubscribe": value}
    if url:
        headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    return headers
