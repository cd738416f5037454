import bz2
import csv
import gzip
import io
import lzma
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from typing import BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.broadcast.audience.csv_reader import (
    Choice,
    CsvAudience,
    CsvRecipient,
    Limits,
    Rejected,
    RejectReason,
    read_csv,
)
from bot.broadcast.content.merge_tags import column_names, normalize_column
from bot.email_addresses import address_key
from bot.errors import BotError

LIMITS = Limits()
LINE_ENDS = ["\n", "\r\n", "\r"]


def read(text: str | bytes, limits: Limits = LIMITS) -> tuple[CsvAudience, list[CsvRecipient], list[Rejected]]:
    data = text.encode() if isinstance(text, str) else text
    sheet = read_csv(io.BytesIO(data), limits)
    rows = [*sheet]
    return (
        sheet,
        [row for row in rows if isinstance(row, CsvRecipient)],
        [row for row in rows if isinstance(row, Rejected)],
    )


def refusal(data: str | bytes, limits: Limits = LIMITS) -> BotError:
    with pytest.raises(BotError) as refused:
        read(data, limits)
    assert refused.value.field == "audience"
    assert refused.value.sentence.endswith(".")
    return refused.value


def test_rows_become_members_with_the_values_in_the_order_of_the_columns() -> None:
    sheet, members, rejected = read("First name,Email,City\nAnn,Ann@Example.com,Graz\n Bob , bob@example.com ,\n")
    assert (sheet.columns, sheet.address_column) == (("first_name", "email", "city"), "email")
    assert members == [
        CsvRecipient(2, "Ann@example.com", ["Ann", "Ann@example.com", "Graz"]),
        CsvRecipient(3, "bob@example.com", ["Bob", "bob@example.com", ""]),
    ]
    assert rejected == []


def test_duplicates_and_invalid_rows_are_reported_with_their_lines() -> None:
    _, members, rejected = read("email\nann@example.com\nnobody\nANN@EXAMPLE.COM\n\nbob@example.com\nann@example.com\n")
    assert [member.line for member in members] == [2, 6]
    assert rejected == [
        Rejected(3, "nobody", "has no @", RejectReason.INVALID),
        Rejected(4, "ANN@example.com", "is the same as line 2", RejectReason.DUPLICATE),
        Rejected(7, "ann@example.com", "is the same as line 2", RejectReason.DUPLICATE),
    ]


@pytest.mark.parametrize("spelling", ["ann@bücher.example", "ANN@xn--bcher-kva.example"])
def test_duplicates_are_found_whatever_the_spelling(spelling: str) -> None:
    _, members, rejected = read(f"email\nAnn@Bücher.Example\n{spelling}\n")
    assert [member.address for member in members] == ["Ann@xn--bcher-kva.example"]
    assert [reject.reason for reject in rejected] == [RejectReason.DUPLICATE]


@pytest.mark.parametrize(
    "header",
    ["email", "E-Mail", "EMAIL ADDRESS", "e-mail address", "EmailAddress", "Mail", "address", "Recipient", "Kontakt"],
)
def test_the_address_column_is_found_by_name_or_by_what_is_in_it(header: str) -> None:
    sheet, members, _ = read(f"Name,{header}\nAnn,ann@example.com\n")
    assert sheet.address_column == normalize_column(header)
    assert members[0].address == "ann@example.com"


def test_a_column_named_address_that_holds_streets_is_passed_over() -> None:
    sheet, members, _ = read("address,contact\nMain St 1,ann@example.com\nMain St 2,bob@example.com\n")
    assert sheet.address_column == "contact"
    assert len(members) == 2


def test_a_column_named_email_counts_where_nothing_in_the_file_is_an_address() -> None:
    sheet, members, rejected = read("other,email\nx,nobody\n")
    assert (sheet.address_column, members) == ("email", [])
    assert rejected[0].value == "nobody"


def test_what_a_column_holds_counts_more_than_its_name_and_is_asked_about() -> None:
    data = "email,other\nnobody,ann@example.com\n"
    error = refusal(data)
    assert (error.code, error.candidates) == ("AUDIENCE_AMBIGUOUS", ["other", "email"])
    sheet = read_csv(io.BytesIO(data.encode()), choice=Choice(can_ask=True))
    assert (sheet.address_column, len([*sheet])) == ("other", 1)


