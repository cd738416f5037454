"""Files as programs and people write them (`tests/cases/`, made-up people): what is taken from each, and what not."""

import io
from pathlib import Path

import pytest

from bot.broadcast.audience.address_column import Certainty
from bot.broadcast.audience.csv_reader import Choice, CsvAudience, CsvRecipient, Rejected, RejectReason, read_csv
from bot.errors import BotError

CASES = Path(__file__).parents[2] / "cases"
TWO, NO_ADDRESS = "has two addresses in one cell", "has no address"
ASKED = Choice(can_ask=True)

TAKEN: dict[str, tuple[int, str, list[tuple[int, str]]]] = {  # how many, from which column, and what is left out
    "01_google_contacts.csv": (3, "e_mail_1_value", []),
    "02_outlook_contacts.csv": (3, "e_mail_address", []),
    "03_mailchimp.csv": (3, "email_address", []),
    "04_hubspot_all_properties.csv": (3, "email", []),
    "06_stripe_payments.csv": (3, "customer_email", []),
    "07_thunderbird.csv": (3, "primary_email", []),
    "08b_excel_german_utf8bom.csv": (2, "e_mail_adresse", []),
    "09_excel_unicode_text_utf16le.txt": (2, "e_mail", []),
    "11_sep_semicolon.csv": (1, "email", []),
    "11b_sep_resaved.csv": (1, "email", []),
    "11d_sep_upper_comma.csv": (1, "email", []),
    "11f_sep_bom_utf16.csv": (1, "email", []),
    "12_name_addr.csv": (5, "email", []),
    "12b_two_in_a_cell.csv": (1, "email", [(2, TWO), (3, TWO), (4, TWO)]),
    "13_headers_de_two.csv": (2, "e_mail_adresse", []),
    "13_headers_es.csv": (2, "correo_electrónico", []),
    "13_headers_fr_two.csv": (2, "adresse_e_mail", []),
    "13_headers_ja.csv": (2, "メールアドレス", []),
    "14_trailing_blank_columns.csv": (1, "email", []),
    "15_quote_inside.csv": (2, "email", []),
    "16_invisible.csv": (9, "email", []),
    "16b_bom_twice.csv": (1, "email", []),
    "17_duplicate_columns.csv": (1, "email", []),
    "18_no_header.csv": (2, "email", []),
    "18b_no_header_first_row_bad.csv": (3, "email", [(1, "has no dot")]),
    "19_300_columns.csv": (1, "email", []),
    "20_addresses.csv": (
        10,
        "email",
        [
            (8, "has more than 64 characters before the @"),
            (9, "has no dot"),
            (10, "has a dot at its end"),
            (11, "is not an email address"),
            (12, "is not an email address"),
            (13, "is not an email address"),
            (14, "has 2 values for 1 column"),
            (17, "has letters before the @ that Amazon SES does not take"),
            (18, "is not a domain"),
        ],
    ),
    "21_listmonk_like.csv": (1, "email", []),
    "22_padded_fixed_width.csv": (1, "email", []),
    "25_pipe.csv": (1, "email", []),
    "25d_one_line_commas.txt": (3, "email", []),
    "26_german_first_rows_without_address.csv": (2, "e_mail_adresse", [(line, NO_ADDRESS) for line in range(2, 14)]),
    "28_email_is_a_consent_flag.csv": (2, "email_address", []),
    "30_value_of_2001_characters.csv": (1, "email", [(2, "has a value of over 2,000 characters")]),
    "32_unsubscribed_column.csv": (
        1,
        "email_address",
        [(3, "is marked “unsubscribed”"), (4, "is marked “cleaned”")],
    ),
    "33_tab_in_csv.csv": (1, "email", []),
    "36_nel_and_ls_in_cells.csv": (3, "email", []),
}
REFUSED = {
    "15b_quote_at_start.csv": ("AUDIENCE_QUOTE", "line 2"),
    "15c_backslash_quote.csv": ("AUDIENCE_QUOTE", "line 2"),
    "15e_space_quote.csv": ("AUDIENCE_QUOTE", "line 2"),
    "24_html_table_as_csv.csv": ("AUDIENCE_NOT_CSV", "is a web page (HTML): save it as CSV"),
    "25c_spaces.txt": ("AUDIENCE_NOT_CSV", "is text with spaces between its values: save it as CSV"),
    "25f_colon.csv": ("AUDIENCE_NOT_CSV", "is text with colons between its values: save it as CSV"),
}
NAMED = ["01_google_contacts", "07_thunderbird", "13_headers_de_two", "13_headers_fr_two", "17_duplicate_columns"]


def read(data: bytes, choice: Choice = ASKED) -> tuple[CsvAudience, list[CsvRecipient], list[Rejected]]:
    sheet = read_csv(io.BytesIO(data), choice=choice)
    rows = [*sheet]
    members = [row for row in rows if isinstance(row, CsvRecipient)]
    return sheet, members, [row for row in rows if isinstance(row, Rejected)]


