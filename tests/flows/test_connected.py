"""What flows begin with is what connecting leads to."""

from datetime import timedelta
from typing import Any

from tests.databases import Clock, Databases
from tests.flows.world import World, open_world
from tests.playground.aws import AwsPlayground


async def looks(world: World) -> dict[str, Any]:
    """Return what can be compared of two worlds: all but ids, secrets, and what AWS had no time for."""
    return {
        "rows": {name: len(rows) for name, rows in (await world.everything_stored()).items()},
        "said": [message.text for message in world.slack.messages(world.news)],
        "members": len(world.news.members),
        "calls": sorted(call.operation for call in world.aws.calls if call.status != 429),
        "mails": [mail.to for mail in world.aws.mails],
        "queues": len(world.aws.sqs.queues),
    }


async def test_what_is_put_in_place_is_what_connecting_leads_to(aws: AwsPlayground, databases: Databases) -> None:
    seen, times, clicked = [], [], []
    for step in ("connects", "is_connected", "is_connected"):
        aws.reset()
        clock = aws.clock = Clock()
        async with open_world(aws, await databases.create("sqlite"), clock) as world:
            world.ses.verify("acme.test")
            world.ses.grant_production()
            await getattr(world, step)()
            seen.append(await looks(world))
            times.append(world.clock())
            clicked.append(len(world.slack.deliveries) > 0)
            assert "2 delivered" in (await world.sends()).text
    assert seen[0] == seen[1] == seen[2]
    assert (clicked[0], clicked[2]) == (True, False)
    assert max(times) - min(times) <= timedelta(seconds=3)  # two calls at the same moment wait for each other or not
