"""From with a name, as it goes into the header of a mail."""

from email.header import decode_header, make_header
from email.utils import parseaddr

import pytest

from bot.broadcast.content.message import named_address

LONG = "Österreichische Gesellschaft für Öffentlichkeitsarbeit, Außenstelle"[:64]


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Acme",
        'Acme, "Inc."',
        "Ann O'Hara (Acme)",
        "Grüße",
        LONG,
        "株式会社アクメ・ニュースレター配信部門御中" * 3,
        "🎉🥂" * 9,
        "é" * 64,
    ],
)
def test_an_encoded_word_has_75_characters_at_most_and_the_name_is_read_back(name: str) -> None:
    header = named_address(name, "news@acme.test")

    assert header.isascii()
    assert header.isprintable()
    assert all(len(word) <= 75 for word in header.split(" ") if word.startswith("=?"))
    read, address = parseaddr(header)
    assert (str(make_header(decode_header(read))), address) == (name, "news@acme.test")


def test_no_letter_is_cut_between_two_encoded_words() -> None:
    """RFC 2047, section 5: each word must be readable by itself."""
    for word in named_address("名" * 64, "news@acme.test").split(" ")[:-1]:
        assert {*str(make_header(decode_header(word)))} == {"名"}


@pytest.mark.parametrize("character", ["\r", "\n", "\x00", "\u2028", "\u202e"])
def test_what_nobody_sees_is_left_out_of_a_header(character: str) -> None:
    assert named_address(f"Ac{character}me", "news@acme.test") == "Acme <news@acme.test>"
