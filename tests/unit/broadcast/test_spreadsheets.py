"""A spreadsheet as recipients: what people make, and what is made to do harm."""

import io
import struct
import tempfile
import zipfile
from datetime import date, datetime, time, timedelta
from typing import BinaryIO, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.broadcast.audience.csv_reader import CsvAudience, CsvRecipient, Limits, Rejected
from bot.broadcast.audience.header_detection import ANY, Choice
from bot.broadcast.audience.import_summary import ImportSummary
from bot.broadcast.audience.spreadsheets import archive, program
from bot.broadcast.audience.spreadsheets.cells import text_of
from bot.broadcast.audience.spreadsheets.upload import SheetRows, audience_of_sheet, read_audience
from bot.errors import BotError
from tests.unit.broadcast.workbooks import (
    boolean,
    error,
    formula,
    number,
    ods,
    ods_cell,
    text,
    texts,
    xlsx,
    zipped,
)

LIMITS = Limits()
PEOPLE = texts(["email", "name"], ["ann@a.test", "Ann"], ["ben@a.test", "Ben"])


def audience(data: bytes, limits: Limits = LIMITS, choice: Choice = ANY) -> CsvAudience:
    """Read it as `read_audience` does, and what is a zip archive in this process: one for each test takes its time."""
    if not data.startswith(b"PK"):
        return read_audience(io.BytesIO(data), limits, choice)
    target = io.BytesIO()
    rows = SheetRows(target)
    return audience_of_sheet(rows, program.read(io.BytesIO(data), target), limits, choice)


def read(data: bytes, choice: Choice = ANY) -> tuple[CsvAudience, list[CsvRecipient], list[Rejected]]:
    sheet = audience(data, choice=choice)
    rows = list(sheet)
    taken = [row for row in rows if isinstance(row, CsvRecipient)]
    return sheet, taken, [row for row in rows if isinstance(row, Rejected)]


def refusal(data: bytes, limits: Limits = LIMITS) -> BotError:
    with pytest.raises(BotError) as refused:
        list(audience(data, limits))
    assert refused.value.field == "audience"
    return refused.value


def values(data: bytes) -> list[list[str]]:
    return [row.fields[1:] for row in read(data)[1]]


def test_cells_become_the_text_that_programs_and_people_can_read() -> None:
    row = [
        text("ann@a.test"),
        number("12"),
        number("4915112345678"),
        number("19.989999999999998"),
        number("1E+20"),
        number("46174", 1),
        number("46174.604166666664", 2),
        number("0.604166666666667", 3),
        number("1.25", 4),
        boolean("1"),
        error("#N/A"),
        formula("A1 & B1", "Dear Ann"),
        text("  +49 30 1  "),
    ]
    header = texts(["email", *(f"c{at}" for at in range(1, len(row)))])[0]
    sheet, (ann,), rejected = read(xlsx({"Kunden": [header, row]}))

    assert dict(zip(sheet.columns, ann.fields, strict=True)) == {
        "email": "ann@a.test",
        "c1": "12",
        "c2": "4915112345678",
        "c3": "19.99",
        "c4": "100000000000000000000",
        "c5": "2026-06-01",
        "c6": "2026-06-01T14:30:00Z",
        "c7": "14:30:00",
        "c8": "30:00:00",
        "c9": "TRUE",
        "c11": "Dear Ann",
        "c12": "+49 30 1",
    }  # of the error nothing is left, and so nothing of its column
    assert (ann.line, rejected, sheet.sheet) == (2, [], "")


def test_an_opendocument_spreadsheet_is_read_by_its_values_not_by_how_it_shows_them() -> None:
    data = ods(
        [
            [ods_cell(name) for name in ("email", "phone", "since", "at", "pro")],
            [
                ods_cell("ann@a.test"),
                ods_cell("4.9E+12", "float", value="4915112345678"),
                ods_cell("1. Juni", "date", date_value="2026-06-01"),
                ods_cell("1. Juni", "date", date_value="2026-06-01T14:30:00"),
                ods_cell("WAHR", "boolean", boolean_value="true"),
            ],
        ]
    )
    assert values(data) == [["4915112345678", "2026-06-01", "2026-06-01T14:30:00Z", "TRUE"]]


@given(
    st.one_of(
        st.floats(allow_nan=False, allow_infinity=False).filter(lambda value: value == 0 or 1e-9 < abs(value) < 1e15),
        st.integers(-(10**15), 10**15),
    )
)
def test_a_number_is_itself_again_and_has_no_exponent(value: float) -> None:
    shown = text_of(value)
    assert float(shown) == pytest.approx(value, rel=1e-14)
    assert not set(shown.lower()) - set("-.0123456789")
    assert not shown.endswith(".0")


