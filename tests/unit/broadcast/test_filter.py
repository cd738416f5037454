"""*Only those where*, held against a second implementation, which is plain, slow and written by other means."""

import re
import unicodedata
from datetime import datetime, timedelta, timezone
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.broadcast.audience.selection.filter import MOST_LINES, Condition, Filter, Match, Operator
from bot.errors import BotError

COLUMNS = ("email", "plan", "age", "since")

# The second implementation


def plain_is_met(op: Operator, cell: str, value: str) -> bool | None:
    """None: the cell is no date or number."""
    if op in {Operator.BEFORE, Operator.AFTER}:
        mine, theirs = plain_date(cell), plain_date(value)
    elif op in {Operator.OVER, Operator.UNDER}:
        mine, theirs = plain_number(cell), plain_number(value)
    else:
        return plain_text(op, cell, value)
    if mine is None:
        return None
    assert theirs is not None
    return mine > theirs if op in {Operator.AFTER, Operator.OVER} else mine < theirs


def plain_text(op: Operator, cell: str, value: str) -> bool:
    def told(text: str) -> str:
        composed = unicodedata.normalize("NFC", text)
        while composed[:1].isspace():
            composed = composed[1:]
        while composed[-1:].isspace():
            composed = composed[:-1]
        return unicodedata.normalize("NFC", composed.casefold())

    match op:
        case Operator.IS:
            return told(cell) == told(value)
        case Operator.IS_NOT:
            return told(cell) != told(value)
        case Operator.CONTAINS:
            return told(cell).find(told(value)) >= 0
    return all(letter.isspace() for letter in cell)


def plain_number(text: str) -> Fraction | None:
    """As a fraction of whole numbers."""
    sign, digits = (-1, text.strip()[1:]) if text.strip().startswith("-") else (1, text.strip().removeprefix("+"))
    whole, point, rest = digits.partition(".")
    parts = [whole, rest] if point else [whole]
    if any(not part or not set(part) <= set("0123456789") for part in parts):
        return None
    return sign * Fraction(int(whole + rest), 10 ** len(rest))


def plain_date(text: str) -> Fraction | None:
    """Seconds since the year 1, counted in days, hours and minutes."""
    text = text.strip()
    if re.fullmatch(r"\d\d\d\d-\d\d-\d\d", text, re.ASCII):
        text += "T00:00:00Z"
    if not re.fullmatch(r"\d\d\d\d-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", text, re.ASCII):
        return None
    year, month, day = int(text[:4]), int(text[5:7]), int(text[8:10])
    hour, minute, second = int(text[11:13]), int(text[14:16]), int(text[17:19])
    zone = "+00:00" if text[-1] in "Zz" else text[-6:]
    fraction = text[19:].removesuffix(text[-1] if text[-1] in "Zz" else text[-6:]).removeprefix(".")
    east = (1 if zone[0] == "+" else -1) * (int(zone[1:3]) * 60 + int(zone[4:]))
    try:
        days = datetime(year, month, day).toordinal()  # noqa: DTZ001
    except ValueError:
        return None
    if hour > 23 or minute > 59 or second > 60 or int(zone[1:3]) > 23 or int(zone[4:]) > 59:
        return None
    seconds = Fraction(days * 86400 + hour * 3600 + minute * 60 + second - east * 60)
    first, last = 86400, 3_652_060 * 86400
    if not first <= seconds < last:  # of the years 1 to 9999 in UTC
        return None
    return seconds + (Fraction(int(fraction), 10 ** len(fraction)) if fraction else 0)


# What is drawn: values that nearly match, beside anything


def east(minutes: int) -> timezone:
    return timezone(timedelta(minutes=minutes))


