"""Secrets at rest: what a dump of the database gives away is nothing.

A value is sealed for one place (team, record, field) and opens nowhere else. The place of a column is the team of its
row, the id of its row, and its own name.
"""

import hmac
import os
import re
import secrets
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NoReturn, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_VERSION: Final = 1
_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12  # 96 random bits: NIST SP 800-38D, 8.2.2
_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")


class UnsealError(Exception):
    """A sealed value cannot be opened: another place, another key, or another byte than was written."""


class Secret:
    """A text that is never shown by accident. Equality takes the same time wherever the difference is."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(_bytes(self._text), _bytes(other._text))

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __repr__(self) -> str:
        return "Secret(…)"

    def __format__(self, _spec: str) -> str:
        return repr(self)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _memo: object) -> Self:
        return self  # dataclasses.asdict and pydantic's defaults copy deeply

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not to be pickled")


class KeyRing:
    """The sealing keys: the first one seals, every one opens.

    Args:
        keys: 32 bytes by key id, newest first.
    """

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self._keys = dict(keys)
        self._ciphers = {key_id: AESGCM(_derive(key, "sealing")) for key_id, key in keys.items()}
        self.newest: Final = next(iter(self._keys))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the form of MAILROOM_KEYS: `id:base64`, comma-separated, newest first.

        Raises ValueError with one sentence that holds no part of a key.
        """
        keys: dict[str, bytes] = {}
        for number, entry in enumerate(text.strip().split(","), start=1):
            key_id, _, encoded = entry.strip().partition(":")
            if not _KEY_ID.fullmatch(key_id):
                raise ValueError(
                    f"MAILROOM_KEYS: entry {number} must be id:base64, with an id of up to 32 letters, digits, - and _"
                )
            if key_id in keys:
                raise ValueError(f"MAILROOM_KEYS: entry {number} has the id of an entry before it")
            keys[key_id] = _decode(encoded, number)
        return cls(keys)

    @classmethod
    def generate(cls) -> Self:
        """Make a ring of one new random key."""
        return cls({f"k{secrets.token_hex(4)}": secrets.token_bytes(_KEY_BYTES)})

    def export(self) -> Secret:
        """Return the ring in the form of MAILROOM_KEYS."""
        return Secret(",".join(f"{key_id}:{b64encode(key).decode()}" for key_id, key in self._keys.items()))

    def __contains__(self, key_id: str) -> bool:
        return key_id in self._keys

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def seal(self, plain: str, *, team: str, record: str, field: str) -> bytes:
        """Encrypt with the newest key, for this place only.

        The result is version, length of the key id, key id, nonce, ciphertext and tag; whatever of it is not
        encrypted is authenticated.
        """
        header = bytes([_VERSION, len(self.newest)]) + self.newest.encode()
        nonce = secrets.token_bytes(_NONCE_BYTES)
        place = _place(header, team, record, field)
        return header + nonce + self._ciphers[self.newest].encrypt(nonce, _bytes(plain), place)

    def open(self, sealed: bytes, *, team: str, record: str, field: str) -> Secret:
        """Decrypt what was sealed for this place. Raises UnsealError."""
        key_id = key_id_of(sealed)
        if key_id not in self._ciphers:
            raise UnsealError(f"MAILROOM_KEYS has no key {key_id}, with which this value is sealed")
        header, rest = sealed[: 2 + len(key_id)], sealed[2 + len(key_id) :]
        place = _place(header, team, record, field)
        try:
            plain = self._ciphers[key_id].decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], place)
        except (InvalidTag, ValueError):
            raise UnsealError("this value was sealed for another place or by another key, or was changed") from None
        return Secret(plain.decode("utf-8", "surrogatepass"))

    def needs_rotation(self, sealed: bytes) -> bool:
        """Tell whether another key than the newest one sealed this."""
        return key_id_of(sealed) != self.newest

    def derive(self, purpose: str) -> list[tuple[str, bytes]]:
        """Return 32 bytes a key for another use, with the key's id."""
        return [(key_id, _derive(key, f"use:{purpose}")) for key_id, key in self._keys.items()]


def load_keys(setting: Secret, database: Path | None) -> KeyRing:
    """Return the keys of MAILROOM_KEYS, else those in the file beside the SQLite database, made where it is missing.

    Args:
        setting: MAILROOM_KEYS, or empty.
        database: the SQLite file; None on PostgreSQL, whose replicas must share their keys.

    Raises ValueError with one sentence.
    """
    if setting:
        return KeyRing.parse(setting.reveal())
    if database is None:
        raise ValueError("MAILROOM_KEYS is missing: on PostgreSQL the sealing keys must be given")
    path = Path(f"{database}.keys")
    if not path.exists():
        _write_keys(path, KeyRing.generate())
    if path.stat().st_mode & 0o077:
        raise ValueError(f"{path.name} can be read by others: run chmod 600 on it")
    return KeyRing.parse(path.read_text())


def key_id_of(sealed: bytes) -> str:
    """Return which key sealed this. Raises UnsealError where it is nothing that was sealed here."""
    length = sealed[1] if len(sealed) > 1 else 0
    key_id = sealed[2 : 2 + length].decode("ascii", "replace")
    if sealed[:1] != bytes([_VERSION]) or not _KEY_ID.fullmatch(key_id):
        raise UnsealError("this is not a sealed value, or one of a newer Mailroom")
    return key_id


def _write_keys(path: Path, ring: KeyRing) -> None:
    """Write the file whole or not at all: a half-written key would lose everything sealed with it."""
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(f"{ring.export().reveal()}\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    sync_folder(path)


def sync_folder(path: Path) -> None:
    """Have the disk know which files are in the folder of this one."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _decode(encoded: str, number: int) -> bytes:
    try:
        key = b64decode(encoded, validate=True)
    except ValueError:
        raise ValueError(f"MAILROOM_KEYS: the key of entry {number} is not base64") from None
    if len(key) != _KEY_BYTES:
        raise ValueError(f"MAILROOM_KEYS: the key of entry {number} must be {_KEY_BYTES} bytes, not {len(key)}")
    return key


def _derive(key: bytes, use: str) -> bytes:
    return HKDF(SHA256(), _KEY_BYTES, salt=None, info=f"mailroom:{use}".encode()).derive(key)


def _place(header: bytes, *parts: str) -> bytes:
    """Join with lengths, so that no two places give the same bytes."""
    encoded = [_bytes(part) for part in parts]
    return header + b"".join(len(part).to_bytes(4, "big") + part for part in encoded)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
