"""Every writing transaction held before each of its statements while others run: `python -m tests.interleavings`.

The others are everything that is due, done by a second replica, and in some scenarios another person's click.
SITES=text plays only the transactions whose place has it, SEED=1 in another order, MOST=100 no more than so many.
"""

import asyncio
import os
import sys
from collections.abc import Iterable
from itertools import combinations_with_replacement
from random import Random
from time import monotonic

from tests.databases import DatabaseMissingError, Databases
from tests.faults.scenarios import SCENARIOS, Scenario
from tests.faults.sites import Site, every_transaction
from tests.interleavings.meeting import RIVALS, Hold, Meetings, Other, another_replica
from tests.playground.aws import AwsPlayground

Pair = tuple[Site, Site]


def pairs_of(tables: dict[Site, set[str]]) -> set[Pair]:
    """Return the pairs of transactions that write or lock rows of one table."""
    ordered = sorted(tables)
    return {(one, other) for one, other in combinations_with_replacement(ordered, 2) if tables[one] & tables[other]}


def pair(one: Site, other: Site) -> Pair:
    return (one, other) if one <= other else (other, one)


async def record(meetings: Meetings) -> tuple[dict[Hold, Scenario], dict[Site, set[str]], list[str]]:
    """Return where transactions may be held, in the first scenario that comes there, what they write, what is wrong."""
    holds: dict[tuple[Site, Site], tuple[Hold, Scenario]] = {}
    tables: dict[Site, set[str]] = {}
    wrong: list[str] = []
    for scenario in SCENARIOS:
        recorded = await meetings.watch(scenario)
        wrong += [f"{scenario.name}: {each}" for each in recorded.wrong]
        for hold in recorded.holds:
            holds.setdefault((hold.transaction, hold.site), (hold, scenario))
        for transaction, found in recorded.tables.items():
            tables.setdefault(transaction, set()).update(found)
    return dict(holds.values()), tables, wrong


def plays_of(holds: dict[Hold, Scenario]) -> Iterable[tuple[Hold, Scenario, Other, bool]]:
    """Yield what is to be played; True: the end must be that of the scenario alone."""
    for hold, scenario in holds.items():
        yield hold, scenario, another_replica, True
        if scenario.name in RIVALS:
            yield hold, scenario, RIVALS[scenario.name], False


async def play_all() -> int:
    """Return the exit code."""
    began, asked, most = monotonic(), os.environ.get("SITES", ""), int(os.environ.get("MOST") or 10**6)
    with Databases(in_memory=True) as databases, AwsPlayground() as aws:
        os.environ["AWS_ENDPOINT_URL"] = aws.url
        meetings = Meetings(databases, aws)
        holds, tables, wrong = await record(meetings)
        todo = [play for play in plays_of(holds) if asked in str(play[0].transaction)]
        Random(os.environ.get("SEED", "")).shuffle(todo)  # noqa: S311 - what is played first is a sample of all
        met: set[Pair] = set()
        held = waited = 0
        for hold, scenario, other, same_end in todo[:most]:
            came = await meetings.meet(scenario, hold, other, same_end=same_end)
            held, waited = held + came.held, waited + came.waited
            own = tables[hold.transaction]
            met |= {pair(hold.transaction, each) for each, theirs in came.others.items() if own & theirs}
            for each in came.wrong:
                print(f"{hold.transaction} at {hold.site.line}, in “{scenario.name}”: {each}", flush=True)
            wrong += came.wrong
    found, played = pairs_of(tables), len(todo[:most])
    print(
        f"interleavings: writing transactions {len(every_transaction())}, reached {len(tables)}; pairs of these that "
        f"write one table {len(found)}, of which met {len(met & found)}; held at {held} of {played} statements, "
        f"{waited} with the other waiting for a row; wrong {len(wrong)}; {monotonic() - began:.0f} s"
    )
    return int(bool(wrong) or held < played)


def main() -> int:
    """Return the exit code."""
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        os.environ[name] = os.devnull
    try:
        return asyncio.run(play_all())
    except DatabaseMissingError as error:
        print(f"interleavings: left out: {error}")
        return 0


if __name__ == "__main__":
    sys.exit(main())
