"""What happens is told, all of it: each state of a broadcast, suppressions, and what is wrong with the mailer."""

import json
from typing import Any

import pytest
from sqlmodel import select

from bot.broadcast.draft_store import add_draft
from bot.broadcast.transitions import WITHOUT_CONTENT, transition
from bot.feedback.event_processor import process_events
from bot.feedback.ses_events import EventKind, SesEvent
from bot.mailer.monitoring.incident_rules import reconcile_incidents
from bot.mailer.shapes import identity_shape, mailer_shape
from bot.suppression.recording import Entry, suppress_all
from bot.webhooks.events import OF_DELIVERIES, Topic
from bot.webhooks.shapes import broadcast_shape
from handlers.http.api.broadcast_responses import BroadcastSummary
from handlers.http.api.responses import Identity as IdentityAnswer
from handlers.http.api.responses import Mailer as MailerAnswer
from storage import transitions
from storage.audit import API_TOKEN
from storage.models import ApiToken, Audience, AudienceBlock, Broadcast, Delivery, Identity, Mailer, WebhookEvent
from storage.states import (
    Access,
    BroadcastState,
    DeliveryState,
    IdentityState,
    IncidentState,
    SuppressionReason,
    content_of,
)
from tests.databases import Clock
from tests.unit.alerts.rows import identity_row, mailer_row
from tests.unit.webhooks.fixtures import ON_SQLITE, Hooked, broadcast_row, team_row

MOVES = sorted((source, each.target) for each in transitions.BROADCAST for source in each.sources)


async def told(hook: Hooked) -> list[tuple[str, str, dict[str, Any]]]:
    return [(each.type, each.lane, each.data) for each in await hook.waiting()]


@ON_SQLITE
async def test_every_way_between_two_states_of_a_broadcast_is_told_with_the_one_it_came_into(hook: Hooked) -> None:
    assert {to for _, to in MOVES} == {*BroadcastState}
    for number, (source, to) in enumerate(MOVES, start=1):
        row = broadcast_row(hook.team, number, hook.clock)
        row.state, row.body = BroadcastState(source), {"type": "rich_text", "content": "markdown", "text": "Hi"}
        async with hook.db.write() as session:
            session.add(row)
        async with hook.db.write() as session:
            row = await session.get_one(Broadcast, row.id, with_for_update=True, options=WITHOUT_CONTENT)
            await transition(session, row, BroadcastState(to), by="U1", action="broadcast.edit", now=hook.clock())
    found = await told(hook)
    assert [(kind, lane) for kind, lane, _ in found] == [
        (f"broadcast.{to}", f"{number:032}") for number, (_, to) in enumerate(MOVES, start=1)
    ]
    assert [data["broadcast"]["state"] for _, _, data in found] == [to for _, to in MOVES]
    assert {data["broadcast"]["content"] for _, _, data in found} == {"markdown"}


@ON_SQLITE
async def test_a_new_draft_is_told_where_a_program_made_it(hook: Hooked) -> None:
    token = ApiToken(team_id=hook.team.id, name="CI", token_hash="1", created_by="U1", created_at=hook.clock())
    async with hook.db.write() as session:
        session.add(token)
        for number, by in enumerate(("U1", f"{API_TOKEN}{token.id}"), start=1):
            row = broadcast_row(hook.team, number, hook.clock)
            row.created_by = by
            await add_draft(session, row)
    ((kind, lane, data),) = await told(hook)
    assert (kind, lane) == ("broadcast.draft", f"{2:032}")
    assert data["broadcast"]["author"] == {"kind": "token", "name": "CI"}


@ON_SQLITE
async def test_what_is_rolled_back_is_not_told(hook: Hooked) -> None:
    async with hook.db.write() as session:
        session.add(broadcast_row(hook.team, 1, hook.clock))
    with pytest.raises(RuntimeError):
        async with hook.db.write() as session:
            row = await session.get_one(Broadcast, f"{1:032}", with_for_update=True)
            await transition(
                session, row, BroadcastState.SCHEDULED, by="U1", action="broadcast.confirm", now=hook.clock()
            )
            raise RuntimeError
    assert await told(hook) == []


async def test_bounces_complaints_and_suppressions_are_told_each_once(hook: Hooked) -> None:
    mailer, row = mailer_row(hook.team, hook.clock()), broadcast_row(hook.team, 1, hook.clock)
    row.mailer_id, row.audience_id, row.state, at = mailer.id, "a", BroadcastState.SENDING, hook.clock()
    async with hook.db.write() as session:
        session.add(mailer)
        audience = Audience(
            id="a", team_id=hook.team.id, columns=["name", "external_id"], created_by="U1", created_at=at
        )
        session.add(audience)
        await session.flush()
        fields = [["Ann", "u-17"], ["Ben", " "], ["Cem", "u-19"]]
        session.add(AudienceBlock(audience_id="a", first_seq=1, fields=fields))
        session.add(row)
        await session.flush()
        for seq, address in enumerate(("ann@x.test", "ben@x.test", "cem@x.test"), start=1):
            session.add(
                Delivery(
                    broadcast_id=row.id,
                    seq=seq,
                    address=address,
                    address_key=address,
                    state=DeliveryState.SENT,
                    chunk_id="c",
                    at=hook.clock(),
                )
            )

    reasons = SuppressionReason
    events = [
        SesEvent(address, kind, "m", "c", row.id, address, reason, "Permanent: no")
        for address, kind, reason in (
            ("ann@x.test", EventKind.BOUNCE, reasons.BOUNCE),
            ("ben@x.test", EventKind.COMPLAINT, reasons.COMPLAINT),
            ("cem@x.test", EventKind.DELIVERY, None),
        )
    ]
    for _ in range(2):
        async with hook.db.write() as session:
            await process_events(session, mailer, events)

    ann, ben = (
        {"address": name, "external_id": known} for name, known in (("ann@x.test", "u-17"), ("ben@x.test", None))
    )
    bounced = {"error": "Permanent: no", "at": "2026-11-24T09:00:00Z"}
    suppressed = {"source": row.id, "at": "2026-11-24T09:00:00Z"}
    kinds = [(kind, lane, data["items"]) for kind, lane, data in await told(hook)]
    assert kinds == [
        ("delivery.bounced", row.id, [ann | bounced]),
        ("delivery.complained", row.id, [ben | bounced]),
        (
            "suppression.added",
            "suppressions",
            [ann | suppressed | {"reason": "bounce"}, ben | suppressed | {"reason": "complaint"}],
        ),
    ]
    assert OF_DELIVERIES.keys() == {DeliveryState.BOUNCED, DeliveryState.COMPLAINED}


