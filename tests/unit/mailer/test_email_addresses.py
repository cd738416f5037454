import re

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import assume, given
from hypothesis import strategies as st

from bot.email_addresses import (
    InvalidNameError,
    address_key,
    counts_toward_quota,
    is_freemail,
    is_simulator,
    normal_address,
    parse_address,
    parse_addresses,
    parse_identity,
    shown,
)
from bot.errors import BotError

LONG_LOCAL = "a" * 64
LONG_LABEL = "a" * 63


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("ann@example.com", "ann@example.com"),
        ("  Ann.B+news@Example.COM\n", "Ann.B+news@example.com"),
        ("Postmaster@example.com", "Postmaster@example.com"),
        ("ann@bücher.example", "ann@xn--bcher-kva.example"),
        ("ann@XN--BCHER-KVA.example", "ann@xn--bcher-kva.example"),
        ("ann@faß.de", "ann@xn--fa-hia.de"),
        ("ann@mail.test", "ann@mail.test"),
        ("ann@nowhere.invalid", "ann@nowhere.invalid"),
        ("ann@box.local", "ann@box.local"),
        ("o'brien!#$%&*/=?^_`{|}~-@example.com", "o'brien!#$%&*/=?^_`{|}~-@example.com"),
        (f"{LONG_LOCAL}@example.com", f"{LONG_LOCAL}@example.com"),
        (f"a@{LONG_LABEL}.com", f"a@{LONG_LABEL}.com"),
    ],
)
def test_an_address_is_kept_with_its_domain_in_normal_form(typed: str, name: str) -> None:
    assert parse_identity(typed) == name
    assert parse_address(typed) == name


@pytest.mark.parametrize(
    "typed",
    [
        "Ann Lee <ann@example.com>",
        "<ann@example.com>",
        '"Lee, Ann" <ann@example.com>',
        "ann@example.com <ann@example.com>",
        "ann@example.com (Ann)",
        "(ann@example.com)",
        "mailto:ann@example.com?subject=Hello",
        "MAILTO:ann@example.com",
        "'ann@example.com'",
        "'ann@example.com",
        '"ann@example.com"',
        "“ann@example.com”",
        "„ann@example.com“",
        "«ann@example.com»",
        "ann@example.com;",
        "<mailto:ann@example.com>, ",
        "\u200bann@example.com\u200b",
        "\ufeffann@example.com",
        "\u202aann@example.com\u202c",
        "an\u00adn@exam\u2060ple.com",
        "ann\u200d@example.com",
        "\u00a0ann@example.com\u3000",
    ],
)
def test_what_stands_around_an_address_is_taken_off_wherever_it_is_typed(typed: str) -> None:
    assert parse_address(typed, field="from") == "ann@example.com"
    assert parse_addresses(f"{typed}\nbob@example.com") == ("ann@example.com", "bob@example.com")
    assert parse_identity(typed) == "ann@example.com"


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("example.com", "example.com"),
        ("Mail.Example.COM", "mail.example.com"),
        ("example.com.", "example.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("münchen。de", "xn--mnchen-3ya.de"),
        ("a-b.co", "a-b.co"),
        ("4u.example", "4u.example"),
        ("x.invalid", "x.invalid"),
    ],
)
def test_a_domain_is_kept_in_normal_form(typed: str, name: str) -> None:
    assert parse_identity(typed) == name


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("", "Type an email address or a domain"),
        ("   ", "Type an email address or a domain"),
        ("example", "has no dot"),
        ("ann@example", "has no dot"),
        ("exam ple.com", "has a space"),
        ("ann smith@example.com", "has a space"),
        ("https://example.com/about?x=1", "type only example.com"),
        ("HTTP://user:pw@example.com:8080", "type only example.com"),
        ("//example.com", "type only example.com"),
        ("example.com/about", "type only example.com"),
        ("*.example.com", "so type example.com"),
        ("@example.com", "type example.com"),
        ("192.0.2.1", "is an IP address"),
        ("[2001:db8::1]", "is an IP address"),
        ("ann@192.0.2.1", "is an IP address"),
        ("ann@[192.0.2.1]", "is an IP address"),
        ("ann@[IPv6:2001:db8::1]", "is an IP address"),
        ("jörg@example.com", "letters before the @"),
        ("ann@b@example.com", "two @"),
        ("ann<b@example.com", "angle bracket"),
        ("ann@", "nothing after the @"),
        ("ann@example.com,bob@example.com", "two addresses"),
        ("Ann <ann@example.com>, Bob <bob@example.com>, c@example.com", "3 addresses"),
        ("ann@work.example <ann@home.example>", "two addresses"),
        ("ann\x00@example.com", "invisible characters"),
        ("ann@example.com\r\nBcc:eve@example.com", "two addresses"),
        ("ann@example.com\r\nX: y", "line break"),
        ("exam_ple.com", "is not a domain"),
        ("-example.com", "is not a domain"),
        ("example..com", "is not a domain"),
        ("example.123", "is not a domain"),
        ("ab--cd.com", "is not a domain"),
        (".ann@example.com", "is not an email address"),
        ("ann.@example.com", "is not an email address"),
        ('"ann"@example.com', "is not an email address"),
        (f"{LONG_LOCAL}a@example.com", "more than 64 characters"),
        (f"{LONG_LABEL}a.com", "more than 63 characters"),
        ("a." * 127 + "com", "longer than 253"),
        (f"{LONG_LOCAL}@{'a.' * 94}com", "longer than 254"),
    ],
)
def test_a_refusal_says_what_to_do_in_one_sentence(typed: str, says: str) -> None:
    with pytest.raises(BotError) as refused:
        parse_identity(typed)
    error = refused.value
    assert (error.code, error.field, error.next_step) == ("IDENTITY_INVALID", "identity", "")
    assert says in error.sentence
    assert error.sentence.endswith(".")
    assert error.sentence.isprintable()


