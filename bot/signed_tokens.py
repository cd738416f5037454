"""Tokens for links: each holds its subject, signed, so that nobody can make another one."""

import binascii
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence

Key = tuple[str, bytes]  # its id, and 256 secret bits (storage.link_keys)

_MAC_BYTES = 16
_LIMIT = 512  # characters; longer ones are not ours


def sign(keys: Sequence[Key], purpose: bytes, claim: bytes) -> str:
    """Return a URL-safe token, signed with the first key for this purpose alone."""
    key_id, key = keys[0]
    signed = claim + key_id.encode()
    return urlsafe_b64encode(_mac(key, purpose, signed) + signed).rstrip(b"=").decode()


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
    return hmac.digest(key, purpose + signed, "sha256")[:_MAC_BYTES]


def _decode(token: str) -> bytes:
    """Return the bytes of a token in its one spelling, or none: base64 alone would let several stand for the same."""
    if len(token) > _LIMIT or not token.isascii():
        return b""
    try:
        content = urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except binascii.Error:
        return b""
    return content if urlsafe_b64encode(content).rstrip(b"=").decode() == token else b""