def test_a_file_without_a_header_starts_with_a_recipient() -> None:
    sheet, members, _ = read("Ann,ann@example.com\nBob,bob@example.com\n")
    assert (sheet.columns, sheet.address_column) == (("column_1", "email"), "email")
    assert [(member.line, member.fields) for member in members] == [
        (1, ["Ann", "ann@example.com"]),
        (2, ["Bob", "bob@example.com"]),
    ]


def test_one_column_of_addresses_is_enough() -> None:
    _, members, _ = read("ann@example.com\na|b@example.com\n")
    assert [member.address for member in members] == ["ann@example.com", "a|b@example.com"]
    _, members, rejected = read("ann@example.com\nnobody\n")
    assert (len(members), [reject.line for reject in rejected]) == (1, [2])


def test_a_column_of_mostly_addresses_will_do_where_no_other_is_better() -> None:
    sheet, members, rejected = read("who,note\nann@example.com,x\nbob@example.com,y\nnobody,z\n")
    assert (sheet.address_column, len(members), len(rejected)) == ("who", 2, 1)


def test_columns_without_addresses_are_named() -> None:
    error = refusal("First name,City\nAnn,Graz\n")
    assert error.code == "AUDIENCE_NO_ADDRESS_COLUMN"
    assert "(“First name”, “City”)" in error.sentence


def test_two_columns_of_addresses_are_not_chosen_between() -> None:
    error = refusal("work,private\nann@a.example,ann@b.example\n")
    assert error.code == "AUDIENCE_AMBIGUOUS"
    assert "(“work”, “private”)" in error.sentence


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", LINE_ENDS)
def test_separators_and_line_ends_are_recognised(delimiter: str, end: str) -> None:
    rows = [["Name", "Email", "Note"], ["Doe, Ann; x", "ann@example.com", "a|b"], ["Bob", "bob@example.com", ""]]
    file = io.StringIO()
    csv.writer(file, delimiter=delimiter, lineterminator=end).writerows(rows)
    _, members, rejected = read(file.getvalue())
    assert [(member.line, member.fields) for member in members] == [(2, rows[1]), (3, rows[2])]
    assert rejected == []


@pytest.mark.parametrize("shift", range(3))
def test_a_line_end_between_two_blocks_is_counted_once(shift: int) -> None:
    first = b"email\r\n" + b"x" * (64 * 1024 - 9 - shift) + b"\r\n"
    assert len(first) == 64 * 1024 - shift
    _, members, _ = read(first[:-2] + b"\r\nann@example.com\r\n")
    assert [member.line for member in members] == [3]
    _, members, _ = read(first[:-2] + b"x\r\nann@example.com\r\n")
    assert [member.line for member in members] == [3]


def test_a_comma_in_unquoted_names_does_not_pass_for_the_separator() -> None:
    _, members, _ = read("Name, Vorname;Kontakt\nDoe, Ann;ann@example.com\nRoe, Bob;bob@example.com\n")
    assert [member.fields[0] for member in members] == ["Doe, Ann", "Roe, Bob"]


def test_the_separator_that_excel_states_is_used_and_its_line_counted() -> None:
    _, members, _ = read("sep=;\r\nemail;name\r\nann@example.com;a,b\r\n")
    assert [(member.line, member.fields) for member in members] == [(3, ["ann@example.com", "a,b"])]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le-bom", "utf-16-be-bom"])
def test_encodings_are_read_right(encoding: str) -> None:
    text = "email,name\nann@example.com,Zoë 👋 Łukasz\n"
    marks = {"utf-16-le-bom": b"\xff\xfe", "utf-16-be-bom": b"\xfe\xff"}
    data = marks.get(encoding, b"") + text.encode(encoding.removesuffix("-bom"))
    sheet, members, _ = read(data)
    assert sheet.columns == ("email", "name")
    assert members[0].fields[1] == "Zoë 👋 Łukasz"


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "mac-roman", "iso-8859-15", "cp850"])
@pytest.mark.parametrize("end", LINE_ENDS)
def test_another_encoding_is_refused_with_the_first_bad_line(encoding: str, end: str) -> None:
    text = end.join(["email,name", *[f"a{count}@example.com,Ann" for count in range(9_000)], "z@example.com,Zoë"])
    error = refusal(text.encode(encoding))
    assert error.code == "AUDIENCE_ENCODING"
    assert error.sentence.startswith("Line 9002 is not UTF-8")


