"""The bucket of a token: how much fits in, how fast it fills, and that one says nothing of another."""

import pytest

from handlers.http.api.rate import BURST, PER_SECOND, REMEMBERED, Rate
from tests.databases import Clock


def test_a_burst_passes_and_the_next_request_waits_for_its_share(clock: Clock) -> None:
    rate = Rate(clock)
    assert [rate.seconds_to_wait("a") for _ in range(BURST)] == [0] * BURST

    assert rate.seconds_to_wait("a") == pytest.approx(1 / PER_SECOND)
    assert rate.seconds_to_wait("b") == 0


def test_a_refused_request_takes_nothing_out(clock: Clock) -> None:
    rate = Rate(clock)
    for _ in range(BURST + 1000):
        rate.seconds_to_wait("a")

    clock.advance(1)

    assert [bool(rate.seconds_to_wait("a")) for _ in range(PER_SECOND + 1)] == [False] * PER_SECOND + [True]


def test_a_bucket_holds_no_more_than_a_burst_however_long_it_fills(clock: Clock) -> None:
    rate = Rate(clock)
    clock.advance(86_400)
    for _ in range(BURST):
        assert rate.seconds_to_wait("a") == 0
    assert rate.seconds_to_wait("a") > 0


def test_full_buckets_are_forgotten(clock: Clock) -> None:
    rate = Rate(clock)
    for number in range(REMEMBERED):
        rate.seconds_to_wait(str(number))
    clock.advance(1)

    rate.seconds_to_wait("another")

    assert len(rate._full_at) == 1