def addresses(text: str, choice: Choice = ASKED) -> list[str]:
    return [member.address for member in read(text.encode(), choice)[1]]


def test_every_case_is_here() -> None:
    assert {path.name for path in CASES.iterdir()} == TAKEN.keys() | REFUSED.keys()


@pytest.mark.parametrize("name", TAKEN)
@pytest.mark.parametrize("choice", [ASKED, Choice()])
def test_what_people_upload_is_taken_from_the_right_column_and_each_row_left_out_has_its_reason(
    name: str, choice: Choice
) -> None:
    size, column, left_out = TAKEN[name]
    sheet, members, rejected = read((CASES / name).read_bytes(), choice)
    assert (len(members), sheet.address_column) == (size, column)
    assert [(row.line, row.why) for row in rejected] == left_out


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_csv_is_refused_with_what_it_is(name: str) -> None:
    code, sentence = REFUSED[name]
    with pytest.raises(BotError) as refused:
        read((CASES / name).read_bytes())
    assert refused.value.code == code
    assert sentence in refused.value.sentence
    assert refused.value.line == (2 if code == "AUDIENCE_QUOTE" else None)


@pytest.mark.parametrize("name", TAKEN)
def test_the_column_is_named_where_another_holds_addresses_too(name: str) -> None:
    sheet, _, _ = read((CASES / name).read_bytes())
    assert (sheet.certainty is Certainty.LIKELY) == (name.removesuffix(".csv") in NAMED)


@pytest.mark.parametrize(
    "header",
    [
        "Courriel,Courriel 2",
        "E-mail 1 - Value,E-mail 2 - Value",
        "Main email,Other email",
        "E-Mail,E-Mail 2: Adresse",
        "Correo electrónico,Correo del comercial",
        "Электронная почта,Почта менеджера",
        "이메일,담당자 이메일",
        "email,email",
        "E-mail,Recipient",
    ],
)
def test_of_two_columns_the_first_by_name_is_taken_whatever_the_language(header: str) -> None:
    _, _, rejected = read(f"{header}\nann@a.test,ann@b.test\n".encode())
    assert rejected == []
    assert addresses(f"{header}\nann@a.test,ann@b.test\n", Choice()) == ["ann@a.test"]
    flipped = ",".join(reversed(header.split(",")))
    assert addresses(f"{flipped}\nann@b.test,ann@a.test\n", Choice()) == [
        "ann@a.test" if header != "email,email" else "ann@b.test"
    ]


@pytest.mark.parametrize("header", ["work,private", "Home email,Work email", "Customer email,Rep email", "a,b"])
def test_where_nothing_tells_them_apart_a_program_gets_the_candidates_and_a_person_is_asked(header: str) -> None:
    data = f"{header},name\nann@a.test,ann@b.test,Ann\n"
    with pytest.raises(BotError, match="AUDIENCE_AMBIGUOUS") as refused:
        addresses(data, Choice())
    first, second = refused.value.candidates
    assert addresses(data, Choice(second)) == ["ann@b.test"]
    sheet, members, _ = read(data.encode())
    assert (sheet.address_column, sheet.certainty, [one.address for one in members]) == (
        first,
        Certainty.OPEN,
        ["ann@a.test"],
    )
    assert [candidate.name for candidate in sheet.candidates] == [first, second]


@pytest.mark.parametrize("chosen", ["work_mail", "Work Mail", "column_2"])
def test_a_column_is_chosen_by_its_title_its_name_or_its_number(chosen: str) -> None:
    assert addresses("Mail,Work Mail\nann@a.test,ann@b.test\n", Choice(chosen)) == ["ann@b.test"]
    with pytest.raises(BotError, match="UNKNOWN_COLUMN") as refused:
        addresses("Mail,Work Mail\nann@a.test,ann@b.test\n", Choice("nothing"))
    assert refused.value.field == "address_column"


def test_without_a_header_another_column_is_chosen_by_its_number() -> None:
    data = "Ann,ann@a.test,ann@b.test\nBob,bob@a.test,bob@b.test\n"
    sheet, _, _ = read(data.encode())
    assert [candidate.title for candidate in sheet.candidates] == ["Column 2", "Column 3"]
    assert addresses(data, Choice("column_3")) == ["ann@b.test", "bob@b.test"]


@pytest.mark.parametrize(
    "line", ["sep=;", "sep=;;;", '"sep=;"', '"sep=;";;', "SEP=;", "sep = ;", "Sep=;,,", "\ufeffsep=;", "sep=';'"]
)
def test_the_line_that_says_the_separator_is_no_row_in_any_spelling(line: str) -> None:
    _, members, rejected = read(f"{line}\r\nemail;name\r\nann@a.test;a,b\r\n".encode())
    assert [(member.line, member.fields) for member in members] == [(3, ["ann@a.test", "a,b"])]
    assert rejected == []


def test_a_line_that_says_a_separator_the_file_has_not_is_not_believed() -> None:
    assert addresses('"sep=;",\nemail,name\nann@a.test,Ann\n') == ["ann@a.test"]