words = st.sampled_from(
    [
        "pro",
        "PRO",
        " pro ",
        "Pro\u00a0",
        "profit",
        "free",
        "",
        " ",
        "\u2003",
        "straße",
        "STRASSE",
        "é",
        "e\u0301",
        "É",
        "İ",
        "ẞ",
    ]
)
digits = st.text("0123456789", min_size=1, max_size=6)
numbers = st.one_of(
    st.sampled_from(
        ["1", "1.0", "+1", "-1", "01", "1,000", "1e3", "1.", ".5", "٣", "٣.٤", "Infinity", "NaN", "-0", "0.0"]
    ),
    st.builds("{}{}.{}".format, st.sampled_from(["", "-", "+", " "]), digits, digits),
    digits,
)
dates = st.one_of(
    st.sampled_from(
        [
            "2026-06-01", " 2026-06-01 ", "2026-06-01T00:00:00Z", "2026-06-01t00:00:00z", "2026-06-01 00:00:00Z",
            "2026-06-01T00:00:00", "2026-06-01T00:00Z", "2026-06-01T02:00:00+02:00", "2026-06-01T00:00:00.000Z",
            "2026-06-01T00:00:00.0001Z", "2026-06-01T00:00:00.0000000001Z", "2026-05-31T23:59:60Z", "20260601",
            "2026-6-1", "01.06.2026", "2026-02-29", "2024-02-29", "2026-13-01", "2026-06-01T24:00:00Z",
            "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:60Z", "9999-12-31T23:59:59-00:01",
            "2026-06-01T00:00:00+24:00",
            "2026-06-01T00:00:00+00:60", "2026-06-01T00:00:00-00:00", "٢٠٢٦-06-01", "0000-01-01",
        ]
    ),
    st.dates().map(lambda day: day.isoformat()),
    st.datetimes(timezones=st.integers(-1439, 1439).map(east)).map(lambda at: at.isoformat()),
)  # fmt: skip
cells = st.one_of(words, numbers, dates, st.text(max_size=5))


@st.composite
def lines(draw: st.DrawFn) -> Condition:
    op = draw(st.sampled_from(Operator))
    column = draw(st.sampled_from(COLUMNS))
    if op is Operator.IS_EMPTY:
        return Condition(column, op)
    if op in {Operator.BEFORE, Operator.AFTER}:
        return Condition(column, op, draw(dates.filter(lambda text: plain_date(text) is not None)))
    if op in {Operator.OVER, Operator.UNDER}:
        return Condition(column, op, draw(numbers.filter(lambda text: plain_number(text) is not None)))
    return Condition(column, op, draw(cells.filter(lambda text: text.strip() != "")))


filters = st.builds(Filter, st.sampled_from(Match), st.lists(lines(), min_size=1, max_size=MOST_LINES).map(tuple))


@st.composite
def filters_and_rows(draw: st.DrawFn) -> tuple[Filter, list[tuple[str, ...]]]:
    """Rows in which many cells hold the very values that they are compared with."""
    where = draw(filters)
    near = st.sampled_from([line.value for line in where.lines])
    return where, draw(st.lists(st.tuples(*[near | cells] * len(COLUMNS)), max_size=5))


@given(filters_and_rows())
@example((Filter(Match.ALL, (Condition("plan", Operator.IS_NOT, "pro"),)), [("", "", "", "")]))
def test_a_filter_keeps_what_the_plain_one_keeps_and_counts_what_cannot_be_read(
    drawn: tuple[Filter, list[tuple[str, ...]]],
) -> None:
    where, rows = drawn
    test, unreadable = where.for_columns(COLUMNS), [0] * len(where.lines)
    for row in rows:
        met = [plain_is_met(line.op, row[COLUMNS.index(line.column)], line.value) for line in where.lines]
        unreadable = [count + (one is None) for count, one in zip(unreadable, met, strict=True)]
        expected = all(one is True for one in met) if where.match is Match.ALL else True in met
        assert test.keeps(row) is expected
    assert test.unreadable == unreadable


