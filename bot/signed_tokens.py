"""Tokens for links: each holds its subject, signed, so that nobody can make another one."""

import binascii
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence

Key = tuple[str, bytes]  # its id, and 256 secret bits (storage.link_keys)

_HASH = "sha256"
_MAC_BYTES = 16
_LIMIT = 512  # characters; longer ones are not ours


class Signer:
    """Signs claims that begin alike, with the first key and for one purpose alone: the beginning is hashed once."""

    def __init__(self, keys: Sequence[Key], purpose: bytes, start: bytes = b"") -> None:
        key_id, key = keys[0]
        self._start = start
        self._key_id = key_id.encode()
        self._mac = hmac.new(key, purpose + start, _HASH)

    def sign(self, rest: bytes) -> str:
        """Return the URL-safe token of the claim that ends like this."""
        end = rest + self._key_id
        mac = self._mac.copy()
        mac.update(end)
        return urlsafe_b64encode(mac.digest()[:_MAC_BYTES] + self._start + end).rstrip(b"=").decode()


def sign(keys: Sequence[Key], purpose: bytes, claim: bytes) -> str:
    """Return a URL-safe token, signed with the first key for this purpose alone."""
    return Signer(keys, purpose).sign(claim)


def verify(keys: Sequence[Key], purpose: bytes, token: str, size: int) -> bytes | None:
    """Return the claim of so many bytes, or None for one that no key of ours has signed, in time that tells nothing."""
    content = _decode(token)
    mac, signed = content[:_MAC_BYTES], content[_MAC_BYTES:]
    claim, key_id = signed[:size], signed[size:]
    for known_id, key in keys:
        if hmac.compare_digest(mac, _mac(key, purpose, signed)) and known_id.encode() == key_id:
            return claim
    return None


def _mac(key: bytes, purpose: bytes, signed: bytes) -> bytes:
    return hmac.digest(key, purpose + signed, _HASH)[:_MAC_BYTES]


def _decode(token: str) -> bytes:
    """Return the bytes of a token in its one spelling, or none: base64 alone would let several stand for the same."""
    if len(token) > _LIMIT or not token.isascii():
        return b""
    try:
        content = urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except binascii.Error:
        return b""
    return content if urlsafe_b64encode(content).rstrip(b"=").decode() == token else b""