def test_titles_above_the_header_are_named_and_the_header_is_found() -> None:
    sheet, members, rejected = read(b"Customers of June;;\n;;\nExport 2026;;\nName;E-Mail;Ort\nAnn;ann@a.test;Graz\n")
    assert sheet.columns == ("name", "e_mail", "ort")
    assert [member.line for member in members] == [5]
    assert [(row.line, row.why) for row in rejected] == [(1, "stands above the header"), (3, "stands above the header")]


def test_sixty_rows_without_an_address_hide_neither_column_nor_separator() -> None:
    blank = "".join(f"{number};;Weg {number}, Hof, Wien\n" for number in range(60))
    sheet, members, rejected = read(f"Nr;Kontakt;Anschrift\n{blank}61;ann@a.test;Weg 61, Hof, Graz\n".encode())
    assert (sheet.address_column, len(members), len(rejected)) == ("kontakt", 1, 60)


@pytest.mark.parametrize("first", ["Mila,mila@north", "Mila,"])
def test_without_a_header_no_first_row_is_lost_in_silence(first: str) -> None:
    _, members, rejected = read(f"{first}\nTomas,tomas@a.test\nInes,ines@a.test\n".encode())
    assert (len(members), [row.line for row in rejected]) == (2, [1])


def test_a_first_row_that_may_be_a_header_is_shown() -> None:
    sheet, members, _ = read(b"Mila,unknown\nTomas,tomas@a.test\n")
    assert (sheet.header, len(members)) == ("Line 1 was read as the header: “Mila”, “unknown”.", 1)
    assert read(b"Name,E-Mail\nTomas,tomas@a.test\n")[0].header == ""


@pytest.mark.parametrize("end", ["", ",", ",\n", "\n"])
def test_a_pasted_list_is_one_address_after_the_other(end: str) -> None:
    assert addresses(f"ann@a.test, Bob <bob@a.test>,\ncid@a.test, dee@a.test{end}") == [
        "ann@a.test",
        "bob@a.test",
        "cid@a.test",
        "dee@a.test",
    ]


def test_columns_that_hold_a_value_anywhere_are_kept_and_no_others() -> None:
    rows = "".join(f"a{number}@a.test,,,\n" for number in range(1_500))
    sheet, members, _ = read(f"email,late,empty,\n{rows}z@a.test,here,,\n".encode())
    assert sheet.columns == ("email", "late")
    assert (len(members), members[-1].fields) == (1_501, ["z@a.test", "here"])


def test_of_more_than_300_columns_those_that_are_needed_are_kept_then_from_the_left() -> None:
    header = ",".join(f"c{number}" for number in range(400))
    row = ",".join(["x"] * 400)
    sheet, members, _ = read(f"{header},Email\n{row},ann@a.test\n".encode(), Choice(needs=("c399",)))
    assert (len(sheet.columns), sheet.left_out) == (300, 101)
    assert sheet.columns == (*(f"c{number}" for number in range(298)), "c399", "email")
    assert members[0].fields[-1] == "ann@a.test"


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("Status", "Unsubscribed"),
        ("Email Marketing Consent", "UNSUBSCRIBED"),
        ("status", "opted-out"),
        ("Subscription status", "hard_bounced"),
        ("Notizen", "abgemeldet"),
        ("Has opted out of email", "1"),
        ("Unsubscribed from all email", "true"),
    ],
)
def test_rows_that_say_they_must_not_be_mailed_are_left_out_unless_somebody_wants_them(column: str, value: str) -> None:
    data = f"email,{column}\nann@a.test,{value}\nbob@a.test,\n"
    sheet, members, rejected = read(data.encode())
    assert [member.address for member in members] == ["bob@a.test"]
    assert [row.reason for row in rejected] == [RejectReason.MARKED]
    assert sheet.marks.result().rows == 1
    sheet, members, _ = read(data.encode(), Choice(keep_marked=True))
    assert (len(members), sheet.marks.result().rows) == (2, 1)


@pytest.mark.parametrize(
    ("start", "what"),
    [
        ("<?xml version='1.0'?><people/>", "an XML file"),
        ("BEGIN:VCARD\nVERSION:3.0\nEMAIL:ann@a.test\n", "vCard"),
        ('[{"email": "ann@a.test"}]', "JSON"),
        ("dn: cn=Ann\nmail: ann@a.test\n", "LDIF"),
        ("email^name\nann@a.test^Ann\n", "carets"),
        ("PK\x03\x04 xl/workbook.xml", "Excel workbook (.xlsx)"),
        ("PK\x03\x04 mimetypeapplication/vnd.oasis.opendocument.spreadsheet", "OpenDocument spreadsheet (.ods)"),
    ],
)
def test_other_kinds_of_files_are_named(start: str, what: str) -> None:
    with pytest.raises(BotError, match="AUDIENCE_NOT_CSV") as refused:
        read(start.encode())
    assert what in refused.value.sentence
    assert "save it as CSV" in refused.value.sentence
