"""Drafts of programs: written, changed, asked and sent by API, and seen by everybody in the channel with their name."""

import asyncio
import base64
import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import select

from storage.models import Broadcast, Team
from storage.states import ApprovalRule
from tests.flows.program import PROBLEM, Got, Program, make_token
from tests.flows.test_api_sending import create, drafts, steer
from tests.flows.world import OVER_HTTP, UNDO_SECONDS, World
from tests.playground.image_host import picture

Json = dict[str, Any]


async def patch(program: Program, made: Got | Json, etag: str | None, **changes: Any) -> Got:
    given = {{"sender": "from"}.get(name, name): value for name, value in changes.items()}
    broadcast_id = (made.json if isinstance(made, Got) else made)["id"]
    headers = {"If-Match": etag} if etag else {}
    return await program.ask("PATCH", f"/api/v1/broadcasts/{broadcast_id}", json=given, headers=headers)


async def post(program: Program, made: Got, what: str, **given: Any) -> Got:
    return await program.ask("POST", f"/api/v1/broadcasts/{made.json['id']}/{what}", json=given)


async def approval_is_needed(world: World, *approvers: str) -> None:
    async with world.bot.db.write() as session:
        team = (await session.exec(select(Team).with_for_update())).one()
        team.approval, team.approvers = ApprovalRule.ALWAYS, list(approvers)
        session.add(team)


@pytest.mark.long
async def test_a_draft_is_a_live_message_with_the_tokens_name_that_people_edit_and_send(
    world: World, program: Program
) -> None:
    await world.is_open()

    made = await create(program, "k1", mode="draft")
    again = await create(program, "k1", mode="draft")

    assert made.status == 201, made.raw
    assert (made.json["state"], made.json["content"], made.json["size"]) == ("draft", "text", 2)
    assert made.json["author"] == {"kind": "token", "name": "Deploy script"}
    assert (made.json["slack_url"], made.json["approval"], made.json["audience"]) == (None, None, None)
    assert made.headers["Location"] == f"/api/v1/broadcasts/{made.json['id']}"
    assert (again.raw, again.headers["ETag"], await drafts(world)) == (made.raw, made.headers["ETag"], 1)
    await world.settle()
    message = await world.bob.sees(world.news, "A draft of API token “Deploy script”, nothing was sent")
    assert message.buttons == ["Edit", "Check and send", "Discard"]
    seen = await program.get(f"/broadcasts/{made.json['id']}")
    assert seen.headers["ETag"] == made.headers["ETag"]
    assert seen.json["slack_url"].endswith(f"/archives/{world.news.id}/p{message.ts.replace('.', '')}")

    await world.bob.press(message, "Check and send")
    form = await world.bob.modal("Check and send")
    await form.submit()
    await world.passes(UNDO_SECONDS)

    assert "is done" in message.text
    assert "Hello Ann, see" in (world.aws.mails_to("ann@elsewhere.test")[0].text or "")


