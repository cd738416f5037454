from hypothesis import given
from hypothesis import strategies as st

from bot.broadcast.audience.deduplication import AddressDeduplicator


@given(st.lists(st.text(max_size=3)))
def test_each_key_is_told_with_the_line_on_which_it_came_first(keys: list[str]) -> None:
    seen = AddressDeduplicator()
    expected: dict[str, int] = {}
    for line, key in enumerate(keys, start=1):
        assert seen.first_line(key, line) == expected.get(key, 0)
        expected.setdefault(key, line)


def test_nothing_is_forgotten_as_it_grows() -> None:
    seen = AddressDeduplicator()
    keys = [f"person{count}@example.com" for count in range(50_000)]
    assert not any(seen.first_line(key, line) for line, key in enumerate(keys, start=1))
    assert [seen.first_line(key, 0) for key in keys] == list(range(1, 50_001))
    assert list(seen.find_all(keys)) == list(range(1, 50_001))
    assert seen.find("nobody@example.com") == 0
