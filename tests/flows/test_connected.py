"""What flows begin with is what connecting leads to."""

from typing import Any

from tests.databases import Clock, Databases
from tests.flows.world import World, open_world
from tests.playground.aws import AwsPlayground


async def looks(world: World) -> dict[str, Any]:
    """Return what can be compared of two worlds: all but ids and secrets."""
    return {
        "rows": {name: len(rows) for name, rows in (await world.everything_stored()).items()},
        "said": [message.text for message in world.slack.messages(world.news)],
        "members": len(world.news.members),
        "calls": sorted(call.operation for call in world.aws.calls),
        "mails": [mail.to for mail in world.aws.mails],
        "queues": len(world.aws.sqs.queues),
        "time": world.clock(),
    }


async def test_what_is_put_in_place_is_what_connecting_leads_to(aws: AwsPlayground, databases: Databases) -> None:
    seen = []
    for step in ("connects", "is_connected", "is_connected"):
        aws.reset()
        clock = aws.clock = Clock()
        async with open_world(aws, await databases.create("sqlite"), clock) as world:
            world.ses.verify("acme.test")
            world.ses.grant_production()
            await getattr(world, step)()
            seen.append(await looks(world))
            assert "2 delivered" in (await world.sends()).text
    assert seen[0] == seen[1] == seen[2]
