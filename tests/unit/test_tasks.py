"""Work side by side, where one that fails keeps no other back."""

import asyncio

import pytest

from bot.tasks import run_all


async def test_each_is_awaited_a_few_at_a_time_and_of_errors_the_first_is_raised_and_the_others_are_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    under_way, most, done = 0, 0, list[int]()

    async def work(number: int) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1
        if number in {1, 3}:
            raise RuntimeError(f"number {number}")
        done.append(number)

    with pytest.raises(RuntimeError, match="number 1"):
        await run_all((work(number) for number in range(6)), at_once=2)

    assert (done, most) == ([0, 2, 4, 5], 2)
    assert [str(record.exc_info[1]) for record in caplog.records if record.exc_info] == ["number 3"]
