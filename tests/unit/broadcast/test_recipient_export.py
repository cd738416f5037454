"""The list of recipients: everybody once, each with their line, nothing a spreadsheet would run."""

import csv
import io

import pytest

from bot.broadcast.audience.rejected_rows import escape_formula
from bot.broadcast.reporting import recipient_export
from bot.broadcast.reporting.recipient_export import COLUMNS, write_list
from tests.unit.broadcast.fixtures import Station


async def test_everybody_is_in_it_once_with_their_line_page_after_page(
    connected: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recipient_export, "_PAGE", 7)
    broadcast = await connected.confirmed(230)
    file = io.BytesIO()

    assert await write_list(connected.db, broadcast, file) == 230

    assert not file.closed
    header, *rows = csv.reader(io.StringIO(file.getvalue().decode("utf-8-sig")))
    assert tuple(header) == COLUMNS
    assert [(row[0], row[1], row[5]) for row in rows] == [
        (f"r{number}@c1.example", "pending", str(number + 1)) for number in range(1, 231)
    ]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠"])
def test_what_begins_like_a_formula_gets_an_apostrophe(start: str) -> None:
    assert escape_formula(f"{start}1+1") == f"'{start}1+1"
    assert escape_formula(f"550 no;{start}1+1") == f"550 no;'{start}1+1"
    assert escape_formula(f'say "{start}1+1"') == f'say "\'{start}1+1"'


@pytest.mark.parametrize("text", ["", "ann@elsewhere.test", "550 5.1.1 no such user - really", "1=1"])
def test_other_text_stays_as_it_is(text: str) -> None:
    assert escape_formula(text) == text