def test_a_filter_is_stored_as_the_api_has_it() -> None:
    where = Filter(Match.ANY, (Condition("plan", Operator.IS_NOT, "pro"), Condition("age", Operator.IS_EMPTY)))
    stored = {"any": [{"column": "plan", "op": "is_not", "value": "pro"}, {"column": "age", "op": "is_empty"}]}

    assert where.to_json() == stored
    assert Filter.from_json(stored) == where
    assert str(where) == "plan is not “pro”, or age is empty"


@pytest.mark.parametrize(
    ("op", "value", "cell", "met"),
    [
        ("is", "pro", " PRO ", True),
        ("is", "straße", "STRASSE", True),
        ("is", "caf\u00e9", "CAFE\u0301", True),
        ("is_not", "pro", "", True),
        ("contains", "ro", "PROFIT", True),
        ("is_empty", "", " \u00a0", True),
        ("is_empty", "", "0", False),
        ("before", "2026-06-01", "2026-05-31T23:59:59Z", True),
        ("before", "2026-06-01", "2026-06-01", False),
        ("before", "2026-06-01", "2026-06-01T01:00:00+02:00", True),
        ("after", "2026-06-01", "2026-06-01T00:00:00.001Z", True),
        ("after", "2026-06-01", "June", False),
        ("after", "2026-06-01", "2026-06-02T00:00:00", False),  # no zone: no time of RFC 3339
        ("over", "9", "10", True),
        ("over", "9", "9.000000000000000000001", True),
        ("under", "9", "1,5", False),
        ("under", "9", "", False),
    ],
)
def test_each_operator(op: str, value: str, cell: str, met: bool) -> None:
    where = Filter(Match.ALL, (Condition("Plan", Operator(op), value),))

    assert where.for_columns(["plan"]).keeps([cell]) is met


def test_of_several_lines_all_or_any_must_be_met() -> None:
    pro_or_old = (Condition("plan", Operator.IS, "pro"), Condition("age", Operator.OVER, "30"))

    both, one, none = ("", "pro", "31", ""), ("", "pro", "?", ""), ("", "free", "7", "")
    assert [Filter(Match.ALL, pro_or_old).for_columns(COLUMNS).keeps(row) for row in (both, one, none)] == [
        True, False, False,
    ]  # fmt: skip
    assert [Filter(Match.ANY, pro_or_old).for_columns(COLUMNS).keeps(row) for row in (both, one, none)] == [
        True, True, False,
    ]  # fmt: skip


def test_a_column_is_known_by_its_title_and_one_that_is_not_there_is_named_with_those_that_are() -> None:
    title = Filter(Match.ANY, (Condition("First name", Operator.IS_EMPTY),))
    assert title.for_columns(["email", "first_name"]).keeps(["", " "])
    address = Filter(Match.ALL, (Condition("email", Operator.CONTAINS, "@a.test"),))
    assert address.for_columns(["work", "plan"], "work").keeps(["ann@A.test", ""])

    with pytest.raises(BotError) as refused:
        Filter(Match.ANY, (Condition("email", Operator.IS_EMPTY), Condition("tier", Operator.IS, "pro"))).for_columns(
            COLUMNS
        )

    assert (refused.value.code, refused.value.field) == ("UNKNOWN_COLUMN", "where.any.1.column")
    assert refused.value.candidates == list(COLUMNS)
    assert "“tier”" in refused.value.sentence


@pytest.mark.parametrize(
    ("op", "value"),
    [
        ("is", " "),
        ("contains", ""),
        ("is_empty", "pro"),
        ("before", "June"),
        ("after", "2026-02-30"),
        ("over", "1,000"),
        ("under", ""),
    ],
)
def test_a_value_that_cannot_be_compared_is_named(op: str, value: str) -> None:
    with pytest.raises(BotError) as refused:
        Filter(Match.ALL, (Condition("plan", Operator(op), value),)).check()

    assert (refused.value.code, refused.value.field) == ("FILTER_VALUE", "where.all.0.value")
