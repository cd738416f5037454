"""`make chaos`: kill -9, stalls, lost replies and database restarts against real processes, and rolling restarts.

`python -m tests.chaos` strikes both databases at once, each in a process of its own, and then restarts replicas in
turn, behind a balancer and in Socket Mode; with a name (sqlite, postgresql, http, socket) it runs that one. CHAOS is
`short`, `long` or nothing; SEED repeats the choices of an earlier run (when processes meet them differs).
"""

import asyncio
import os
import sys
from dataclasses import dataclass
from random import Random, SystemRandom

from tests.chaos import rolling
from tests.chaos.balancer import BalancerMissingError
from tests.chaos.havoc import Blow
from tests.chaos.run import prepared
from tests.databases import DatabaseMissingError, Databases

KINDS = ("sqlite", "postgresql")
REPLICAS = {"http": 3, "socket": 2}


@dataclass(frozen=True)
class Plan:
    """How often what is done, on one kind of database, and how often replicas are restarted, in one mode."""

    kills: int
    stalls: int
    restarts: int
    rolling: int

    def blows(self, kind: str, random: Random) -> list[Blow]:
        restarts = self.restarts if kind == "postgresql" else 0
        blows = [Blow.KILL] * self.kills + [Blow.STALL] * self.stalls + [Blow.RESTART] * restarts
        random.shuffle(blows)
        return blows


PLANS = {"short": Plan(20, 5, 2, 2), "": Plan(105, 27, 10, 10), "long": Plan(510, 60, 40, 40)}


async def run_one(kind: str, plan: Plan, seed: int) -> int:
    """Run on one kind of database; return the exit code."""
    random = Random(f"{kind} {seed}")  # noqa: S311 - to be repeated, not to be secret
    with Databases(crash_safe=True) as databases:
        try:
            async with prepared(kind, databases, random) as (run, bots):
                try:
                    result = await run.play(plan.blows(kind, random))
                except Exception as error:  # noqa: BLE001 - whatever it is, the run has failed
                    logs = "\n".join(bot.log()[-6000:] for bot in bots)
                    print(f"{logs}\nchaos {kind}: {type(error).__name__}: {error}", flush=True)
                    return 1
        except DatabaseMissingError as error:
            print(f"chaos {kind}: left out: {error}", flush=True)
            return 0
    print(result.line(kind), flush=True)
    return 0 if result.is_right else 1


async def run_rolling(way: str, plan: Plan, seed: int) -> int:
    """Restart replicas in turn; return the exit code."""
    random = Random(f"{way} {seed}")  # noqa: S311 - as above
    with Databases(crash_safe=True) as databases:
        try:
            async with rolling.prepared(way, REPLICAS[way], databases, random) as (run, bots):
                try:
                    result = await run.play(plan.rolling, random)
                except Exception as error:  # noqa: BLE001 - as above
                    logs = "\n".join(bot.log()[-6000:] for bot in bots)
                    print(f"{logs}\nrolling {way}: {type(error).__name__}: {error}", flush=True)
                    return 1
        except (BalancerMissingError, DatabaseMissingError) as error:
            print(f"rolling {way}: left out: {error}", flush=True)
            return 0
    print(result.line(way), flush=True)
    return 0 if result.is_right else 1


async def run_all(seed: int) -> int:
    """Run what strikes side by side, then what restarts; return the exit code."""
    print(f"chaos: seed {seed}", flush=True)
    codes = []
    for group in (KINDS, tuple(REPLICAS)):
        runs = [
            await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.chaos", kind, env=os.environ | {"SEED": str(seed)}
            )
            for kind in group
        ]
        codes += await asyncio.gather(*(run.wait() for run in runs))
    return max(codes, key=abs)


async def _chosen(arguments: list[str], plan: Plan, seed: int) -> int:
    if not arguments:
        return await run_all(seed)
    run = run_rolling if arguments[0] in REPLICAS else run_one
    return await run(arguments[0], plan, seed)


def main(arguments: list[str]) -> int:
    """Return the exit code."""
    length, seed = os.environ.get("CHAOS", ""), os.environ.get("SEED", "")
    if length not in PLANS or not (seed.isdecimal() or not seed) or not set(arguments) <= {*KINDS, *REPLICAS}:
        print(__doc__, file=sys.stderr)
        return 2
    number = int(seed or SystemRandom().randrange(10**6))
    try:
        return asyncio.run(_chosen(arguments, PLANS[length], number))
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