@pytest.mark.parametrize("encoding", ["utf-32", "utf-16-le", "utf-16-be", "utf-32-le"])
def test_wide_encodings_without_a_known_mark_are_refused(encoding: str) -> None:
    assert refusal("email\nann@example.com\n".encode(encoding)).code == "AUDIENCE_ENCODING"


def test_a_file_cut_within_a_character_is_refused() -> None:
    assert refusal("email,name\na@example.com,Zoë".encode()[:-1]).code == "AUDIENCE_ENCODING"


@pytest.mark.parametrize("data", [b"", b"\n\n", b"  \n , ,\n", b"\xef\xbb\xbf"])
def test_an_empty_file_is_refused(data: bytes) -> None:
    assert refusal(data).code == "AUDIENCE_EMPTY"


@pytest.mark.parametrize("data", ["email,name", "email\n\n , \n"])
def test_a_header_alone_is_refused(data: str) -> None:
    assert refusal(data).code == "AUDIENCE_HEADER_ONLY"


def _zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("xl/workbook.xml", "<x/>")
    return file.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        _zipped(),
        gzip.compress(gzip.compress(b"email\nann@example.com\n", mtime=0), mtime=0),
        bz2.compress(b"email\nann@example.com\n"),
        lzma.compress(b"email\nann@example.com\n"),
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512),
        b"%PDF-1.7\n",
    ],
)
def test_a_workbook_or_compressed_file_is_to_be_saved_as_csv(data: bytes) -> None:
    error = refusal(data)
    assert error.code == "AUDIENCE_NOT_CSV"
    assert "save it as CSV" in error.sentence


def test_a_file_compressed_with_gzip_is_read_up_to_what_it_holds_unpacked() -> None:
    packed = gzip.compress(b"email\n" + b"".join(b"a%d@example.com\n" % count for count in range(9_000)), mtime=0)
    assert len(read(packed)[1]) == 9_000
    bomb = gzip.compress(b"email\n" + b"nobody\n" * 300_000, mtime=0)
    assert len(bomb) < 10_000
    error = refusal(bomb, replace(LIMITS, unpacked=1024**2))
    assert (error.code, "1 MB" in error.sentence) == ("AUDIENCE_TOO_LARGE", True)


@pytest.mark.parametrize("cut", [12, 40, -4])
def test_a_compressed_file_that_is_cut_off_is_refused(cut: int) -> None:
    packed = gzip.compress(b"email\n" + b"".join(b"a%d@example.com\n" % count for count in range(9_000)), mtime=0)
    error = refusal(packed[:cut])
    assert (error.code, "damaged" in error.sentence) == ("AUDIENCE_NOT_CSV", True)


def test_quoted_values_may_hold_separators_quotes_and_line_ends_and_lines_stay_right() -> None:
    _, members, rejected = read(
        'email,note\r\nann@example.com,"a, ""b""\r\nc"\r\n\r\nbob@example.com,x\r\ncid,"y\ny"\r\ndee@example.com,\r\n'
    )
    assert [(member.line, member.fields[1]) for member in members] == [(2, 'a, "b"\r\nc'), (5, "x"), (8, "")]
    assert [reject.line for reject in rejected] == [6]