@given(st.datetimes(max_value=datetime(9998, 1, 1)))  # noqa: DTZ001 - a sheet's times have no zone
def test_a_time_is_the_nearest_second(value: datetime) -> None:
    shown = datetime.fromisoformat(text_of(value).removesuffix("Z"))
    assert abs(shown - value) <= timedelta(milliseconds=500)
    assert text_of(value.date()) == value.date().isoformat() == date.fromisoformat(text_of(value.date())).isoformat()
    assert len(text_of(value.time())) == len("14:30:00")


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        (time(23, 59, 59, 999_999), "00:00:00"),
        (timedelta(hours=-1, seconds=-1), "-1:00:01"),
        (-0.0, "0"),
        (True, "TRUE"),
        (0.125, "0.125"),
    ],
)
def test_some_cells_at_the_edge(cell: float | time | timedelta, shown: str) -> None:
    assert text_of(cell) == shown


def test_lines_are_the_rows_of_the_sheet_whatever_stands_above_between_and_left() -> None:
    rows = texts(
        [], ["", "Customers 2026"], [], ["", "email", "name"], ["", "ann@a.test", "Ann\nTwo"], [], ["", "nobody", "x"]
    )
    for first in (1, 5):
        sheet, (ann,), rejected = read(xlsx({"One": rows}, first_row=first))
        assert sheet.columns == ("email", "name")
        assert (ann.line, ann.fields) == (first + 4, ["ann@a.test", "Ann\nTwo"])
        assert [row.line for row in rejected] == [first + 1, first + 6]


def test_a_cell_of_several_lines_is_no_quote_that_was_never_closed() -> None:
    assert values(xlsx({"One": texts(["email"], ["ann@a.test\n"], ["ben@a.test"])})) == [[], []]
    (ann,) = read(xlsx({"One": texts(["email", "note"], ["ann@a.test", "ben@a.test\ncyd@a.test"])}))[1]
    assert ann.fields == ["ann@a.test", "ben@a.test\ncyd@a.test"]


def test_of_several_sheets_the_first_with_addresses_is_taken_and_named_with_the_others() -> None:
    notes, empty = texts(["Notes"], ["Call Ann"]), texts(["email"])
    book = {"Read me": notes, "New": empty, "Kunden": PEOPLE, "Alt": PEOPLE, "Secret": PEOPLE}
    sheet, taken, _ = read(xlsx(book, hidden=["Secret"]))
    assert [row.address for row in taken] == ["ann@a.test", "ben@a.test"]
    assert "Read from the sheet “Kunden”" in sheet.sheet
    assert "“Read me”, “New”, “Alt” are not read" in sheet.sheet
    stored = ImportSummary.from_json(ImportSummary.of(sheet).to_json())
    assert stored.sheet == sheet.sheet

    hidden_first = read(xlsx({"Secret": texts(["email"], ["boss@a.test"]), "Kunden": PEOPLE}, hidden=["Secret"]))
    assert (hidden_first[0].sheet, len(hidden_first[1])) == ("", 2)
    error_of_first = refusal(xlsx({"One": notes, "Two": texts(["x"], ["y"])}))
    assert (error_of_first.code, "“Notes”" in error_of_first.sentence) == ("AUDIENCE_NO_ADDRESS_COLUMN", True)


def test_of_very_many_sheets_some_are_named() -> None:
    sheet = read(xlsx({f"S{at}": PEOPLE for at in range(1, 8)}))[0]
    assert "“S2”, “S3”, “S4” and 3 more are not read" in sheet.sheet


def test_macros_are_left_alone_and_the_sheets_beside_them_are_read() -> None:
    assert len(read(xlsx({"One": PEOPLE}, also={"xl/vbaProject.bin": b"\xd0\xcf\x11\xe0 Auto_Open"}))[1]) == 2


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (zipped({"word/document.xml": b"<x/>"}), "a Word document (.docx): save it as .xlsx, .ods or CSV"),
        (zipped({"people.csv": b"email\na@a.test\n"}), "a zip archive: upload the CSV"),
        (zipped({"xl/workbook.bin": b""}), "a binary workbook (.xlsb)"),
        (zipped({"Index/Document.iwa": b""}), "an Apple Numbers spreadsheet"),
        (zipped({"mimetype": b"application/vnd.oasis.opendocument.text"}), "an OpenDocument file, but no spreadsheet"),
        (ods([], also={"META-INF/manifest.xml": b"<manifest:encryption-data/>"}), "protected with a password: take"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600) + "EncryptedPackage".encode("utf-16-le"), "with a password"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "an old Excel workbook (.xls): save it as .xlsx"),
        (xlsx({"One": PEOPLE})[:-60], "cut off or damaged: save it again"),
        (xlsx({"One": PEOPLE})[:300], "cut off or damaged"),
        (zipped({"xl/workbook.xml": b"<x/>"}), "cut off or damaged"),
        (xlsx({"One": PEOPLE}, also={"xl/styles.xml": b"<a>"}), "cut off or damaged"),
    ],
)
def test_what_is_no_spreadsheet_is_named_with_the_way_out(data: bytes, what: str) -> None:
    refused = refusal(data)
    assert (refused.code, what in refused.sentence) == ("AUDIENCE_NOT_CSV", True), refused.sentence


