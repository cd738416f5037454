"""A few of what `python -m tests.faults` plays: the walk knows every wait, and what is swallowed is found."""

from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from sqlalchemy.exc import OperationalError

from bot.suppression.suppression_list import Suppressions
from tests.databases import Databases
from tests.faults.play import Played, Plays
from tests.faults.scenarios import SCENARIOS, Scenario, opens_home, ready
from tests.faults.seams import How, Plan
from tests.faults.sites import Medium, Site, every_site, listed_sites, sites_in
from tests.faults.unreached import listed
from tests.playground.aws import AwsPlayground

SAID = {scenario.name: scenario for scenario in SCENARIOS}["suppress"]
HOME = Scenario("home", (ready,), (opens_home,))
CODE = """
from aiohttp import ClientSession

class Waits:
    async def all(self, client, ses, lookup):
        async with self._db.write() as mine:
            await mine.exec(1)
        await client.chat_postMessage(channel="C")
        await ses.call("ses:GetAccount", len)
        await lookup("acme.test", "TXT")
        async with ClientSession() as session, session.get("https://acme.test") as answer:
            await answer.read()
        self._db.now()
"""


@pytest.fixture
async def plays(databases: Databases, aws: AwsPlayground) -> AsyncIterator[Plays]:
    yield Plays(databases, aws)


def site(played: Played, place: str, medium: Medium) -> Site:
    return next(each for each in played.sites if each.place.endswith(place) and each.medium is medium)


async def played(plays: Plays, scenario: Scenario, at: Site, how: How) -> list[str]:
    plan = Plan(at, how)
    came_of_it = await plays.play(scenario, plan)
    assert plan.met, "the fault had no effect"
    return came_of_it.wrong


def test_the_walk_finds_every_kind_of_wait() -> None:
    found = sorted((each.medium, each.line) for each in sites_in("bot/x.py", CODE))

    assert found == [
        (Medium.AWS, 9),
        (Medium.DATABASE, 6),
        (Medium.DATABASE, 7),
        (Medium.DNS, 10),
        (Medium.HTTP, 11),
        (Medium.SLACK, 8),
    ]


def test_what_is_listed_as_not_reached_is_there() -> None:
    assert {each.medium for each in every_site()} == {*Medium}
    assert [each.place for each in listed() if not any(map(each.covers, listed_sites("sqlite")))] == []


@pytest.mark.long
async def test_a_click_is_told_of_what_fails_and_has_one_effect(plays: Plays) -> None:
    recorded = await plays.record(SAID)
    assert (recorded.wrong, recorded.unknown) == ([], [])
    said = site(recorded, "::whisper", Medium.SLACK)
    kept = site(recorded, "::Suppressions.add", Medium.DATABASE)

    for at, how in ((kept, How.ERROR), (kept, How.HANG), (kept, How.LOST_REPLY), (said, How.LOST_REPLY)):
        assert await played(plays, SAID, at, how) == []


async def test_who_opens_the_home_hears_of_a_database_that_is_gone_from_the_first_statement_on(plays: Plays) -> None:
    seen_before = site(await plays.record(HOME), "::Listeners._first_time", Medium.DATABASE)

    assert await played(plays, HOME, seen_before, How.ERROR) == []


async def test_an_error_that_is_swallowed_is_found(plays: Plays, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = site(await plays.record(SAID), "::Suppressions.add", Medium.DATABASE)
    add = Suppressions.add

    async def swallows(self: Suppressions, *given: object) -> bool:
        with suppress(OperationalError):
            return await add(self, *given)  # type: ignore[arg-type]
        return True

    monkeypatch.setattr(Suppressions, "add", swallows)

    wrong = await played(plays, SAID, kept, How.ERROR)
    assert len(wrong) == 2, wrong
    assert wrong[0].startswith("suppressed: ")
