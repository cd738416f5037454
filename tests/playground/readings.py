"""What a play reads off the world: the numbers of a report, and when something has happened."""

import asyncio
import re
from collections.abc import Callable

from tests.playground.slack.driver import Seen


def counts(report: Seen) -> dict[str, int]:
    """Read the numbers of a report, by state."""
    found = re.findall(r"([\d,]+) (sent|delivered|bounced|complained|in doubt)", report.text)
    return {state: int(number.replace(",", "")) for number, state in found}


async def until(true: Callable[[], bool]) -> None:
    """Wait for something that happens in another process and shows nowhere in Slack."""
    async with asyncio.timeout(30):
        while not true():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.01)
