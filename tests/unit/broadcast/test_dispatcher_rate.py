"""The pace stands in the row of the AWS account: whoever sends for it keeps it, however long it says to wait."""

from datetime import timedelta
from itertools import pairwise

from tests.playground.aws import How
from tests.unit.broadcast.fixtures import BULK, Station


async def test_whoever_takes_over_keeps_the_pace(connected: Station) -> None:
    broadcast = await connected.confirmed(60)
    engine = await connected.run_for(1)
    before = len(connected.calls())
    fits_at = connected.clock() + timedelta(seconds=30)  # longer than a sender rests at a time
    await connected.change(await connected.account(), next_send_at=fits_at)

    await connected.run(engine)

    assert connected.aws.calls_of(BULK)[before].at >= fits_at
    assert await connected.is_done(broadcast.id, 60)


async def test_each_rest_after_a_throttled_call_is_longer_than_the_one_before(connected: Station) -> None:
    broadcast = await connected.confirmed(30)
    connected.aws.fail(BULK, How.THROTTLE, times=7)

    await connected.run()

    rests = [after.at - before.at for before, after in pairwise(connected.aws.calls_of(BULK)[:8])]
    assert [rest.total_seconds() >= 0.25 * 2**number for number, rest in enumerate(rests)] == [True] * 7
    assert await connected.is_done(broadcast.id, 30)
