"""Who of an audience gets a broadcast: only those where, also, except, and except who got."""

from typing import Any

from sqlmodel import select

from storage.models import Team
from tests.flows.program import Got, Program
from tests.flows.test_api_drafts import patch
from tests.flows.test_api_sending import create
from tests.flows.world import OVER_HTTP, OVER_SOCKET_MODE, UNDO_SECONDS, World
from tests.playground.slack.surfaces import Modal

PEOPLE = "email,first_name,plan,age\nann@a.test,Ann,pro,31\nben@a.test,Ben,free,29\neve@a.test,Eve,PRO,unknown\n"
STAFF = b"email\nann@a.test\n"
PRO = {"all": [{"column": "plan", "op": "is", "value": "pro"}]}


def said(got: Got) -> tuple[int, str, str]:
    """The status, the code, and the member it is about."""
    errors: list[dict[str, Any]] = got.json["errors"]
    return got.status, got.json["code"], errors[0]["parameter"] if errors else ""


def where(column: str, op: str, *value: str) -> dict[str, Any]:
    return {"where": {"all": [{"column": column, "op": op} | ({"value": value[0]} if value else {})]}}


@OVER_SOCKET_MODE
async def test_a_program_says_who_gets_it_and_people_see_the_numbers(world: World, program: Program) -> None:
    await world.is_open()
    await (await world.composes(STAFF, save_as="Staff")).close()
    for given, refusal in (
        ({"where": {"all": [], "any": []}}, (422, "INVALID", "where.all")),
        (where("tier", "is_empty"), (422, "UNKNOWN_COLUMN", "where.all.0.column")),
        (where("age", "over", "9,5"), (422, "FILTER_VALUE", "where.all.0.value")),
        (where("age", "like", "9"), (422, "INVALID", "where.all.0.op")),
        (where("plan", "is", "gold"), (422, "AUDIENCE_NO_RECIPIENTS", "where")),
        ({"except": ["Nobody"]}, (422, "AUDIENCE_UNKNOWN", "except")),
        ({"except_broadcasts": ["0" * 32]}, (422, "BROADCAST_UNKNOWN", "except_broadcasts")),
    ):
        refused = await create(program, mode="draft", audience=PEOPLE, **given)
        assert said(refused) == refusal, refused.raw
    unknown = await create(program, mode="draft", audience=PEOPLE, **where("x", "is_empty"))
    assert unknown.json["candidates"] == ["email", "first_name", "plan", "age"]

    over = {"all": [*PRO["all"], {"column": "age", "op": "over", "value": "18"}]}
    made = await create(program, mode="draft", audience=PEOPLE, where=over)
    assert (made.status, made.json["size"]) == (201, 1), made.raw
    assert [each["sentence"] for each in made.json["warnings"] if each["code"] == "FILTER_NO_VALUE"] == [
        "In 1 row of 3 age is no number like 12.5, so none of them is found by age over “18”."
    ]
    pro = await patch(program, made, made.headers["ETag"], where=PRO)
    assert (pro.json["size"], pro.json["counts"]["pending"]) == (2, 2)
    both = await patch(program, made, pro.headers["ETag"], **{"except": ["staff"]})
    assert (both.status, both.json["size"]) == (200, 1), both.raw

    await world.settle()
    message = await world.bob.sees(world.news, "A draft of API token “Deploy script”")
    await world.bob.press(message, "Check and send")
    await world.bot.tasks.idle()
    modal = await world.bob.modal("Check and send")
    for line in ("3 addresses in the file", "2 of them where plan is “pro”", "1 address of “staff” left out"):
        assert line in modal.text
    await world.confirms(modal)
    await world.passes(UNDO_SECONDS)
    assert [mail.to[0] for mail in world.aws.mails] == ["eve@a.test"]

    others = await create(program, audience=PEOPLE, subject="More", except_broadcasts=[both.json["id"]])
    assert (others.status, others.json["size"]) == (201, 2), others.raw
    everybody = await create(program, mode="draft", audience=None, rows=[{"email": "zoe@z.test"}], also=["Staff"])
    assert everybody.json["size"] == 2
    nobody = await patch(program, everybody, everybody.headers["ETag"], also=None)
    assert nobody.json["size"] == 1


async def opens_filter(world: World, modal: Modal) -> Modal:
    await modal.press("Only those where")
    await world.bot.tasks.idle()
    return await modal.person.modal("Only those where")


async def applies(world: World, lines: Modal, **typed: str | None) -> None:
    for label, value in typed.items():
        lines.fill(label.replace("_", " ").capitalize(), value)
    await lines.submit()
    await world.bot.tasks.idle()