async def test_a_list_of_suppressions_is_told_in_hundreds_and_what_was_known_is_not(hook: Hooked) -> None:
    entries = [Entry(f"r{number}@x.test", SuppressionReason.BOUNCE) for number in range(150)]
    for some in (entries[:10], entries):
        async with hook.db.write() as session:
            await suppress_all(session, hook.team.id, some, source="aws", now=hook.clock())
    assert [len(data["items"]) for _, _, data in await told(hook)] == [10, 100, 40]


@ON_SQLITE
async def test_access_lost_and_restored_and_identities_that_failed_are_told(hook: Hooked) -> None:
    mailer = mailer_row(hook.team, hook.clock())
    identities = [identity_row(mailer, f"acme{number}.test", hook.clock()) for number in range(7)]
    async with hook.db.write() as session:
        session.add(mailer)
        await session.flush()
        session.add_all(identities)
    for access, state in (
        (Access.LOST, IdentityState.VERIFIED),
        (Access.LOST, IdentityState.VERIFIED),
        (Access.OK, IdentityState.VERIFIED),
        (Access.OK, IdentityState.FAILED),
    ):
        async with hook.db.write() as session:
            row = await session.get_one(Mailer, mailer.id, with_for_update=True)
            rows = (await session.exec(select(Identity).with_for_update())).all()
            row.access = access
            for each in rows:
                each.state = state
            await reconcile_incidents(session, row, rows, hook.clock())
    found = await told(hook)
    assert [kind for kind, _, _ in found] == [
        "mailer.access_lost",
        "mailer.access_restored",
        *["mailer.identity_failed"] * 7,
    ]
    assert {lane for _, lane, _ in found} == {"mailer"}
    assert {data["identity"]["name"] for _, _, data in found[2:]} == {each.name for each in identities}
    assert all(data["mailer"]["quota"]["limit"] and data["identity"]["dns_records"] for _, _, data in found[2:])


@ON_SQLITE
@pytest.mark.parametrize("topics", [[], [Topic.MAILER]])
async def test_what_a_team_does_not_want_to_hear_of_is_not_written(hook: Hooked, topics: list[Topic]) -> None:
    await hook.service.save(hook.team, hook.hooks.address, topics, 1, "U1")
    other = team_row(hook.clock, 1)
    async with hook.db.write() as session:
        session.add(other)
        await session.flush()
        for number, team in enumerate((hook.team, other), start=1):
            session.add(broadcast_row(team, number, hook.clock))
    for number in (1, 2):
        async with hook.db.write() as session:
            row = await session.get_one(Broadcast, f"{number:032}", with_for_update=True)
            await transition(
                session, row, BroadcastState.SCHEDULED, by="U1", action="broadcast.confirm", now=hook.clock()
            )
    async with hook.db.read() as session:
        assert (await session.exec(select(WebhookEvent))).all() == []


def test_all_members_of_the_api_are_told(clock: Clock) -> None:
    team = team_row(clock)
    mailer = mailer_row(team, clock())
    identity, broadcast = identity_row(mailer, "acme.test", clock()), broadcast_row(team, 1, clock)
    identity.state, identity.dkim_tokens = IdentityState.PENDING, ["one", "two", "three"]
    for ours, theirs in (
        (broadcast_shape(broadcast, content_of(broadcast.body)), BroadcastSummary.of(broadcast, {})),
        (mailer_shape(mailer), MailerAnswer.of(mailer)),
        (identity_shape(identity, mailer.region), IdentityAnswer.of(identity, mailer)),
    ):
        assert ours == json.loads(theirs.model_dump_json(by_alias=True))


@ON_SQLITE
async def test_a_look_at_the_mailer_does_not_end_the_alert_about_the_webhook(hook: Hooked) -> None:
    mailer = mailer_row(hook.team, hook.clock())
    async with hook.db.write() as session:
        session.add(mailer)
        session.add(broadcast_row(hook.team, 1, hook.clock))
    async with hook.db.write() as session:
        row = await session.get_one(Broadcast, f"{1:032}", with_for_update=True)
        await transition(session, row, BroadcastState.SCHEDULED, by="U1", action="broadcast.confirm", now=hook.clock())
    hook.hooks.answer = 410
    await hook.posts()
    async with hook.db.write() as session:
        mailer = await session.get_one(Mailer, mailer.id, with_for_update=True)
        await reconcile_incidents(session, mailer, [], hook.clock())
    assert [each.state for each in await hook.incidents()] == [IncidentState.OPEN]