def test_the_longest_address_is_taken_and_one_more_is_not() -> None:
    domain = "a." * 93 + "abc"
    assert len(f"{LONG_LOCAL}@{domain}") == 254
    assert parse_address(f"{LONG_LOCAL}@{domain}") == f"{LONG_LOCAL}@{domain}"
    with pytest.raises(BotError):
        parse_address(f"{LONG_LOCAL}@{domain}d")


def test_an_address_is_refused_for_the_field_it_was_typed_in() -> None:
    with pytest.raises(BotError) as refused:
        parse_address("example.com", field="from")
    assert (refused.value.code, refused.value.field) == ("ADDRESS_INVALID", "from")
    assert "has no @" in refused.value.sentence


@given(st.from_regex(r"[A-Za-z0-9.+_'-]{1,70}@[A-Za-z0-9.-]{1,80}", fullmatch=True))
def test_the_quick_way_agrees_with_the_library(typed: str) -> None:
    """What the pattern for plain addresses takes, the library takes too, and the other way round."""
    try:
        checked = validate_email(typed, check_deliverability=False, allow_smtputf8=False, test_environment=True)
        expected = f"{typed.rpartition('@')[0]}@{checked.ascii_domain}"
    except EmailNotValidError:
        expected = ""
    if expected:
        assume(len(expected.partition("@")[0]) <= 64)  # the library is laxer here
        assert normal_address(typed) == expected
    else:
        with pytest.raises(InvalidNameError):
            normal_address(typed)


@given(st.text(min_size=1, max_size=80))
def test_no_text_becomes_more_than_one_recipient_or_a_header(typed: str) -> None:
    try:
        address = parse_address(typed)
    except BotError:
        return
    assert re.fullmatch(r"[!-~]+", address)
    assert address.count("@") == 1
    assert not set(address) & set(',;:<>()[]"\\ ')
    assert parse_address(address) == address


@given(st.text(max_size=200))
def test_text_of_others_is_shown_on_one_short_line(typed: str) -> None:
    assert len(shown(typed, 40)) <= 40
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", shown(typed, 40))


def test_a_list_is_split_and_its_repeats_dropped() -> None:
    typed = "Ann@Example.com, bob@example.com;\ncid@example.com,,\n ann@example.com "
    assert parse_addresses(typed) == ("Ann@example.com", "bob@example.com", "cid@example.com")


def test_a_list_names_each_bad_one() -> None:
    with pytest.raises(BotError) as refused:
        parse_addresses("ann@example.com, bob@, cid, Dee <dee@example.com> <>")
    assert (refused.value.code, refused.value.field) == ("ADDRESS_INVALID", "to")
    for bad in ("“bob@”", "“cid”", "“Dee <dee@example.com> <>”"):
        assert bad in refused.value.sentence
    assert "ann@" not in refused.value.sentence


def test_a_list_has_a_limit_and_says_by_how_much_it_is_passed() -> None:
    addresses = [f"a{count}@example.com" for count in range(51)]
    assert len(parse_addresses(",".join(addresses[:50]))) == 50
    with pytest.raises(BotError) as refused:
        parse_addresses(",".join(addresses))
    assert refused.value.code == "TOO_MANY_ADDRESSES"
    assert "take out 1" in refused.value.sentence


@pytest.mark.parametrize("typed", ["", " , ;\n"])
def test_an_empty_list_is_refused(typed: str) -> None:
    with pytest.raises(BotError) as refused:
        parse_addresses(typed)
    assert refused.value.code == "ADDRESS_INVALID"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Ann@example.com", "ann@EXAMPLE.com", True),
        ("ann@bücher.example", "ANN@xn--bcher-kva.example", True),
        ("ann@faß.de", "ann@xn--fa-hia.de", True),
        ("ann@faß.de", "ann@fass.de", False),
        ("ann+a@example.com", "ann+b@example.com", False),
        ("a.nn@example.com", "ann@example.com", False),
        ("ann@a.example.com", "ann@example.com", False),
    ],
)
def test_two_spellings_of_a_recipient_have_one_key(one: str, other: str, same: bool) -> None:
    assert (address_key(one) == address_key(other)) is same


def test_a_key_can_be_made_of_anything() -> None:
    assert address_key("Jörg@not a domain") == "jörg@not a domain"


@pytest.mark.parametrize(
    ("address", "simulated"),
    [
        ("success@simulator.amazonses.com", True),
        ("Bounce+label@Simulator.AmazonSES.com", True),
        ("complaint+@simulator.amazonses.com", True),
        ("ann@simulator.amazonses.com", False),
        ("success@simulator.amazonses.com.evil.example", False),
        ("success@example.com", False),
    ],
)
def test_the_simulator_does_not_count_toward_the_quota(address: str, simulated: bool) -> None:
    assert is_simulator(address) is simulated
    assert counts_toward_quota(address) is not simulated


@pytest.mark.parametrize(
    ("address", "free"),
    [
        ("ann@gmail.com", True),
        ("Ann@GoogleMail.com", True),
        ("ann@yahoo.co.uk", True),
        ("ann@outlook.fr", True),
        ("ann@gmx.net", True),
        ("ann@example.com", False),
        ("ann@notgmail.com", False),
        ("ann@mail.gmail.com", False),
        ("gmail.com@example.com", False),
    ],
)
def test_an_address_at_a_provider_for_everybody_is_known(address: str, free: bool) -> None:
    assert is_freemail(address) is free
