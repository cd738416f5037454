"""The operator's policy: the stricter of it and a team's settings counts, and no settings loosen it."""

from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from bot.broadcast.approval.follow_up import ApprovalFollowUp
from bot.broadcast.approval.requests import ApprovalRequests
from bot.broadcast.broadcasts import Broadcasts
from bot.broadcast.preflight import Preflight
from bot.broadcast.resend import Resends
from bot.errors import BotError
from bot.teams.policy import NO_POLICY, Policy
from bot.teams.settings import TeamRules, TeamSettings
from storage.models import Broadcast
from storage.states import ApprovalRule, BroadcastState, DeliveryState
from tests.unit.broadcast.fixtures import PUBLIC_URL, Station, csv, draft
from tests.unit.broadcast.test_approval import ANN, BOB, CLEO, ON_SQLITE, asked, code_of, notices, rule
from tests.unit.broadcast.test_resend import becomes

NEVER, FROM, ALWAYS = ApprovalRule.NEVER, ApprovalRule.FROM, ApprovalRule.ALWAYS


@pytest.mark.parametrize(
    ("policy", "settings", "counts"),
    [
        (Policy(), (NEVER, 1_000, 1), (NEVER, 1_000, 1)),
        (Policy(approvals=2), (NEVER, 1_000, 1), (NEVER, 1_000, 2)),
        (Policy(approval_from=500), (NEVER, 100, 1), (FROM, 500, 1)),
        (Policy(approval_from=500), (FROM, 1_000, 2), (FROM, 500, 2)),
        (Policy(approval_from=500, approvals=2), (FROM, 100, 1), (FROM, 100, 2)),
        (Policy(approval_from=500), (ALWAYS, 1_000, 1), (ALWAYS, 500, 1)),
    ],
)
def test_the_stricter_of_policy_and_setting_counts(
    policy: Policy, settings: tuple[ApprovalRule, int, int], counts: tuple[ApprovalRule, int, int]
) -> None:
    rule, number, people = settings
    under = TeamSettings(approval=rule, approval_from=number, approvals=people).under(policy)

    assert (under.approval, under.approval_from, under.approvals) == counts


def under(station: Station, policy: Policy, public_url: str = PUBLIC_URL) -> tuple[Broadcasts, ApprovalRequests]:
    preflight = Preflight(station.mailers, station.monitor, station.overviews, station.preflight._sender_rules, policy)
    broadcasts = Broadcasts(station.db, preflight, undo_seconds=30, test_limit=50, public_url=public_url)
    return broadcasts, ApprovalRequests(station.db, preflight, broadcasts, undo_seconds=30)


async def code_of_confirming(broadcasts: Broadcasts, station: Station, made: Broadcast) -> str:
    return await code_of(partial(broadcasts.confirm, station.team, made.id, made.version, ANN))


@ON_SQLITE
async def test_what_the_policy_wants_approved_is_not_sent_without_though_the_settings_say_never(
    connected: Station,
) -> None:
    await rule(connected, approval=NEVER)
    broadcasts, _ = under(connected, Policy(approval_from=3))

    prepared = await broadcasts.prepare(connected.team, ANN, draft(), csv(3), None)
    fewer = await broadcasts.prepare(connected.team, ANN, draft("Another text"), csv(2), None)

    assert (prepared.needs_approval, fewer.needs_approval) == (True, False)
    assert await code_of_confirming(broadcasts, connected, prepared.broadcast) == "APPROVAL_REQUIRED"
    assert await code_of_confirming(broadcasts, connected, fewer.broadcast) == ""


@ON_SQLITE
async def test_as_many_must_approve_as_the_policy_wants(connected: Station) -> None:
    await rule(connected, approval=NEVER, approvers=[BOB, CLEO], approvals=1)
    policy = Policy(approval_from=1, approvals=2)
    _, requests = under(connected, policy)
    request = await asked(connected)

    async def approve(by: str) -> BroadcastState:
        row = await requests.approve(connected.team, request.id, request.version, by, workspace_admin=False)
        return row.state

    with pytest.raises(BotError, match="OWN_BROADCAST"):
        await approve(ANN)
    assert await approve(BOB) is BroadcastState.AWAITING_APPROVAL
    for of, said in ((NO_POLICY, 0), (policy, 1)):  # of those who can, only Bob is left
        await ApprovalFollowUp(connected.db, of).judge(connected.team, request.id, [BOB])
        assert await notices(connected, "approvers_missing") == said
    assert await approve(CLEO) is BroadcastState.SCHEDULED


@ON_SQLITE
async def test_a_broadcast_without_one_click_is_neither_prepared_confirmed_approved_nor_sent_again(
    connected: Station,
) -> None:
    without, requests_before = under(connected, NO_POLICY, public_url="")
    broadcasts, requests = under(connected, Policy(require_one_click=True))
    made = (await without.prepare(connected.team, ANN, draft(), csv(3), None)).broadcast
    request = (await without.prepare(connected.team, ANN, draft("Another text"), csv(3), None)).broadcast
    request = await requests_before.ask(connected.team, request.id, request.version, ANN, agreed=[], asked_of=[])
    approve = partial(requests.approve, connected.team, request.id, request.version, CLEO, workspace_admin=True)

    assert await code_of(partial(broadcasts.prepared, connected.team, made.id, made.version)) == "POLICY"
    assert await code_of_confirming(broadcasts, connected, made) == "POLICY"
    assert await code_of(approve) == "POLICY"

    sent = await without.confirm(connected.team, made.id, made.version, ANN)
    connected.clock.advance(31)
    await connected.run()
    await becomes(connected, sent, [1], state=DeliveryState.FAILED)
    sent = await connected.broadcast(sent.id)
    again = Resends(connected.db, broadcasts._preflight)
    look = partial(again.look, connected.team, sent.id, sent.version, DeliveryState.FAILED)
    assert await code_of(look) == "POLICY"

    test = await without.prepare_test(connected.team, ANN, draft(), ["ann@example.com"])
    assert test.state is BroadcastState.SCHEDULED
    whole = (await broadcasts.prepare(connected.team, ANN, draft("A third"), csv(3), None)).broadcast
    assert await code_of_confirming(broadcasts, connected, whole) == ""


@ON_SQLITE
@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"approval": NEVER}, "approval"),
        ({"approval_from": 600}, "approval_from"),
        ({"approvals": 1}, "approvals"),
        ({"approval": ALWAYS}, ""),
        ({"approval_from": 400}, ""),
        ({"from_name": "Acme"}, None),
    ],
)
async def test_settings_are_saved_as_strict_as_the_policy_or_stricter(
    connected: Station, typed: dict[str, Any], field: str | None
) -> None:
    """`field`: where it is refused; empty: saved; None: what the policy fixes is left as it was stored."""
    policy = Policy(approval_from=500, approvals=2)
    rules = TeamRules(connected.db, policy)
    stored = TeamSettings.of(connected.team)
    form = replace(TeamSettings(approval=FROM, approval_from=500, approvals=2), **typed)

    try:
        saved = TeamSettings.of(await rules.save(connected.team, form, stored.mark, ANN))
    except BotError as refused:
        assert (refused.code, refused.field) == ("POLICY", field)
        return

    assert not field
    kept = TeamSettings(from_name="Acme") if field is None else form
    assert saved == kept
    assert await notices(connected, "approval_changed") == (0 if field is None else 1)
