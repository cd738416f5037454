import pytest

from bot.broadcast.identity_dependents import new_sender


@pytest.mark.parametrize(
    ("address", "identity", "expected"),
    [
        ("hello@acme.test", "acme.example", "hello@acme.example"),
        ("hello@mail.acme.test", "acme.example", "hello@acme.example"),
        ("hello@acme.test", "news@acme.example", "news@acme.example"),
        ("hello@mail.acme.test", "acme.test", "hello@mail.acme.test"),
        ("hello@notacme.test", "acme.test", "hello@acme.test"),
    ],
)
def test_the_local_part_stays_at_a_new_domain_and_what_is_covered_stays_whole(
    address: str, identity: str, expected: str
) -> None:
    assert new_sender(address, identity) == expected
