"""Cursors: what was made here is read back, and anything else is refused by name."""

import base64
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.http.api.endpoints import _BY_AGE, _BY_NAME, _BY_SEQ
from handlers.http.api.pagination import Cursor
from handlers.http.api.problems import Refusal

CURSORS = [_BY_NAME, _BY_AGE, _BY_SEQ]


@given(st.datetimes(datetime(2000, 1, 1), datetime(2999, 1, 1), timezones=st.just(UTC)), st.text("0123456789abcdef"))  # noqa: DTZ001 - hypothesis adds the zone
def test_the_next_page_begins_after_the_last_row_of_this_one(made: datetime, name: str) -> None:
    rows = [SimpleNamespace(created_at=made, id=name, name=name, seq=7), SimpleNamespace()]

    for cursor, place in ((_BY_AGE, (made, name)), (_BY_NAME, name), (_BY_SEQ, 7)):
        shown, following = cursor.page(rows, 1)
        assert shown == rows[:1]
        assert following is not None
        assert cursor.read(following) == place


def test_the_last_page_has_no_cursor() -> None:
    assert _BY_SEQ.page([SimpleNamespace(seq=1)], 1) == ([SimpleNamespace(seq=1)], None)
    assert _BY_SEQ.page([], 1) == ([], None)


@pytest.mark.parametrize("cursor", CURSORS)
@given(st.one_of(st.text(min_size=1), st.binary(min_size=1).map(lambda raw: base64.urlsafe_b64encode(raw).decode())))
def test_whatever_else_is_typed_is_refused_and_nothing_worse(cursor: Cursor[object], text: str) -> None:
    try:
        place = cursor.read(text)
    except Refusal as refusal:
        assert [error.parameter for error in refusal.problem.errors] == ["cursor"]
    else:
        assert place is not None
