from bot.pacing import backoff


def test_each_failure_doubles_the_wait_up_to_the_longest() -> None:
    assert [backoff(failures, 0.5, 60) for failures in (1, 2, 3, 7, 8, 10_000)] == [0.5, 1, 2, 32, 60, 60]


def test_chance_shortens_the_wait_and_never_lengthens_it() -> None:
    waits = [backoff(3, 1, 60, jitter=0.5) for _ in range(1_000)]
    assert 2 <= min(waits) < max(waits) <= 4
