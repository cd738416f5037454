"""An audience as a JSON object a line: what each line is, and what is wrong with it."""

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.broadcast.audience.csv_reader import CsvRecipient, Limits, Rejected
from bot.broadcast.audience.revisions.ndjson import read_ndjson
from bot.errors import BotError

LIMITS = Limits()


def read(text: str | bytes, limits: Limits = LIMITS) -> tuple[tuple[str, ...], list[CsvRecipient | Rejected]]:
    sheet = read_ndjson(io.BytesIO(text.encode() if isinstance(text, str) else text), limits)
    return sheet.columns, list(sheet)


def test_columns_are_those_of_all_lines_and_values_stay_as_they_are_written() -> None:
    columns, rows = read(
        '\ufeff{"email": "Ann@x.test", "Plan": "pro"}\n\n'
        '{"n": 1.50, "email": "<ben@x.test>", "big": 12345678901234567890}\r\n'
        '{"email": "cy@x.test", "yes": true, "none": null, "Plan": " "}'
    )
    assert columns == ("email", "plan", "n", "big", "yes", "none")
    assert rows == [
        CsvRecipient(1, "Ann@x.test", ["Ann@x.test", "pro", "", "", "", ""]),
        CsvRecipient(3, "ben@x.test", ["ben@x.test", "", "1.50", "12345678901234567890", "", ""]),
        CsvRecipient(4, "cy@x.test", ["cy@x.test", " ", "", "", "true", ""]),
    ]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b'{"email": "a@x.test"', "is not JSON"),
        (b'{"email": "a@x.test", "n": NaN}', "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"email,plan", "is not JSON"),
        (b'[{"email": "a@x.test"}]', "is not a JSON object"),
        (b'"a@x.test"', "is not a JSON object"),
        (b'{"mail": "a@x.test"}', "has no email"),
        (b'{"email": null}', "has in “email” what is no text, number, true, false or null"),
        (b'{"email": "a@x.test", "tags": ["a"]}', "has in “tags” what is no text, number, true, false or null"),
        (b'{"email": "a@x.test", "tags": {}}', "has in “tags” what is no text, number, true, false or null"),
        (b'{"email": "a@x.test", "email": "b@x.test"}', "has “email” twice"),
        (b'{"email": "a@x.test", "Plan": "a", "plan ": "b"}', "has “plan” twice"),
        (b'{"email": "a@x.test", "!": "a"}', "has a member without a name"),
        (b'{"email": "a@x.test", "n": "\\u0000"}', "has a NUL character in it"),
        (b'{"email": "a@x.test", "n": "\\ud83d"}', "has half a character in it"),
        (b'{"email": "a@x.test", "n": "\xff"}', "is not UTF-8 text"),
        (b'{"email": "a@x.test", "n": "%s"}' % (b"x" * 2_001), "has a value of over 2,000 characters"),
        (b'{"email": "a@x.test", "%s": "1"}' % (b"x" * 201), "has a member with a name of over 200 characters"),
        (b'{"email": "a@x.test", "n": "%s"}' % (b"x" * 300_000), "is longer than 256 KB"),
        (b'{"email": "a"}', "has no @"),
        (b'{"email": "OK@x.test"}', "is the same as line 1"),
        (b'{"email": "a@x.test", "status": "unsubscribed"}', "is marked “unsubscribed”"),
    ],
)
def test_a_line_that_cannot_be_used_is_named_and_the_others_are_read(line: bytes, why: str) -> None:
    _, rows = read(b'{"email": "ok@x.test", "status": "active"}\n' + line + b'\n{"email": "last@x.test"}\n')
    assert [(row.line, row.why) for row in rows if isinstance(row, Rejected)] == [(2, why)]
    assert [(row.line, row.address) for row in rows if isinstance(row, CsvRecipient)] == [
        (1, "ok@x.test"),
        (3, "last@x.test"),
    ]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b"\n \n", "AUDIENCE_EMPTY"),
        (b'{"email": "a@x.test"}\n' * 4, "AUDIENCE_TOO_MANY_ROWS"),
        (json.dumps({"email": "a@x.test"} | {f"c{n}": n for n in range(300)}).encode(), "AUDIENCE_TOO_MANY_COLUMNS"),
    ],
)
def test_what_is_too_much_or_nothing_is_refused_as_a_whole(text: bytes, code: str) -> None:
    with pytest.raises(BotError, match=code):
        read(text, Limits(rows=3))


_VALUES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


@given(st.lists(st.dictionaries(st.sampled_from(["plan", "city", "n"]), _VALUES), min_size=1, max_size=9))
def test_what_was_written_is_what_is_read(rows: list[dict[str, str]]) -> None:
    text = "".join(json.dumps({"email": f"p{at}@x.test", **row}) + "\n" for at, row in enumerate(rows))
    columns, found = read(text)
    for row, one in zip(rows, found, strict=True):
        assert isinstance(one, CsvRecipient)
        assert {name: value for name, value in zip(columns[1:], one.fields[1:], strict=True) if value} == {
            name: value for name, value in row.items() if value
        }