@pytest.mark.parametrize(
    ("data", "line"),
    [
        ('email,name\nann@example.com,"Ann\nbob@example.com,Bob\n', 2),
        ('email,name\nann@example.com,Ann\nbob@example.com,"Bob\ncid@example.com,"Cid"\n', 3),
        ('email,name\nann@example.com,"Ann\nbob@example.com,Bob\ncid@example.com,Cid"\n', 2),
        ('email\nann@example.com\n"bob@example.com\ncid@example.com\n"\n', 3),
        ('email,name\nann@example.com,"An"n\n', 2),
        ('email,name\nann@example.com,"' + "bob@example.com,Bob\n" * 20_000, 2),
    ],
)
def test_an_unclosed_quote_swallows_no_rows(data: str, line: int) -> None:
    error = refusal(data)
    assert error.code == "AUDIENCE_QUOTE"
    assert f"line {line} " in error.sentence


def test_a_value_beyond_what_csv_reads_is_refused_with_its_line() -> None:
    error = refusal("email,name\nann@example.com," + "x" * 200_000 + "\n")
    assert (error.code, "Line 2" in error.sentence) == ("AUDIENCE_NOT_CSV", True)


def test_ragged_rows_are_levelled_or_rejected_never_shifted() -> None:
    _, members, rejected = read(
        "email,name,city\nann@example.com\nbob@example.com,Bob,Graz,,\ncid@example.com,Doe, Cid,Wien\n"
    )
    assert [member.fields for member in members] == [["ann@example.com", "", ""], ["bob@example.com", "Bob", "Graz"]]
    assert rejected == [Rejected(4, "cid@example.com", "has 4 values for 3 columns", RejectReason.INVALID)]


def test_rows_that_cannot_be_sent_say_why() -> None:
    _, members, rejected = read(
        "email,name\n,Ann\nb\x00b@example.com,Bob\nc@example.com,C\x00\nd@example.com," + "x" * 2_001 + "\n"
        "e@example.com," + "é" * 2_000 + "\n"
    )
    assert [member.line for member in members] == [6]
    assert [(reject.line, reject.why) for reject in rejected] == [
        (2, "has no address"),
        (3, "has a NUL character in it"),
        (4, "has a NUL character in it"),
        (5, "has a value of over 2,000 characters"),
    ]


def test_a_rejected_value_is_shown_without_control_characters_and_cut() -> None:
    _, _, (reject,) = read("email\n\x1b[31m" + "x" * 500 + "\n")
    assert len(reject.value) <= 100
    assert reject.value.isprintable()


def test_column_names_are_made_unique_and_none_is_empty() -> None:
    assert column_names(["First name", "first-name", "", "  ", "FIRST_NAME_2", "Größe (cm)", "Имя"]) == (
        "first_name",
        "first_name_2",
        "column_3",
        "column_4",
        "first_name_2_2",
        "grösse_cm",
        "имя",
    )


def test_limits_hold_while_reading() -> None:
    limits = Limits(rows=3)
    rows = "".join(f"a{count}@example.com\n" for count in range(3))
    assert len(read("email\n" + rows, limits)[1]) == 3
    error = refusal("email\n" + rows + "nobody\n", limits)
    assert (error.code, "over 3 rows" in error.sentence) == ("AUDIENCE_TOO_MANY_ROWS", True)
    error = refusal("email" + ",x" * 16_384 + "\na@example.com\n")
    assert (error.code, "16,385 columns" in error.sentence) == ("AUDIENCE_TOO_MANY_COLUMNS", True)
    assert len(read("email" + ",x" * 16_383 + "\na@example.com" + ",1" * 16_383)[0].columns) == 300