@OVER_HTTP
async def test_a_person_says_who_gets_it_in_a_form_of_its_own_and_nothing_typed_is_lost(world: World) -> None:
    await world.is_open()
    await (await world.composes(STAFF, save_as="Staff")).close()
    first = await world.composes(STAFF, subject="Before")
    await first.submit()
    await world.passes(UNDO_SECONDS)

    modal = await world.opens(world.bob, "/broadcast", "New broadcast")
    for label, value in (("From", "hello@acme.test"), ("Subject", "Spring news"), ("Message", "Hello {{first_name}}")):
        modal.fill(label, value)
    modal.fill("Audience CSV", ("people.csv", PEOPLE.encode()))
    assert "Everybody in the audience." in modal.text
    lines = await opens_filter(world, modal)
    await applies(world, lines, column_1="plan", operator_1="over", value_1="pro")
    assert "compares numbers" in lines.errors["Value 1"]
    await applies(world, lines, operator_1="is", column_2="tier", operator_2="is empty")
    assert world.bob.top_modal is not None
    assert world.bob.top_modal.title == "New broadcast"
    assert "Only those where plan is “pro”, and tier is empty." in modal.text
    assert (modal.value("Subject"), modal.value("Audience CSV")[0].name) == ("Spring news", "people.csv")

    await modal.submit()
    await world.bot.tasks.idle()
    assert "asks for the column “tier”, and the audience has “email”" in modal.text
    assert "3 from people.csv (kept)" in modal.text
    lines = await opens_filter(world, modal)
    assert lines.value("Column 2")["value"] == "tier"  # of a menu now: the columns are known
    await lines.submit()
    assert "asks for the column “tier”" in lines.errors["Column 2"]
    await applies(world, lines, column_2=None, operator_2=None)
    modal.fill("Except who got", [f"{world.clock():%Y-%m-%d} Before"])
    await modal.submit()
    await world.bot.tasks.idle()

    assert modal.title == "Check and send", modal.text
    for line in ("3 addresses in the file", "2 of them where plan is “pro”", "1 address left out, who got 1 broadcast"):
        assert line in modal.text
    assert "1 recipient will get “Spring news”" in modal.text

    await modal.press("Back")
    await world.bot.tasks.idle()
    assert "3 from people.csv (kept)" in modal.text
    assert "Only those where plan is “pro”." in modal.text
    lines = await opens_filter(world, modal)
    assert lines.value("Column 1")["value"] == "plan"
    await applies(world, lines, column_1="email", operator_1="contains", value_1="@A.test")
    modal.fill("Except", ["Staff (1)"])
    modal.fill("Except who got", [])
    await modal.submit()
    await world.bot.tasks.idle()
    assert "2 recipients will get “Spring news”" in modal.text
    await world.confirms(modal)
    await world.passes(UNDO_SECONDS)
    mailed = [mail.to[0] for mail in world.aws.mails if mail.subject == "Spring news"]
    assert sorted(mailed) == ["ben@a.test", "eve@a.test"]


@OVER_SOCKET_MODE
async def test_what_went_away_is_said_and_the_draft_stays(world: World) -> None:
    await world.is_open()
    await (await world.composes(STAFF, save_as="Staff")).close()
    modal = await world.composes(PEOPLE.encode(), save_as="People")
    await modal.press("Back")
    await world.bot.tasks.idle()
    modal.fill("Except", ["Staff (1)"])
    await applies(world, await opens_filter(world, modal), column_1="plan", operator_1="is", value_1="pro")
    await modal.submit()
    await world.bot.tasks.idle()
    message = await world.confirms(modal)
    await world.bob.press(message, "Undo")
    await world.settle()
    await (await world.composes(b"email,tier\nann@a.test,pro\n", save_as="People")).close()

    await world.bob.press(message, "Check and send")
    await world.bot.tasks.idle()
    modal = await world.bob.modal("Check and send")
    assert "asks for the column “plan”, and the audience has “email”, “tier”" in modal.text
    await modal.press("Back")
    await world.bot.tasks.idle()
    await applies(world, await opens_filter(world, modal), column_1="tier")
    saved = await world.bot.services.audiences.saved(await the_team(world))
    (staff,) = [audience for audience in saved if audience.name == "Staff"]
    await world.bot.services.audiences.remove(await the_team(world), staff.id, "U1")
    await modal.submit()
    await world.bot.tasks.idle()
    assert "no longer there" in modal.errors["Except"]
    modal.fill("Except", [])
    await modal.submit()
    await world.bot.tasks.idle()
    assert "1 of them where tier is “pro”" in modal.text


async def the_team(world: World) -> Team:
    async with world.bot.db.read() as session:
        return (await session.exec(select(Team))).one()
