from datetime import timedelta

from bot.broadcast.delivery.rate_limit import BACKPRESSURE_FACTOR, RateLimiter
from tests.databases import Clock


def test_a_rate_that_aws_raises_counts_at_once(clock: Clock) -> None:
    share, next_at = RateLimiter(1.0, None).take(1, limit=1, now=clock())
    assert next_at - clock() > timedelta(seconds=1)

    clock.advance(60)
    _, next_at = RateLimiter(share, next_at).take(50, limit=50, now=clock())

    assert next_at - clock() < timedelta(seconds=1.1)


def test_after_a_cut_the_share_grows_back(clock: Clock) -> None:
    pace = RateLimiter(BACKPRESSURE_FACTOR, clock())
    for _ in range(20):
        share, next_at = pace.take(14, limit=14, now=clock())
        assert share > pace.share or share == 1
        pace = RateLimiter(share, next_at)

    assert pace.share == 1


def test_a_larger_call_waits_until_the_smaller_one_before_has_left_the_second(clock: Clock) -> None:
    share, next_at = RateLimiter(1.0, None).take(1, limit=10, now=clock())
    pace = RateLimiter(share, next_at)
    clock.advance(pace.wait(clock()))
    assert 0.9 <= pace.wait(clock(), 9, 10) <= 0.93
    clock.advance(pace.wait(clock(), 9, 10))
    assert pace.wait(clock(), 9, 10) == 0
