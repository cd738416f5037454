import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.suppression.unsubscribe_links import (
    LinkSubject,
    read_token,
    unsubscribe_headers,
    unsubscribe_mailto,
    unsubscribe_url,
)
from storage.models import new_id
from tests.links import link_token

KEYS = [("k2", b"2" * 32), ("k1", b"1" * 32)]
ANN = LinkSubject(new_id(), new_id(), 7)
URL_SAFE = set(string.ascii_letters + string.digits + "-_")


@given(st.binary(min_size=16, max_size=16), st.binary(min_size=16, max_size=16), st.integers(0, 2**32 - 1))
def test_a_token_is_short_url_safe_and_reads_back(team: bytes, broadcast: bytes, seq: int) -> None:
    recipient = LinkSubject(team.hex(), broadcast.hex(), seq)
    token = link_token(KEYS, recipient)
    assert len(token) == 72
    assert set(token) <= URL_SAFE
    assert read_token(KEYS, token) == recipient


def test_a_token_survives_the_rotation_of_keys_and_dies_with_its_own() -> None:
    token = link_token(KEYS, ANN)
    assert read_token([("k3", b"3" * 32), *KEYS], token) == ANN
    assert read_token(KEYS[1:], token) is None
    assert read_token([], token) is None


def test_a_key_of_another_purpose_or_id_signs_nothing() -> None:
    token = link_token(KEYS, ANN)
    assert read_token([("k2", b"x" * 32)], token) is None
    assert read_token([("k9", KEYS[0][1])], token) is None


def test_no_character_of_a_token_can_be_changed() -> None:
    token = link_token(KEYS, ANN)
    for place in range(len(token)):
        for other in sorted(URL_SAFE - {token[place]}):
            assert read_token(KEYS, token[:place] + other + token[place + 1 :]) is None


def test_no_token_can_be_cut_or_lengthened() -> None:
    token = link_token(KEYS, ANN)
    for length in range(len(token)):
        assert read_token(KEYS, token[:length]) is None
    for more in ("A", "=", "==", "\n", " ", "AAAA"):
        assert read_token(KEYS, token + more) is None
        assert read_token(KEYS, more + token) is None


@given(st.text(max_size=600))
def test_anything_else_is_no_token(token: str) -> None:
    assert read_token(KEYS, token) is None


def test_a_recipient_cannot_be_moved_to_another_team() -> None:
    tokens = {link_token(KEYS, LinkSubject(new_id(), ANN.broadcast_id, ANN.seq)) for _ in range(50)}
    assert len({token[:20] for token in tokens}) == 50


def test_with_a_public_address_the_headers_are_one_click() -> None:
    url = unsubscribe_url("https://mail.example/", link_token(KEYS, ANN))
    assert url.startswith("https://mail.example/u/")
    assert unsubscribe_headers(url=url, reply_to="ann@example.com") == {
        "List-Unsubscribe": f"<{url}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }


def test_without_one_they_name_the_reply_address() -> None:
    assert unsubscribe_headers(reply_to="ann+news@example.com") == {
        "List-Unsubscribe": "<mailto:ann%2Bnews@example.com?subject=unsubscribe>"
    }
    assert unsubscribe_mailto("a?b&c@example.com") == "mailto:a%3Fb%26c@example.com?subject=unsubscribe"


@pytest.mark.parametrize(
    "url", ["", "https://x.example/\r\nBcc: y", "https://x.example/ y", "https://x.example/>", "é"]
)
def test_what_cannot_stand_in_a_header_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="stand in a header"):
        unsubscribe_headers(url=url)


def test_a_header_longer_than_ses_takes_is_refused() -> None:
    assert unsubscribe_headers(url="https://" + "x" * 985)
    with pytest.raises(ValueError, match="stand in a header"):
        unsubscribe_headers(url="https://" + "x" * 986)


@given(st.text(max_size=100), st.text(max_size=100))
def test_no_text_makes_another_header(url: str, reply_to: str) -> None:
    try:
        headers = unsubscribe_headers(url=url, reply_to=reply_to)
    except (ValueError, UnicodeEncodeError):
        return
    assert set(headers) <= {"List-Unsubscribe", "List-Unsubscribe-Post"}
    for value in headers.values():
        assert value.isascii()
        assert value.isprintable()
    assert headers["List-Unsubscribe"].count("<") == headers["List-Unsubscribe"].count(">") == 1
