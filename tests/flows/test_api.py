"""Reads over the API: what is stored, as it is, in every state the mailer may be in."""

from collections import Counter
from itertools import product
from typing import Any

from sqlmodel import select

from storage.models import ApiToken, Identity, Mailer
from storage.states import Access, DeliveryState, IdentityState, Production, Sending
from tests.flows.program import Program, counted, make_token
from tests.flows.world import BOTH_DATABASES, OVER_HTTP, OVER_SOCKET_MODE, World


@OVER_HTTP
async def test_the_mailer_is_as_it_was_last_heard_of(world: World, program: Program) -> None:
    await world.is_connected()

    got = (await program.reads("/mailer"))["mailer"]

    assert got["connection"]["account_id"] == "111122223333"
    assert got["connection"]["region"] == "eu-west-1"
    assert (got["access"], got["production"], got["sending"]) == ("ok", "sandbox", "enabled")
    assert got["quota"] == {"limit": 200, "sent": 0, "left": 200, "per_second": 1.0}
    assert got["checked_at"].startswith("2026-11-24T09:")
    assert got["checked_at"].endswith("Z")


@OVER_SOCKET_MODE
async def test_an_identity_has_its_state_and_its_dns_records(world: World, program: Program) -> None:
    await world.is_connected()
    await world.adds("acme.test")

    got = await program.reads("/identities/ACME.test")

    assert (got["name"], got["kind"], got["managed"], got["state"]) == ("acme.test", "domain", True, "pending")
    assert got["last_error"] is None
    dkim = [record for record in got["dns_records"] if record["purpose"] == "DKIM"]
    assert len(dkim) == 3
    assert all(record["type"] == "CNAME" and record["required"] for record in dkim)
    assert (await program.reads("/identities"))["items"] == [got]

    world.ses.verify("acme.test")
    await world.passes(60)
    assert (await program.reads("/identities/acme.test"))["state"] == "verified"


@OVER_HTTP
async def test_readiness_answers_as_the_guard_does(world: World, program: Program) -> None:
    (missing,) = (await program.reads("/readiness"))["blockers"]
    assert (missing["code"], missing["next_step"]) == ("NO_MAILER", "connect")
    assert "connect Amazon SES" in missing["sentence"]
    await world.is_connected()
    await world.adds("acme.test", verified=True)

    test = await program.reads("/readiness", kind="test", **{"from": "ann@acme.test"}, size=1)
    broadcast = await program.reads("/readiness", kind="broadcast", **{"from": "ann@acme.test"}, size=1000)
    unknown = await program.reads("/readiness", kind="test", **{"from": "ann@other.test"})

    assert (test["allowed"], test["recipient_rule"], test["blockers"]) == (True, "sandbox", [])
    assert not broadcast["allowed"]
    assert [one["code"] for one in broadcast["blockers"]] == ["SANDBOX"]
    assert [one["code"] for one in broadcast["confirmations"]] == ["OVER_QUOTA"]
    assert [one["code"] for one in unknown["blockers"]] == ["IDENTITY_UNKNOWN"]
    assert unknown["via"] == ["acme.test"]


@OVER_SOCKET_MODE
async def test_in_every_state_reads_answer_with_the_state_and_aws_is_not_asked(world: World, program: Program) -> None:
    states = {f"{state.replace('_', '-')}.test": state for state in IdentityState}
    world.ses.verify(*states)
    await world.is_connected()
    async with world.bot.db.write() as session:
        for row in await session.exec(select(Identity).with_for_update()):
            row.state = states[row.name]
    calls = len(world.aws.calls)

    for access, production, sending in product(Access, Production, Sending):
        world.clock.advance(1)
        async with world.bot.db.write() as session:
            mailer = (await session.exec(select(Mailer).with_for_update())).one()
            mailer.access, mailer.production, mailer.sending = access, production, sending
        got = (await program.reads("/mailer"))["mailer"]
        assert (got["access"], got["production"], got["sending"]) == (access, production, sending)
        assert {one["name"]: one["state"] for one in (await program.reads("/identities"))["items"]} == states
        is_open = access is not Access.LOST and production is Production.GRANTED
        is_open &= sending in {Sending.ENABLED, Sending.PROBATION}
        for name, state in states.items():
            answer = await program.reads("/readiness", **{"from": f"ann@{name}"})
            sends = state in {IdentityState.VERIFIED, IdentityState.TEMPORARY_FAILURE}
            assert answer["allowed"] == (is_open and sends), (access, production, sending, state)
    for name, state in states.items():
        assert (await program.reads(f"/identities/{name}"))["state"] == state
    assert len(world.aws.calls) == calls


@OVER_SOCKET_MODE
async def test_lost_access_and_a_failed_identity_are_states_in_a_200(world: World, program: Program) -> None:
    key = await world.is_connected()
    await world.adds("acme.test")
    world.ses.fail("acme.test")
    await world.passes(60)
    world.aws.revoke(key)
    await world.passes(700)
    await world.passes(700)

    mailer = (await program.reads("/mailer"))["mailer"]
    assert mailer["access"] == "lost"
    assert (await program.reads("/identities/acme.test"))["state"] == "failed"
    codes = {one["code"] for one in (await program.reads("/readiness"))["blockers"]}
    assert {"ACCESS_LOST", "NO_VERIFIED_IDENTITY"} <= codes


async def pages(program: Program, path: str, **query: Any) -> list[Any]:
    """Read a list to its end."""
    items, cursor = [], ""
    while True:
        page = await program.reads(path, cursor=cursor, **query)
        items += page["items"]
        if page["next_cursor"] is None:
            return items
        assert len(page["items"]) == query["limit"]
        cursor = page["next_cursor"]


