"""What is wrong, and the incidents that follow from it: opened, updated and resolved once each, on both databases."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError
from sqlmodel import select

from bot.alerts.incidents import GROUP_ABOVE, Incidents
from bot.errors import BotError
from bot.mailer.monitoring.incident_rules import OUTAGE_AFTER, detect_conditions, reconcile_incidents
from storage.database import Database
from storage.models import Audit, Incident, Outbox
from storage.states import Access, IdentityState, IncidentKind, IncidentState, Production, Sending
from tests.databases import Clock
from tests.unit.alerts.rows import Watched, identity_row, mailer_row, team_row

pytestmark = pytest.mark.both_databases

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
TEAM = team_row("C1", NOW)
MAILER = mailer_row(TEAM, NOW)

K = IncidentKind


@pytest.mark.parametrize(
    ("facts", "opens"),
    [
        ({}, []),
        ({"access": Access.SUSPECT}, []),
        ({"access": Access.LOST}, [K.ACCESS_LOST]),
        ({"access": Access.LOST, "sending": Sending.PAUSED, "production": Production.DENIED}, [K.ACCESS_LOST]),
        ({"access": Access.LOST, "unanswered_since": NOW - DAY}, [K.ACCESS_LOST]),
        ({"unanswered_since": NOW - OUTAGE_AFTER}, [K.REGION_OUTAGE]),
        ({"unanswered_since": NOW - OUTAGE_AFTER, "sending": Sending.PAUSED}, [K.REGION_OUTAGE]),
        ({"unanswered_since": NOW - OUTAGE_AFTER + timedelta(seconds=1)}, []),
        ({"sending": Sending.PAUSED}, [K.SENDING_PAUSED]),
        ({"sending": Sending.PROBATION}, [K.PROBATION]),
        ({"sending": Sending.SHUT_DOWN}, [K.SHUT_DOWN]),
        ({"production": Production.SANDBOX}, []),
        ({"production": Production.IN_REVIEW}, []),
        ({"production": Production.DENIED}, [K.PRODUCTION_DENIED]),
        ({"sent_last_24_hours": 799}, []),
        ({"sent_last_24_hours": 800}, [K.QUOTA_LOW]),
        ({"sent_last_24_hours": 999}, [K.QUOTA_LOW]),
        ({"sent_last_24_hours": 1_000}, [K.QUOTA_USED_UP, K.QUOTA_LOW]),
        ({"sent_last_24_hours": 9_999, "max_24_hour_send": -1}, []),
        ({"sent_last_24_hours": 0, "max_24_hour_send": 0}, []),
        ({"sending": Sending.PROBATION, "production": Production.DENIED}, [K.PROBATION, K.PRODUCTION_DENIED]),
    ],
)
def test_what_is_wrong_with_an_account(facts: dict[str, Any], opens: list[K]) -> None:
    found = detect_conditions(mailer_row(TEAM, NOW, **facts), [], NOW)

    assert [kind for (kind, _), finding in found.items() if finding.opens] == opens


@pytest.mark.parametrize(
    ("name", "facts", "kinds"),
    [
        ("acme.test", {}, []),
        ("acme.test", {"state": IdentityState.TEMPORARY_FAILURE}, []),
        ("acme.test", {"state": IdentityState.FAILED}, [K.IDENTITY_LOST]),
        ("acme.test", {"state": IdentityState.FAILED, "verified_at": None}, [K.VERIFICATION_FAILED]),
        ("acme.test", {"state": IdentityState.GONE}, [K.IDENTITY_LOST]),
        ("acme.test", {"state": IdentityState.GONE, "verified_at": None}, [K.IDENTITY_LOST]),
        ("acme.test", {"state": IdentityState.PENDING, "pending_since": NOW - 59 * HOUR}, []),
        ("acme.test", {"state": IdentityState.PENDING, "pending_since": NOW - 60 * HOUR}, [K.VERIFICATION_ENDING]),
        ("ann@acme.test", {"state": IdentityState.PENDING, "pending_since": NOW - 21 * HOUR}, []),
        ("ann@acme.test", {"state": IdentityState.PENDING, "pending_since": NOW - 22 * HOUR}, [K.VERIFICATION_ENDING]),
    ],
)
def test_what_is_wrong_with_an_identity(name: str, facts: dict[str, Any], kinds: list[K]) -> None:
    identity = identity_row(MAILER, name, NOW, **facts)

    assert list(detect_conditions(MAILER, [identity], NOW)) == [(kind, identity.id) for kind in kinds]


@pytest.fixture
async def watched(db: Database, clock: Clock) -> Watched:
    made = Watched(db, clock(), *(f"d{number}.test" for number in range(10)))
    await made.store()
    return made


async def test_an_incident_is_opened_once_however_often_anybody_looks(watched: Watched, clock: Clock) -> None:
    await watched.follow(clock(), access=Access.LOST)
    for _ in range(5):
        clock.advance(60)
        await watched.follow(clock())

    (incident,) = await watched.open()
    assert (incident.kind, incident.state, incident.version) == (K.ACCESS_LOST, IncidentState.OPEN, 1)
    (message,) = await watched.told()
    assert (message.kind, message.record_id, message.wanted) == ("alert", incident.id, 1)


async def test_of_several_who_see_it_at_the_same_moment_one_tells_it(watched: Watched, clock: Clock) -> None:
    await asyncio.gather(*(watched.follow(clock(), sending=Sending.PAUSED) for _ in range(5)))

    assert len(await watched.open()) == 1
    assert len(await watched.told()) == 1


async def test_two_open_incidents_of_one_kind_and_subject_cannot_be_stored(watched: Watched, clock: Clock) -> None:
    await watched.follow(clock(), sending=Sending.PAUSED)
    double: dict[str, Any] = {
        "team_id": watched.team.id,
        "kind": K.SENDING_PAUSED,
        "opened_at": clock(),
        "updated_at": clock(),
    }

    with pytest.raises(IntegrityError):
        async with watched.db.write() as session:
            session.add(Incident(**double))

    await watched.follow(clock(), sending=Sending.ENABLED)
    async with watched.db.write() as session:  # one that is over is in nobody's way
        session.add(Incident(**double))


async def test_a_change_of_the_facts_is_an_edit_of_the_same_message(watched: Watched, clock: Clock) -> None:
    await watched.follow(clock(), sent_last_24_hours=850)
    await watched.post()
    await watched.follow(clock(), sent_last_24_hours=900)

    (incident,) = await watched.open()
    assert incident.detail == {"sent": 900, "limit": 1_000}
    (message,) = await watched.told()
    assert (message.wanted, message.shown, message.ts) == (2, 1, "1.0")


async def test_an_end_is_told_under_an_alert_that_was_seen(watched: Watched, clock: Clock) -> None:
    await watched.follow(clock(), access=Access.LOST)
    await watched.post()
    await watched.follow(clock.advance(600), access=Access.OK)

    assert await watched.open() == []
    alert, end = await watched.told()
    assert (alert.wanted, end.kind, end.reply_to) == (2, "alert_over", alert.key)


async def test_nobody_is_told_of_the_end_of_what_they_were_never_told(watched: Watched, clock: Clock) -> None:
    await watched.follow(clock(), access=Access.LOST)
    await watched.follow(clock.advance(600), access=Access.OK)

    assert [message.kind for message in await watched.told()] == ["alert"]


async def test_whoever_tells_the_end_in_another_way_is_not_doubled(watched: Watched, clock: Clock) -> None:
    await watched.follow(clock(), access=Access.LOST)
    await watched.post()
    await watched.follow(clock(), access=Access.OK, told=True)

    assert [message.kind for message in await watched.told()] == ["alert"]


async def test_while_access_is_lost_nothing_else_begins_or_ends(watched: Watched, clock: Clock) -> None:
    await watched.change("d0.test", state=IdentityState.FAILED)
    await watched.follow(clock(), sending=Sending.PROBATION)
    before = {incident.id for incident in await watched.open()}

    await watched.change("d0.test", state=IdentityState.VERIFIED)
    await watched.change("d1.test", state=IdentityState.FAILED)
    await watched.follow(clock(), access=Access.LOST, sending=Sending.PAUSED)
    kinds = [incident.kind for incident in await watched.open()]
    assert kinds == [K.ACCESS_LOST, K.PROBATION, K.IDENTITY_LOST]
    assert before < {incident.id for incident in await watched.open()}

    await watched.follow(clock(), access=Access.OK)
    assert [incident.kind for incident in await watched.open()] == [K.SENDING_PAUSED, K.IDENTITY_LOST]


async def test_an_outage_ends_with_the_first_answer_also_when_that_is_a_refusal(watched: Watched, clock: Clock) -> None:
    await watched.follow(clock(), unanswered_since=clock() - OUTAGE_AFTER)
    assert [incident.kind for incident in await watched.open()] == [K.REGION_OUTAGE]

    await watched.follow(clock(), unanswered_since=None, access=Access.LOST)
    assert [incident.kind for incident in await watched.open()] == [K.ACCESS_LOST]


async def test_what_fails_together_is_one_incident(watched: Watched, clock: Clock) -> None:
    await watched.change(*watched.names, state=IdentityState.FAILED)
    await watched.follow(clock())

    (incident,) = await watched.open()
    assert incident.detail["names"] == sorted(watched.names)
    assert len(await watched.told()) == 1

    await watched.change(*watched.names[:7], state=IdentityState.VERIFIED)
    await watched.follow(clock())
    (incident,) = await watched.open()
    assert incident.detail["names"] == sorted(watched.names[7:])

    await watched.change(watched.names[0], state=IdentityState.FAILED)  # its subject, which has recovered meanwhile
    await watched.follow(clock())
    assert sum(len(incident.detail.get("names", ["one"])) for incident in await watched.open()) == 4

    await watched.change(*watched.names, state=IdentityState.VERIFIED)
    await watched.follow(clock())
    assert await watched.open() == []


async def test_a_few_that_fail_are_an_incident_each_with_their_own_buttons(watched: Watched, clock: Clock) -> None:
    await watched.change(*watched.names[:GROUP_ABOVE], state=IdentityState.FAILED)
    await watched.follow(clock())

    assert sorted(incident.detail["name"] for incident in await watched.open()) == sorted(watched.names[:GROUP_ABOVE])


async def test_the_quota_does_not_flap_at_its_thresholds(watched: Watched, clock: Clock) -> None:
    for sent in (800, 790, 805, 710, 1_000, 990, 1_000, 810, 1_000):
        await watched.follow(clock(), sent_last_24_hours=sent)

    assert [incident.kind for incident in await watched.open()] == [K.QUOTA_USED_UP, K.QUOTA_LOW]
    assert len(await watched.told("alert")) == 2
    await watched.follow(clock(), sent_last_24_hours=690)
    assert await watched.open() == []


async def test_a_quota_that_is_used_up_at_once_is_one_alert(watched: Watched, clock: Clock) -> None:
    for sent in (0, 1_000, 950):
        await watched.follow(clock(), sent_last_24_hours=sent)

    assert [incident.kind for incident in await watched.open()] == [K.QUOTA_USED_UP]


async def test_reminders_come_daily_until_somebody_acknowledges(watched: Watched, clock: Clock) -> None:
    await watched.follow(clock(), access=Access.LOST)
    await watched.post()
    reminders = []
    for _ in range(72):
        await watched.follow(clock.advance(3_600))
        reminders.append(len(await watched.told("alert_reminder")))
    assert [reminders[hours - 1] for hours in (23, 24, 47, 48, 72)] == [0, 1, 1, 2, 3]

    (incident,) = await watched.open()
    await Incidents(watched.db).acknowledge(watched.team, incident.id, "U7")
    for _ in range(3):
        await watched.follow(clock.advance(86_400))
    assert len(await watched.told("alert_reminder")) == 3
    (incident,) = await watched.open()
    assert (incident.state, incident.acknowledged_by) == (IncidentState.ACKNOWLEDGED, "U7")


async def test_of_twenty_who_acknowledge_at_once_one_does(watched: Watched, clock: Clock) -> None:
    await watched.follow(clock(), access=Access.LOST)
    (incident,) = await watched.open()
    incidents = Incidents(watched.db)

    clicks = [incidents.acknowledge(watched.team, incident.id, f"U{number}") for number in range(20)]
    results = await asyncio.gather(*clicks, return_exceptions=True)

    assert sum(isinstance(result, Incident) for result in results) == 1
    assert sum(isinstance(result, BotError) and result.code == "ALREADY" for result in results) == 19
    async with watched.db.read() as session:
        assert len((await session.exec(select(Audit).where(Audit.action == "incident.acknowledge"))).all()) == 1


async def test_what_is_over_or_another_teams_cannot_be_acknowledged(watched: Watched, clock: Clock) -> None:
    await watched.follow(clock(), access=Access.LOST)
    (incident,) = await watched.open()
    incidents = Incidents(watched.db)

    with pytest.raises(BotError) as stranger:
        await incidents.acknowledge(team_row("C2", NOW), incident.id, "U1")
    with pytest.raises(BotError) as missing:
        await incidents.acknowledge(watched.team, "0" * 32, "U1")
    assert stranger.value.text == missing.value.text

    await watched.follow(clock(), access=Access.OK)
    with pytest.raises(BotError, match="over already"):
        await incidents.acknowledge(watched.team, incident.id, "U1")
    assert (await watched.told("alert"))[0].wanted == 2


async def test_the_incident_and_its_message_come_in_one_transaction(watched: Watched, clock: Clock) -> None:
    with pytest.raises(ZeroDivisionError):
        async with watched.db.write() as session:
            mailer = await session.get_one(type(watched.mailer), watched.mailer.id, with_for_update=True)
            mailer.access = Access.LOST
            await reconcile_incidents(session, mailer, [], clock())
            raise ZeroDivisionError

    async with watched.db.read() as session:
        assert (await session.exec(select(Incident))).all() == []
        assert (await session.exec(select(Outbox))).all() == []