@OVER_HTTP
async def test_a_change_needs_the_version_that_was_seen(world: World, program: Program) -> None:
    await world.is_open()
    made = await create(program, mode="draft")
    first = made.headers["ETag"]

    blind = await patch(program, made, None, subject="Other news")
    assert (blind.status, blind.json.get("code")) == (428, "PRECONDITION_REQUIRED")
    changed = await patch(program, made, first, subject="Summer news", preheader="Read me", reply_to="ann@acme.test")
    assert (changed.status, changed.json["subject"], changed.json["size"]) == (200, "Summer news", 2)
    assert changed.headers["ETag"] not in {first, ""}
    stale = await patch(program, made, first, subject="Other news")
    assert (stale.status, stale.json.get("code")) == (412, "PRECONDITION_FAILED")
    assert stale.headers["ETag"] == changed.headers["ETag"]
    assert stale.headers["Content-Type"].split(";")[0] == PROBLEM
    bare = await patch(program, made, "*", reply_to=None, text=None, audience=None)
    assert (bare.status, bare.json["content"], bare.json["size"], bare.json["reply_to"]) == (200, None, 0, None)
    unsent = await patch(program, made, bare.headers["ETag"], mode="send")
    assert (unsent.status, unsent.json.get("code")) == (422, "AUDIENCE_EMPTY")

    whole = await patch(
        program, made, "*", text="Hello {{name}}", rows=[{"email": "cyd@elsewhere.test", "name": "Cyd"}]
    )
    raced = await asyncio.gather(*(patch(program, made, whole.headers["ETag"], subject=f"N {n}") for n in range(4)))
    assert sorted(got.status for got in raced) == [200, 412, 412, 412], [got.raw for got in raced]
    sent = await patch(program, made, "*", mode="send", subject="Last news")
    assert (sent.status, sent.json["state"], sent.json["subject"]) == (200, "scheduled", "Last news"), sent.raw
    await world.passes(UNDO_SECONDS)
    assert "Hello Cyd" in (world.aws.mails_to("cyd@elsewhere.test")[0].text or "")


@OVER_HTTP
async def test_what_needs_approval_is_asked_for_and_sent_by_another_than_who_made_the_token(
    world: World, program: Program
) -> None:
    await world.is_open()
    eve = world.slack.person("Eve")
    world.news.members.add(eve.id)
    await approval_is_needed(world, world.ada.id, world.bob.id, eve.id)

    refused = await create(program)
    assert (refused.status, refused.json.get("code"), await drafts(world)) == (409, "APPROVAL_REQUIRED", 0)
    asked = await create(program, mode="ask")

    assert (asked.status, asked.json["state"]) == (201, "awaiting_approval"), asked.raw
    approval = asked.json["approval"]
    assert (approval["needed"], approval["given"]) == (1, 0)
    assert approval["asked_at"] < approval["ends_at"]
    await world.settle()
    message = await world.bob.sees(world.news, "API token “Deploy script” asks to send")
    await world.ada.press(message, "Approve and send")  # who made the token
    await world.bot.tasks.idle()
    await world.ada.sees(world.news, "somebody else must approve it")

    changed = await patch(program, asked, asked.headers["ETag"], subject="Summer news")
    assert (changed.status, changed.json["state"], changed.json["approval"]) == (200, "draft", None), changed.raw
    again = await patch(program, asked, changed.headers["ETag"], mode="ask")
    assert (again.status, again.json["state"]) == (200, "awaiting_approval")
    await world.settle()
    await world.bob.press(message, "Approve and send")
    await world.settle()
    await world.passes(UNDO_SECONDS)
    assert len(world.aws.mails) == 2, world.slack.text_of(message.message)


@OVER_HTTP
async def test_a_token_that_may_draft_touches_only_what_it_made(world: World, program: Program) -> None:
    await world.is_open()
    draft = program.holding(await make_token(world, "Writer", scopes=["draft"]))
    other = await create(program, mode="draft")
    modal = await world.opens(world.bob, "/broadcast", "New broadcast")
    for label, value in (("From", "hello@acme.test"), ("Subject", "Mine"), ("Message", "Hello")):
        modal.fill(label, value)
    await modal.submit()
    await world.bot.tasks.idle()
    async with world.bot.db.read() as session:
        persons = (await session.exec(select(Broadcast).where(Broadcast.created_by == world.bob.id))).one()

    refused = [
        await create(draft),
        await patch(draft, other, "*", subject="Other"),
        await steer(draft, other.json["id"], "cancel"),
        await steer(draft, persons.id, "cancel"),
    ]
    assert [(got.status, got.json.get("code")) for got in refused] == [(403, "SCOPE_MISSING")] * 4
    theirs = [await patch(draft, {"id": persons.id}, "*", subject="O"), await steer(program, persons.id, "cancel")]
    assert [(got.status, got.json.get("code")) for got in theirs] == [(409, "ALREADY")] * 2

    own = await create(draft, mode="draft")
    assert (await patch(draft, own, "*", subject="Other", mode="ask")).json["state"] == "awaiting_approval"
    assert (await steer(draft, own.json["id"], "cancel")).json["state"] == "cancelled"
    assert (await patch(program, other, "*", subject="Other")).status == 200


