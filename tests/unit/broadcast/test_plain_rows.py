"""Rows that are read many at once: what comes of them is what comes of the same rows one by one."""

import csv
import io
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import chain

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from bot.broadcast.audience.block_builder import BlockBuilder
from bot.broadcast.audience.csv_reader import CsvRecipient, CsvRecipients, Limits, Rejected, RejectReason, read_csv
from bot.errors import BotError
from bot.suppression.hidden import HiddenAddresses, hash_of
from storage.models import Audience

_SAMPLE = [[f"s{n}@x.test", f"Name {n}", "Graz"] for n in range(1_001)]  # which are read one by one anyway
_HEADER = ["email", "name", "city"]

_odd = st.text(st.sampled_from("aé ,;\"'\\[]\n\t\x85\u2028\u00a0\ufeff@.\x7f"), max_size=8)
_address = st.builds("{}@{}.test".format, st.from_regex(r"[a-zA-Z'|+.]{1,3}", fullmatch=True), st.sampled_from("xyZ"))
_rows = st.lists(st.tuples(_address | _odd, st.just("plain") | _odd, st.just("") | _odd), max_size=80)
_NOBODY = HiddenAddresses(b"", "T", frozenset(), frozenset())


def _file(
    rows: Sequence[Sequence[str]], end: str = "\n", delimiter: str = ",", quoting: int = csv.QUOTE_MINIMAL
) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=quoting).writerows([_HEADER, *_SAMPLE, *rows])  # type: ignore[arg-type]
    return text.getvalue().encode()


def _plain(count: int) -> list[list[str]]:
    return [[f"r{n}@x.test", f"Zoë {n}", ""] for n in range(count)]


def _read(data: bytes) -> tuple[list[CsvRecipient | Rejected], bool]:
    """Return the rows, and whether some of them were read at once."""
    rows = list(read_csv(io.BytesIO(data)).rows)
    each = (row.each() if isinstance(row, CsvRecipients) else (row,) for row in rows)
    return [*chain.from_iterable(each)], any(isinstance(row, CsvRecipients) for row in rows)


def _stored(data: bytes, hidden: HiddenAddresses = _NOBODY) -> tuple[Audience, list[tuple[int, str, list[str]]]]:
    audience = Audience(team_id="T", columns=_HEADER, created_by="U1", created_at=datetime.now(UTC))
    blocks = [*BlockBuilder(audience, lambda _: None, hidden).blocks(read_csv(io.BytesIO(data)).rows)]
    assert [block["first_seq"] for block in blocks] == [*range(1, audience.size + 1, 100)]
    parts = ([json.loads(block[name]) for name in ("lines", "addresses", "fields")] for block in blocks)
    return audience, [member for part in parts for member in zip(*part, strict=True)]


@given(_rows, st.sampled_from(["\n", "\r\n"]), st.sampled_from(",;|\t"))
@example([("a@x.test", " b", "c ")], "\n", ",")
@example([("'a@x.test", "b", "c"), ("|@x.test", "b", "c")], "\r\n", "|")
@settings(max_examples=8, phases=(Phase.explicit, Phase.generate))
def test_rows_are_the_same_read_one_by_one(rows: list[tuple[str, str, str]], end: str, delimiter: str) -> None:
    at_once = [*_plain(20), *rows]
    found, _ = _read(_file(at_once, end, delimiter))
    one_by_one, some = _read(_file(at_once, end, delimiter, csv.QUOTE_ALL))
    assert found == one_by_one
    assert not some
    _, stored = _stored(_file(at_once, end, delimiter))
    assert stored == [tuple(row) for row in found if isinstance(row, CsvRecipient)]


def test_many_plain_rows_are_read_at_once_and_counted_as_others_are() -> None:
    data = _file([*_plain(500), ["q@x.test", 'of "two"', ""], *([f"R{n}@x.test", "", ""] for n in range(3))])
    _, some = _read(data)
    assert some
    audience, members = _stored(data)
    assert (audience.size, audience.duplicates, audience.invalid) == (1_502, 3, 0)
    assert audience.empty_values == [0, 0, 501]
    assert members[1_501] == (1_503, "q@x.test", ["q@x.test", 'of "two"', ""])
    assert audience.rejected[0] == {"line": 1_504, "value": "R0@x.test", "why": "is the same as line 1003"}


def test_who_comes_again_among_rows_that_are_read_at_once_is_left_out() -> None:
    found, some = _read(_file([*_plain(900), ["R7@x.test", "", ""]]))
    assert some
    assert found[-1] == Rejected(1_903, "R7@x.test", "is the same as line 1010", RejectReason.DUPLICATE)


def test_rows_that_are_read_at_once_count_too() -> None:
    data = _file(_plain(300))
    assert len([*read_csv(io.BytesIO(data), Limits(rows=1_301))]) == 1_301
    with pytest.raises(BotError, match="over 1,290 rows"):
        list(read_csv(io.BytesIO(data), Limits(rows=1_290)))


def test_who_was_erased_is_not_stored_with_rows_that_are_read_at_once() -> None:
    hashed = hash_of(b"k", "T", "r5@x.test")
    data = _file([*_plain(300), [hashed, "", ""]])
    assert _stored(data)[0].rejected == [{"line": 1_303, "value": hashed, "why": "was erased"}]
    _, members = _stored(data, HiddenAddresses(b"k", "T", frozenset({hashed}), frozenset()))
    assert members[1_006] == (1_008, hashed, ["", "", ""])