class Endless(io.RawIOBase):
    """A file that never ends, and counts what was taken from it."""

    def __init__(self, start: bytes, more: bytes) -> None:
        self.start, self.more, self.taken = start, more, 0

    def read(self, size: int = -1, /) -> bytes:
        data = (self.start + self.more * (size // len(self.more) + 1))[:size]
        at = (size - len(self.start)) % len(self.more)
        self.start = self.more[at:]
        self.taken += len(data)
        return data


def drain(file: Endless, limits: Limits) -> BotError:
    stream: BinaryIO = file  # type: ignore[assignment]  # of a file, only read() is used
    with pytest.raises(BotError) as refused:
        for _ in read_csv(stream, limits):
            pass
    return refused.value


def test_an_endless_file_is_refused_one_block_after_the_limit() -> None:
    file = Endless(b"email\n", b"nobody\n")
    error = drain(file, replace(Limits(), bytes=1024**2))
    assert (error.code, "1 MB" in error.sentence) == ("AUDIENCE_TOO_LARGE", True)
    assert file.taken <= 1024**2 + 64 * 1024


def test_an_endless_line_is_refused_long_before_the_limit() -> None:
    file = Endless(b"email\n", b"x")
    assert drain(file, Limits()).code == "AUDIENCE_NOT_CSV"
    assert file.taken <= 2 * 1024**2


@pytest.mark.parametrize("more", [b'"\n",ab,', b'"\n\n\n",', b'"x\n",,,,,,,,'])
@pytest.mark.parametrize("start", [b"email\nann@example.com\n", b""])
def test_an_endless_record_of_many_lines_is_refused_long_before_the_limit(start: bytes, more: bytes) -> None:
    file = Endless(start, more)
    error = drain(file, Limits())
    assert (error.code, f"line {3 if start else 1} " in error.sentence) == ("AUDIENCE_QUOTE", True)
    assert file.taken <= 2 * 1024**2


def test_huge_rows_are_not_all_held_to_find_the_address_column() -> None:
    file = Endless(b"email\n", b"a@example.com" + b",ab" * 30_000 + b"\n")
    read_csv(file)  # type: ignore[arg-type]  # of a file, only read() is used
    assert file.taken <= 4 * 1024**2


def test_rows_are_read_only_as_they_are_taken() -> None:
    file = Endless(b"email\n", b"ann@example.com\n")
    sheet = read_csv(file)  # type: ignore[arg-type]  # of a file, only read() is used
    rows: Iterator[CsvRecipient | Rejected] = iter(sheet)
    assert isinstance(next(rows), CsvRecipient)
    assert file.taken == 64 * 1024


CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)
ADDRESSES = st.sampled_from([f"a{count}@example.com" for count in range(8)])


@given(
    rows=st.lists(st.tuples(ADDRESSES | CELLS, CELLS, CELLS), min_size=1, max_size=12),
    delimiter=st.sampled_from(",;\t|"),
    end=st.sampled_from(LINE_ENDS),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_every_record_is_a_member_a_reject_or_blank(
    rows: list[tuple[str, str, str]], delimiter: str, end: str, encoding: str
) -> None:
    file = io.StringIO()
    writer = csv.writer(file, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerows([["email", "first name", "city"], *rows])
    filled = [row for row in rows if any(cell.strip() for cell in row)]
    if not filled:
        assert refusal(file.getvalue().encode(encoding)).code == "AUDIENCE_HEADER_ONLY"
        return
    sheet, members, rejected = read(file.getvalue().encode(encoding))
    assert len(members) + len(rejected) == len(filled)
    assert len({address_key(member.address) for member in members}) == len(members)
    names = ["email", "first_name", "city"]
    for member in members:
        values = [cell.strip() for cell in rows[_record(file.getvalue(), delimiter, member.line)]]
        assert dict(zip(names, values, strict=True)) == dict.fromkeys(names, "") | dict(
            zip(sheet.columns, member.fields, strict=True)
        )


def _record(text: str, delimiter: str, line: int) -> int:
    """Return which row starts on a physical line."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    starts, start = [], 1
    for _ in reader:
        starts.append(start)
        start = reader.line_num + 1
    return starts.index(line) - 1


@given(st.data())
def test_a_file_cut_anywhere_loses_no_row_in_silence(data: st.DataObject) -> None:
    whole = (
        b'email,note\nann@example.com,"a, ""b""\nc"\nbob@example.com,x\nnobody,"y"\n\ncid@example.com,"q\nr"\n'
        b"ann@example.com,\n"
    )
    cut = whole[: data.draw(st.integers(12, len(whole)))]
    try:
        _, members, rejected = read(cut)
    except BotError as error:
        assert error.code in {"AUDIENCE_QUOTE", "AUDIENCE_HEADER_ONLY"}
        return
    records = [row for row in csv.reader(io.StringIO(cut.decode(), newline="")) if any(map(str.strip, row))]
    assert len(members) + len(rejected) == len(records) - 1