@OVER_HTTP
async def test_a_broadcast_shows_how_far_it_is_and_each_recipient(world: World, program: Program) -> None:
    await world.is_open()
    people = [f"p{number}@elsewhere.test" for number in range(7)]
    await world.sends("\n".join(["email", *people]).encode(), message="Hello")

    (listed,) = (await program.reads("/broadcasts"))["items"]
    got = await program.reads(f"/broadcasts/{listed['id']}")

    assert (listed["kind"], listed["state"], listed["subject"], listed["size"]) == (
        "broadcast",
        "done",
        "Spring news",
        7,
    )
    assert listed["from"] == "hello@acme.test"
    assert {name: got[name] for name in listed} == listed
    assert set(got["counts"]) == set(DeliveryState)
    assert sum(got["counts"].values()) == 7
    everybody = await pages(program, f"/broadcasts/{listed['id']}/deliveries", limit=3)
    assert [one["address"] for one in everybody] == people
    assert {mail.message_id for mail in world.aws.mails} == {one["message_id"] for one in everybody}
    assert Counter(one["state"] for one in everybody) == Counter(got["counts"])
    assert await pages(program, f"/broadcasts/{listed['id']}/deliveries", state="failed", limit=3) == []
    state = everybody[0]["state"]
    alike = await pages(program, f"/broadcasts/{listed['id']}/deliveries", state=state, limit=1)
    assert alike == [one for one in everybody if one["state"] == state]


@BOTH_DATABASES
async def test_lists_come_in_pages_without_gaps_or_repeats(world: World, program: Program) -> None:
    await world.is_open(*(f"d{number}.test" for number in range(5)))
    for _ in range(5):
        await world.tests("ann@elsewhere.test", sender="hello@d0.test")
    for number in range(5):
        got = await program.ask("POST", "/api/v1/suppressions", json={"address": f"P{number}@elsewhere.test"})
        assert got.status == 201

    for limit in (1, 2, 5, 100):
        names = [one["name"] for one in await pages(program, "/identities", limit=limit)]
        assert names == [f"d{number}.test" for number in range(5)]
        made = [(one["created_at"], one["id"]) for one in await pages(program, "/broadcasts", limit=limit)]
        assert made == sorted(set(made), reverse=True)
        assert len(made) == 5
        addresses = [one["address"] for one in await pages(program, "/suppressions", limit=limit)]
        assert addresses == [f"P{number}@elsewhere.test" for number in range(5)]


async def test_another_teams_things_are_as_if_they_were_not_there(world: World, program: Program) -> None:
    await world.is_open()
    await world.sends()
    (broadcast,) = (await program.reads("/broadcasts"))["items"]
    await program.ask("POST", "/api/v1/suppressions", json={"address": "ann@elsewhere.test"})
    other = program.holding(await make_token(world, channel=world.slack.channel("other", people=[world.ada])))

    assert await other.reads("/mailer") == {"mailer": None}
    for path in ("/identities", "/broadcasts", "/suppressions"):
        assert await other.reads(path) == {"items": [], "next_cursor": None}
    missing = {(await other.get(f"/broadcasts/{name}")).shown[:2] for name in ("0" * 32, "x", "..%2F", "é")}
    foreign = [f"/broadcasts/{broadcast['id']}", f"/broadcasts/{broadcast['id']}/deliveries", "/identities/acme.test"]
    for path in foreign:
        assert (await program.get(path)).status == 200
        missing.add((await other.get(path)).shown[:2])
    missing.add((await other.ask("DELETE", "/api/v1/suppressions", params={"address": "ann@elsewhere.test"})).shown[:2])
    missing.add((await other.get("/no-such-route")).shown[:2])
    assert len(missing) == 1
    assert next(iter(missing))[0] == 404


async def test_missing_and_foreign_ids_cost_the_same_statements(world: World, program: Program) -> None:
    await world.is_open()
    await world.sends()
    (broadcast,) = (await program.reads("/broadcasts"))["items"]
    channel = world.slack.channel("other", people=[world.ada])
    await world.submits_key(world.aws.create_key("999988887777"), channel=channel)
    other = program.holding(await make_token(world, channel=channel))
    await other.get("/mailer")  # from now on the token is known to be in use
    statements = counted(world)

    async def cost(path: str) -> list[str]:
        statements.clear()
        assert (await other.get(path)).status == 404
        return list(statements)

    for path in ("/broadcasts/{}", "/broadcasts/{}/deliveries"):
        assert await cost(path.format(broadcast["id"])) == await cost(path.format("0" * 32))
        assert statements
    assert await cost("/identities/acme.test") == await cost("/identities/never.test")


@OVER_SOCKET_MODE
async def test_no_answer_holds_a_secret_or_a_name_that_only_aws_and_mailroom_need(
    world: World, program: Program
) -> None:
    world.ses.verify("acme.test")
    world.ses.grant_production()
    key = await world.is_connected()
    await world.sends()
    async with world.bot.db.read() as session:
        mailer = (await session.exec(select(Mailer))).one()
        (token,) = await session.exec(select(ApiToken))
    (broadcast,) = (await program.reads("/broadcasts"))["items"]
    paths = ["/mailer", "/identities", "/identities/acme.test", "/readiness", "/broadcasts", "/suppressions"]
    paths += [f"/broadcasts/{broadcast['id']}", f"/broadcasts/{broadcast['id']}/deliveries"]

    everything = "".join([(await program.get(path)).raw.decode() for path in paths])

    assert broadcast["id"] in everything
    hidden = [key.secret_access_key, key.access_key_id, mailer.connection, mailer.configuration_set, mailer.topic_arn]
    hidden += [str(mailer.queue_url), mailer.principal_arn, token.token_hash, str(program.token), mailer.team_id]
    assert not [one for one in hidden if one in everything]