@OVER_HTTP
async def test_a_test_goes_to_the_settings_addresses_or_with_send_to_any(world: World, program: Program) -> None:
    await world.is_open()
    async with world.bot.db.write() as session:
        team = (await session.exec(select(Team).with_for_update())).one()
        team.tests_go_to = ["tests@acme.test"]
        session.add(team)
    draft = program.holding(await make_token(world, "Writer", scopes=["draft"]))
    made = await create(draft, mode="draft")

    refused = await post(draft, made, "test", to=["ann@elsewhere.test"])
    assert (refused.status, refused.json.get("code")) == (403, "SCOPE_MISSING")
    sent = await post(draft, made, "test", to=["tests@acme.test"], row=2)
    assert (sent.status, sent.json["kind"], sent.json["size"]) == (201, "test", 1), sent.raw
    anybody = await post(program, made, "test", to=["cyd@elsewhere.test", "dee@elsewhere.test"])
    assert (anybody.status, anybody.json["size"]) == (201, 2)
    nobody = await post(program, made, "test", to=["cyd@elsewhere.test"], row=3)
    assert (nobody.status, nobody.json["errors"][0]["parameter"]) == (422, "row")
    await world.passes(UNDO_SECONDS)

    (mail,) = world.aws.mails_to("tests@acme.test")
    assert "Hello there, see" in (mail.text or "")
    assert "Hello Ann, see" in (world.aws.mails_to("cyd@elsewhere.test")[0].text or "")


@OVER_HTTP
async def test_a_preview_is_the_mail_of_a_row(world: World, program: Program) -> None:
    await world.is_open()
    made = await create(program, mode="draft")
    stored = await world.everything_stored()

    first, second = await post(program, made, "preview"), await post(program, made, "preview", row=2)

    assert (first.status, first.json["row"], first.json["address"]) == (200, 1, "ann@elsewhere.test")
    assert "Hello Ann, see" in first.json["text"]
    assert "Hello there, see" in second.json["html"]
    assert first.json["headers"]["To"] == "ann@elsewhere.test"
    assert "List-Unsubscribe" in first.json["headers"]
    assert first.json["bytes"] == len((first.json["html"] + first.json["text"]).encode())
    assert (await post(program, made, "preview", row=3)).status == 422
    assert await world.everything_stored() == stored


@OVER_HTTP
@pytest.mark.long
async def test_taken_back_and_copied(world: World, program: Program) -> None:
    await world.is_open()
    made = await create(program, send_at=(world.clock() + timedelta(days=1)).isoformat())

    undone = await steer(program, made.json["id"], "undo", "u1")
    again = await steer(program, made.json["id"], "undo", "u1")
    copied = await steer(program, made.json["id"], "copy", "c1")

    assert (undone.status, undone.json["state"]) == (200, "draft")
    assert again.raw == undone.raw
    assert (copied.status, copied.json["state"], copied.json["size"]) == (201, "draft", 2)
    assert copied.json["id"] != made.json["id"]
    assert copied.headers["Location"].endswith(copied.json["id"])
    assert (await steer(program, made.json["id"], "undo")).json.get("code") == "ALREADY"
    await world.passes(2 * 86_400)
    assert world.aws.mails == []
    said = [world.slack.text_of(message) for message in world.slack.messages(world.news)]
    assert len([text for text in said if "A draft of API token" in text]) == 2


