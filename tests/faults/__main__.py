"""Every wait of Mailroom's for somebody else, failing in each of three ways: `python -m tests.faults`.

FAULTS=error (or hang, lost) plays one of them, SITES=text only the sites whose place has it, JOBS=2 so many processes
at a time, SEED=1 in another order; DATABASE=postgresql instead of SQLite.
"""

import asyncio
import json
import os
import sys
from collections import Counter
from collections.abc import Sequence
from random import Random
from time import monotonic
from typing import Any

from tests.databases import Databases
from tests.faults.play import Played, Plays
from tests.faults.scenarios import SCENARIOS, Scenario
from tests.faults.seams import How, Plan
from tests.faults.sites import Site, listed_sites
from tests.faults.unreached import Listed, listed
from tests.playground.aws import AwsPlayground

HOWS = {"error": How.ERROR, "hang": How.HANG, "lost": How.LOST_REPLY}


async def record_all(plays: Plays) -> tuple[dict[Site, Scenario], list[str]]:
    """Play every scenario without a fault; return the quickest that reaches each site, and what is wrong with them."""
    quickest: dict[Site, tuple[float, Scenario]] = {}
    wrong: list[str] = []
    for scenario in SCENARIOS:
        played = await plays.record(scenario)
        wrong += [f"{scenario.name}: {each}" for each in played.wrong]
        wrong += [f"{scenario.name}: the walk does not know {each}" for each in played.unknown]
        for site in played.sites:
            if site not in quickest or played.seconds < quickest[site][0]:
                quickest[site] = played.seconds, scenario
    return {site: scenario for site, (_, scenario) in sorted(quickest.items())}, wrong


def is_listed(site: Site, of: Sequence[Listed]) -> bool:
    return any(each.covers(site) for each in of)


async def play_part(part: int, parts: int) -> None:
    """Play every so-manieth site, and print what comes of each as a line of JSON."""
    hows = [HOWS[name] for name in (os.environ.get("FAULTS") or "error,hang,lost").split(",")]
    asked = os.environ.get("SITES", "")
    with Databases(in_memory=True) as databases, AwsPlayground() as aws:
        os.environ["AWS_ENDPOINT_URL"] = aws.url
        plays = Plays(databases, aws, _kind())
        reached, wrong = await record_all(plays)
        say({"reached": [str(site) for site in reached], "wrong": wrong, "open": _open(reached)} if not part else {})
        chosen = [site for site in reached if asked in str(site)]
        Random(os.environ.get("SEED", "")).shuffle(chosen)  # noqa: S311 - what is played first is a sample of all
        for site in chosen[part::parts]:
            for how in hows:
                plan = Plan(site, how)
                try:
                    played = await plays.play(reached[site], plan)
                except Exception as error:  # noqa: BLE001 - one that breaks the play is wrong, and the others go on
                    played = Played(met=plan.met > 0, wrong=[f"{type(error).__name__}: {error}"])
                borne = bool(played.wrong or not played.met) and is_listed(site, listed("borne"))
                came = {"met": played.met, "borne": borne, "wrong": [] if borne else played.wrong}
                say({"site": str(site), "how": how, "in": reached[site].name, **came})


def _kind() -> str:
    """Of the database."""
    return os.environ.get("DATABASE") or "sqlite"


def _open(reached: dict[Site, Scenario]) -> list[str]:
    """Return what is neither reached nor listed, and what is listed for nothing."""
    to_reach, reasons = listed_sites(_kind()), listed()
    missing = [site for site in listed_sites("sqlite") if site not in reached]
    unlisted = [
        f"{site} is reached by no scenario, and not listed"
        for site in missing
        if site in to_reach and not is_listed(site, reasons)
    ]
    idle = [
        f"{each.place} is listed, and all of it is reached" for each in reasons if not any(map(each.covers, missing))
    ]
    return [*sorted(unlisted), *idle]


def say(what: dict[str, Any]) -> None:
    print(json.dumps(what), flush=True)


async def play_all() -> int:
    """Play the parts side by side; return the exit code."""
    began, jobs = monotonic(), int(os.environ.get("JOBS") or 2)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    nowhere = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    parts = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "tests.faults", str(part), str(jobs)),
            env=environment | nowhere | {"AWS_EC2_METADATA_DISABLED": "true"},
            stdout=asyncio.subprocess.PIPE,
            limit=2**24,
        )
        for part in range(jobs)
    ]
    heard = [line for lines in await asyncio.gather(*map(_listen, parts)) for line in lines]
    first = next((line for line in heard if "reached" in line), {"reached": [], "wrong": ["no part began"], "open": []})
    plays = [line for line in heard if "site" in line]
    effect = Counter(line["how"] for line in plays if line["met"])
    missed = [f"{line['site']}: {line['how']} had no effect" for line in plays if not (line["met"] or line["borne"])]
    wrong = [*first["wrong"], *first["open"], *missed]
    print(
        f"faults: sites {len(listed_sites(_kind()))}, reached {len(first['reached'])}, "
        f"listed with a reason {sum(is_listed(each, listed()) for each in listed_sites(_kind()))}; in effect: "
        + ", ".join(f"{how} {effect[how]}" for how in How)
        + f"; borne {sum(line['borne'] for line in plays)}, "
        f"wrong {sum(bool(line['wrong']) for line in plays) + len(wrong)}; {monotonic() - began:.0f} s"
    )
    for each in wrong:
        print(f"  {each}")
    return int(bool(wrong) or any(line["wrong"] for line in plays) or any(part.returncode for part in parts))


async def _listen(part: asyncio.subprocess.Process) -> list[dict[str, Any]]:
    heard = []
    assert part.stdout is not None
    async for line in part.stdout:
        told = json.loads(line)
        heard.append(told)
        for each in told.get("wrong", []) if "site" in told else []:
            print(f"{told['site']}, {told['how']}, in “{told['in']}”: {each}", flush=True)
    await part.wait()
    return heard


def main(arguments: list[str]) -> int:
    """Return the exit code."""
    if arguments:
        asyncio.run(play_part(int(arguments[0]), int(arguments[1])))
        return 0
    return asyncio.run(play_all())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