@pytest.mark.parametrize("sheets", [{"One": []}, {"One": [], "Two": []}])
def test_a_workbook_without_a_cell_is_empty(sheets: dict[str, list[list[str]]]) -> None:
    assert refusal(xlsx(sheets)).code == "AUDIENCE_EMPTY"


def test_a_csv_whatever_it_is_called_is_read_as_one() -> None:
    assert len(read(b"email\nann@a.test\n")[1]) == 1


def test_rows_and_columns_have_the_limits_of_every_file() -> None:
    data = xlsx({"One": texts(["email"], *([f"a{at}@a.test"] for at in range(9)))})
    assert refusal(data, Limits(rows=5)).code == "AUDIENCE_TOO_MANY_ROWS"
    wide = xlsx({"One": texts(["email", "a", "b"], ["a@a.test", "1", "2"])})
    assert refusal(wide, Limits(columns=2)).code == "AUDIENCE_TOO_MANY_COLUMNS"


def bomb(size: int) -> bytes:
    return zipped({"xl/workbook.xml": b"<x/>", "xl/worksheets/sheet1.xml": b" " * size})


def verdict(data: bytes, limit: int) -> str:
    try:
        archive.check(io.BytesIO(data), limit)
    except archive.TooLargeError:
        return "too large"
    except archive.OtherFileError as error:
        return error.what
    return "taken"


def said_smaller(data: bytes, size: int) -> bytes:
    """Return an archive whose directory says that the largest member holds less than it does."""
    return data.replace(struct.pack("<L", size), struct.pack("<L", 10))


def test_what_an_archive_unpacks_to_is_counted_whatever_it_says_of_itself() -> None:
    size = 3_000_000
    honest = bomb(size)
    assert len(honest) < 5_000
    for data in (honest, said_smaller(honest, size)):
        assert verdict(data, size - 1) == "too large"
    assert verdict(honest, size + 1_000) == "taken"


def test_an_archive_of_very_many_members_is_not_unpacked_at_all() -> None:
    many = zipped({f"xl/{at}.xml": b"" for at in range(archive.MEMBERS_LIMIT + 1)})
    assert verdict(many, 1_000_000) == "too large"


def test_a_bomb_is_refused_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    data = bomb(program.UNPACKED_LIMIT // 1_000)
    monkeypatch.setattr(program, "UNPACKED_LIMIT", program.UNPACKED_LIMIT // 2_000)
    assert program.read(io.BytesIO(data), io.BytesIO()) == {"refused": "size"}


def test_text_that_is_in_the_archive_once_and_in_every_cell_is_counted_where_it_is_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(program, "TEXT_LIMIT", 1_000)
    data = xlsx({"One": texts(["email", "note"], *([f"a{at}@a.test", "x" * 100] for at in range(10)))})
    assert program.read(io.BytesIO(data), io.BytesIO()) == {"refused": "size"}


def test_a_sheet_that_takes_all_memory_ends_its_own_process_only() -> None:
    """A few hundred bytes name the last cell of a sheet: with all before it, 400 GB."""
    far = number("1").replace("<c", '<c r="XFD1048576"', 1)
    last = f'<row r="1048576">{far}</row>'
    members = zipfile.ZipFile(io.BytesIO(xlsx({"One": PEOPLE})))
    sheet = members.read("xl/worksheets/sheet1.xml").replace(b"</sheetData>", f"{last}</sheetData>".encode())
    others = {name: members.read(name) for name in members.namelist()}
    refused = refused_by_the_program(zipped(others | {"xl/worksheets/sheet1.xml": sheet}))
    assert (refused.code, "save the sheet as CSV" in refused.sentence) == ("AUDIENCE_TOO_LARGE", True)


def refused_by_the_program(data: bytes) -> BotError:
    with pytest.raises(BotError) as refused:
        read_audience(io.BytesIO(data))
    return refused.value


def test_it_is_read_by_a_program_that_takes_a_file_and_writes_one() -> None:
    with tempfile.SpooledTemporaryFile() as file:
        file.write(xlsx({"Notes": texts(["x"]), "One": PEOPLE}))
        file.seek(0)
        sheet = read_audience(cast("BinaryIO", file))
        assert [(row.line, row[1]) for row in sheet] == [(2, "ann@a.test"), (3, "ben@a.test")]
        assert "“Notes” is not read" in sheet.sheet


@given(st.data())
def test_a_spoiled_archive_is_read_or_refused(data: st.DataObject) -> None:
    whole = bytearray(xlsx({"One": PEOPLE}))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    assert verdict(bytes(whole), 10_000_000)