@OVER_HTTP
@pytest.mark.long
async def test_markdown_rows_and_images_make_a_mail(world: World, program: Program) -> None:
    await world.is_open()
    rows = [{"email": "ann@elsewhere.test", "name": "Ann", "age": 41}, {"email": "ben@elsewhere.test"}]
    markdown = "# News for {{name|you}}\n\n![A red kite](cid:kite.png)\n\n- one\n- **two**, {{age}}\n"
    image = {"name": "kite.png", "data": base64.b64encode(picture()).decode(), "alt": "A kite"}

    made = await create(program, message=None, audience=None, markdown=markdown, rows=rows, images=[image])

    assert (made.status, made.json["content"], made.json["size"]) == (201, "markdown", 2), made.raw
    await world.passes(UNDO_SECONDS)
    mail = world.aws.mails_to("ann@elsewhere.test")[0]
    assert "News for Ann" in (mail.html or "")
    assert 'alt="A red kite"' in (mail.html or "")
    assert "- two, 41" in (mail.text or "")
    assert [part.content_type for part in mail.attachments] == ["image/png"]


@OVER_HTTP
async def test_bad_input_of_a_draft_names_its_member_and_keeps_nothing(world: World, program: Program) -> None:
    await world.is_open()
    no_text: Json = {"message": None}
    for changes, member in (
        ({"text": "Hello"}, "text"),
        ({"mode": "later"}, "mode"),
        ({"rows": [{"email": "ann@elsewhere.test"}]}, "audience"),
        ({"audience": None, "rows": [{"name": "Ann"}]}, "rows"),
        ({"audience": None, "rows": [{"email": "a\0"}]}, "rows"),
        ({**no_text, "text": "Hello {{last_name}}"}, "text"),
        ({**no_text, "markdown": "Hello {{last_name}}"}, "markdown"),
        ({**no_text, "markdown": "  "}, "markdown"),
        ({"images": [{"name": "kite.png", "data": "?"}]}, "images.0.data"),
        ({"images": [{"name": "kite.png", "data": "aGVsbG8="}]}, "images"),
        ({"subject": ""}, "subject"),
    ):
        refused = await create(program, **({"mode": "draft"} | changes))
        assert refused.status == 422, (changes, refused.raw)
        assert [error["parameter"] for error in refused.json["errors"]] == [member], (changes, refused.raw)
    needs = [await create(program, mode="ask", **gone) for gone in ({"audience": None}, no_text)]
    assert [got.json["errors"][0]["parameter"] for got in needs] == ["audience", "text"]
    assert await drafts(world) == 0
    two = await create(program, mode="draft", audience="work_email,private_email\na@x.test,b@x.test\n", message="Hi")
    assert (two.json.get("code"), two.json["candidates"]) == ("AUDIENCE_AMBIGUOUS", ["work_email", "private_email"])


@OVER_HTTP
async def test_the_list_is_a_csv_for_whoever_asks_for_that(world: World, program: Program) -> None:
    await world.is_open()
    await create(program, subject="=cmd, “quoted”", mode="draft")
    world.clock.advance(1)
    sent = await create(program)
    await world.passes(UNDO_SECONDS)
    csv_only = {"Accept": "text/csv"}

    got = await program.ask("GET", "/api/v1/broadcasts", headers=csv_only)
    first = await program.ask("GET", "/api/v1/broadcasts?limit=1", headers=csv_only)

    assert got.headers["Content-Type"] == "text/csv; charset=utf-8"
    done, draft = csv.DictReader(io.StringIO(got.raw.decode()))
    assert (done["id"], done["state"], done["delivered"], done["pending"]) == (sent.json["id"], "done", "2", "0")
    assert (draft["author"], draft["subject"], draft["pending"]) == ("Deploy script", "'=cmd, “quoted”", "2")
    assert "Link" not in got.headers
    where, _, rel = first.headers["Link"].partition("; ")
    rest = await program.ask("GET", where.strip("<>"), headers=csv_only)
    assert rel == 'rel="next"'
    assert [row["id"] for row in csv.DictReader(io.StringIO(rest.raw.decode()))] == [draft["id"]]
