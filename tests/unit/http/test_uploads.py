"""What a body holds is counted after it is unpacked, whatever it is packed in."""

import gzip
import io
import zlib

import pytest

from handlers.http.api.files.uploads import _Unpacking
from handlers.http.api.problems import Refusal

MOST = 3 * 1024 * 1024


def unpacked(data: bytes, *, packed: bool = True, pieces: int = 7) -> bytes:
    file = io.BytesIO()
    unpacking = _Unpacking(file, MOST, packed=packed)
    for start in range(0, len(data), pieces):
        unpacking.take(data[start : start + pieces])
    unpacking.end()
    return file.getvalue()


def refused(data: bytes, **options: bool) -> str:
    with pytest.raises(Refusal) as caught:
        unpacked(data, pieces=64 * 1024, **options)
    return caught.value.problem.code


def test_it_is_what_was_packed_in_one_or_in_several_and_nothing_is_left_behind() -> None:
    text = b"".join(b"p%d@x.test\n" % number for number in range(30_000))
    assert unpacked(text, packed=False, pieces=1_000) == text
    assert unpacked(gzip.compress(text), pieces=1_000) == text
    assert unpacked(gzip.compress(text[:9]) + gzip.compress(b"") + gzip.compress(text[9:50])) == text[:50]


@pytest.mark.parametrize("layers", [1, 2])
def test_a_bomb_is_refused_before_it_is_unpacked(layers: int) -> None:
    bomb = gzip.compress(bytes(MOST + 1))
    assert len(bomb) < MOST / 500
    assert refused(bomb if layers == 1 else gzip.compress(bytes(MOST)) + gzip.compress(b"x")) == "TOO_LARGE"


def test_as_much_as_may_be_is_taken() -> None:
    assert len(unpacked(gzip.compress(bytes(MOST)), pieces=64 * 1024)) == MOST
    assert refused(bytes(MOST + 1), packed=False) == "TOO_LARGE"


@pytest.mark.parametrize("end", [0, 5, 12, -9, -1])
def test_what_is_cut_off_is_told_from_what_is_no_gzip(end: int) -> None:
    packed = gzip.compress(b"email\nann@x.test\n")
    assert refused(packed[:end]) == "BODY_INCOMPLETE"
    for other in (b"email\nann@x.test\n", zlib.compress(b"email"), packed + b"more", packed[:-5] + b"xxxxx"):
        assert refused(other) == "NOT_GZIP"
